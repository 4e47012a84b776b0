"""All pages together, through AppTest: each is in the list, and going from one to another computes nothing twice."""

from pathlib import Path

import pytest
from reading import texts

from abn.explanations import explainer, interventions
from abn.ui.controls.words import NO_VARIANT
from abn.ui.layout import PAGES

ROOT = Path(__file__).parents[2]


def test_every_page_is_in_the_list():
    assert {str(path.relative_to(ROOT)) for path in (ROOT / "pages").glob("*.py")} | {"app.py"} == set(PAGES)


@pytest.mark.parametrize("page", list(PAGES)[1:])
def test_every_page_is_short_and_flat(page):
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 85 and not any(line.startswith(("import torch", "def main")) for line in lines)


def test_going_about_computes_nothing_twice(ready, monkeypatch):
    for page in [*PAGES, "app.py"]:
        assert not ready.switch_page(page).run().exception

    def again(*_, **__):
        pytest.fail("computed again")

    monkeypatch.setattr(explainer, "explain", again)
    monkeypatch.setattr(interventions, "attend_variants", again)
    monkeypatch.setattr(interventions.AttendedImage, "predict", again)
    for page in reversed(PAGES):
        assert not ready.switch_page(page).run().exception


def test_without_a_variant_every_page_says_what_to_do(ready):
    ready.run()
    ready.multiselect(key="variant_ids").set_value([]).run()
    for page in ("pages/Ablation.py", "pages/Intervene.py", "pages/Teach_the_map.py"):
        at = ready.switch_page(page).run()
        assert not at.exception and texts(at.info) == [NO_VARIANT]
