"""README and docs name only what there is; the tables of variants hold what the cards hold."""

import re
from pathlib import Path

import pytest

from abn.images.samples import gallery
from abn.ui.layout import PAGES
from abn.variants.measured import TABLES, format_tables
from abn.variants.store import list_variants

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXTS = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "checkpoints/README.md", *(ROOT / "docs").glob("*.md"))
MAX_LINES = 120


def test_the_figures_are_those_of_the_cards():
    text = (ROOT / "checkpoints/README.md").read_text(encoding="utf-8")
    table = re.search(r"<!-- figures: .*? -->\n(.*?)\n<!-- /figures -->", text, re.S)
    assert table and table[1].strip() == format_tables(list_variants())


@pytest.mark.parametrize("measured_on", TABLES)
def test_every_shipped_variant_was_measured_on_the_same_data(measured_on):
    cards = [card for card in list_variants() if measured_on in card.measured]
    counts = [
        {data: figures["count"] for data, figures in card.measured.items() if "count" in figures} for card in cards
    ]
    assert all(count == counts[0] for count in counts)
    assert len(cards) >= {"labeled": 6, "cluttered": 3}.get(measured_on, 0)


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(text):
    targets = re.findall(r"\]\(([^)#:]+)\)", text.read_text(encoding="utf-8"))
    assert not [target for target in targets if not (text.parent / target).exists()]


def test_readme_is_short_and_begins_with_one_command():
    assert len(README.splitlines()) <= MAX_LINES
    (first, *_) = re.findall(r"```bash\n(.*?)```", README, re.S)
    assert first == "pip install -r requirements.txt && streamlit run app.py\n"


def test_the_example_in_python_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    (example,) = re.findall(r"```python\n(.*?)```", README, re.S)
    exec(example, results := {})
    assert results["explanation"].attention.shape == (14, 14) and "coffee mug" in capsys.readouterr().out


def test_the_tour_names_images_of_the_gallery_and_all_pages_are_listed():
    titles = {photo.title for photo in gallery().values()}
    named = set(re.findall(r"\*((?:A|An|Two|Three) [^*]+)\*", README))
    assert len(named) == 3 and named <= titles
    assert re.findall(r"^\| \*\*(.+?)\*\* \|", README, re.M) == [title for title, _ in PAGES.values()]


@pytest.mark.parametrize("text", ["README.md", "docs/library.md"])
def test_the_count_of_families_is_that_of_the_list(text):
    made, tried = re.search(r"(\d+) of (\d+) make an", (ROOT / "docs/backbones.md").read_text("utf-8")).groups()
    stated = (ROOT / text).read_text(encoding="utf-8")
    assert re.search(rf"{made} of (?:the )?{tried} families", stated)


CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:abn|pages|tests|docs)/[^`]*)`", CONTRIBUTING))))
def test_every_path_in_contributing_exists(path):
    assert (ROOT / path).exists()
