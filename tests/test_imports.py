"""What takes seconds to import waits until it is needed: no torch before a network runs, no Streamlit below ui."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ["torch", "torchvision", "timm", "scipy.stats"]
LIBRARY = """
import abn, abn.__main__
from abn.explanations import first_view
from abn.images import samples
from abn.teaching.exercises import draw_questions, read_material
import abn.batch.command, abn.export.archive, abn.study.figures, abn.study.findings, abn.variants.history

photo = next(iter(samples.gallery().values()))
assert first_view.shipped(abn.open_picture(photo.path.read_bytes()), abn.list_variants())
assert draw_questions(7, material=read_material())
"""
PAGES = """
from streamlit.testing.v1 import AppTest
import abn.ui.ablation.disagreement_panel
from abn.ui.runtime import loading

loading.start_loading = lambda: None
at = AppTest.from_file("app.py", default_timeout=120)
for page in ("app.py", "pages/Study.py", "pages/Exercises.py", "pages/Teach.py", "pages/Bring_your_own.py"):
    assert not at.switch_page(page).run().exception, page
"""


@pytest.mark.parametrize(
    ("code", "heavy"), [(LIBRARY, [*HEAVY, "streamlit"]), (PAGES, HEAVY)], ids=["library", "pages"]
)
def test_heavy_packages_wait_until_they_are_needed(code, heavy):
    code = f"import json, sys\n{code}\nprint(json.dumps(sorted(set({heavy}) & set(sys.modules))))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and json.loads(done.stdout.splitlines()[-1]) == [], done.stderr
