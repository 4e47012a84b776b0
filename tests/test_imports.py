"""What takes seconds to import waits until it is needed: no torch where ONNX Runtime does, no Streamlit below ui."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ["torch", "torchvision", "timm", "scipy.stats"]
LIBRARY = """
import abn, abn.__main__
from abn.images import samples
from abn.teaching.exercises import draw_questions, read_material
import abn.batch.command, abn.export.archive, abn.study.figures, abn.study.findings, abn.variants.history

photo = next(iter(samples.gallery().values()))
assert abn.explain(abn.open_picture(photo.path.read_bytes()), [card.id for card in abn.list_variants()])
assert draw_questions(7, material=read_material())
"""
FIRST_PAGE = "import runpy; runpy.run_path('app.py')"  # as a server does when it starts
PAGES = """
from streamlit.testing.v1 import AppTest
from abn.teaching.lessons import STEPS
from abn.ui.layout import PAGES

NEEDS_TORCH = "pages/Bring_your_own.py"  # it lists timm's CNNs
at = AppTest.from_file("app.py", default_timeout=120)
for page in PAGES:
    assert page == NEEDS_TORCH or not at.switch_page(page).run().exception, page
for number in range(1, len(STEPS) + 1):
    at.session_state["lesson_step"] = number
    assert not at.switch_page("pages/Learn.py").run().exception, number
    assert at.subheader[0].value == STEPS[number - 1].title
"""


@pytest.mark.parametrize(
    ("code", "heavy"),
    [(LIBRARY, [*HEAVY, "streamlit"]), (FIRST_PAGE, [*HEAVY, "pandas"]), (PAGES, HEAVY)],
    ids=["library", "first page", "pages"],
)
def test_heavy_packages_wait_until_they_are_needed(code, heavy):
    code = f"import json, sys\n{code}\nprint(json.dumps(sorted(set({heavy}) & set(sys.modules))))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and json.loads(done.stdout.splitlines()[-1]) == [], done.stderr
