"""Every figure is made after pandas was imported whole."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_pandas_is_whole_before_any_figure_is_made():
    """Plotly asks for it in whatever thread, and would take it half imported from another session's."""
    code = "import sys; import abn.plots.plotly_objects; print(hasattr(sys.modules.get('pandas'), 'Series'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "True", done.stderr


def test_plotly_is_imported_in_one_place():
    importing = re.compile(r"^\s*(import|from) plotly", re.MULTILINE)
    modules = [path.name for path in (ROOT / "abn").rglob("*.py") if importing.search(path.read_text(encoding="utf-8"))]
    assert sorted(modules) == ["elements.py", "plotly_objects.py", "theme.py"]  # the others for types alone
