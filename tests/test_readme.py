"""README says what the cards say; README and CONTRIBUTING name only what there is."""

import re
from pathlib import Path

import pytest

from abn.images.samples import gallery
from abn.variants.measured import TABLES, format_tables
from abn.variants.store import list_variants

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_figures_are_those_of_the_cards():
    table = re.search(r"<!-- figures: .*? -->\n(.*?)\n<!-- /figures -->", README, re.S)
    assert table and table[1].strip() == format_tables(list_variants())


@pytest.mark.parametrize("measured_on", TABLES)
def test_every_shipped_variant_was_measured_on_the_same_data(measured_on):
    cards = [card for card in list_variants() if measured_on in card.measured]
    counts = [
        {data: figures["count"] for data, figures in card.measured.items() if "count" in figures} for card in cards
    ]
    assert all(count == counts[0] for count in counts)
    assert len(cards) >= {"labeled": 6, "cluttered": 3}.get(measured_on, 0)


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#:]+)\)", README))
def test_every_link_leads_somewhere(target):
    assert (ROOT / target).exists()


@pytest.mark.parametrize("photo", ["space-shuttle", "clothing-boot-among-pieces"])
def test_the_tour_says_where_an_image_stands_in_the_strip(photo):
    counts = ("two", "three", "four", "five", "six", "seven", "eight", "nine")
    after = len(gallery()) - 1 - list(gallery()).index(photo)
    name = {"space-shuttle": "space shuttle"}.get(photo, f"*{gallery()[photo].title}*")
    assert f"{name}, last but {counts[after - 2]} in the strip" in README


CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:abn|pages|tests|docs)/[^`]*)`", CONTRIBUTING))))
def test_every_path_in_contributing_exists(path):
    assert (ROOT / path).exists()
