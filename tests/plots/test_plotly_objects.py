"""Every figure is made after pandas was imported whole."""

import re
from pathlib import Path

ABN = Path(__file__).parents[2] / "abn"


def test_only_one_module_imports_plotly():
    importing = re.compile(r"^\s*(import|from) plotly", re.MULTILINE)
    modules = [path.name for path in ABN.rglob("*.py") if importing.search(path.read_text(encoding="utf-8"))]
    assert sorted(modules) == ["elements.py", "plotly_objects.py"]  # the first for its types alone
