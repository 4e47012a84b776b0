"""The HTML report: it stands alone, states everything, and escapes whatever it is given."""

import base64
import hashlib
import io
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from exporting import cards, comparison
from PIL import Image

from abn.export import figures
from abn.export.html_report import ABOUT_MAPS, html_report
from abn.plots.color_maps import bar_numbers
from abn.plots.map_words import flat_sentence
from abn.plots.numbers import percent

HOSTILE = '=HYPERLINK("http://x")<script>alert(1)</script>&\'" ../../x'


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    variants = cards(tmp_path_factory.mktemp("variants"))
    return comparison(
        variants, title="Noise", alt="Gray noise", credit="N. Body · MIT · http://nowhere/x", date="2026-01-02"
    )


class ParsedPage(HTMLParser):
    """The text of a page, its references, and what could run or load something."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.addresses, self.alts, self.active, self.open = "", [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag in ("script", "iframe", "object", "embed", "link", "form", "base", "svg", "a"):
            self.active.append(tag)
        self.active += [name for name in attributes if name.startswith("on")]
        self.addresses += [
            attributes[name] for name in ("src", "href", "srcset", "action", "data") if name in attributes
        ]
        self.alts += [attributes["alt"]] if tag == "img" else []
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            assert "url(" not in data and "@import" not in data
        else:
            self.text += data


def test_the_report_stands_alone(compared):
    page = ParsedPage(html_report(compared))
    assert not page.active and len(page.addresses) == len(page.alts) == 1 + 2 * 2
    assert all(len(alt) > 20 for alt in page.alts)
    for address in page.addresses:
        assert address.startswith("data:image/jpeg;base64,")
        with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as image:
            image.load()
            assert not image.getexif() and not {"exif", "xmp", "comment"} & set(image.info)


def test_the_report_states_predictions_hashes_and_settings(compared):
    text = " ".join(ParsedPage(html_report(compared)).text.split())
    assert ABOUT_MAPS in text and compared.credit in text and compared.date in text
    assert compared.picture.sha256 in text and compared.style.colors in text
    for explanation, card, color_range in zip(
        compared.explanations, compared.cards, compared.color_ranges, strict=True
    ):
        assert f"{figures.training_text(explanation, card)}applied {explanation.applied}" in text
        assert card.sha256 in text
        assert hashlib.sha256(figures.npy_bytes(explanation.attention)).hexdigest() in text
        assert "".join(bar_numbers(*color_range)) in text
        for head in ("auxiliary", "perception"):
            for p in explanation.top(head):
                assert f"{p.label}{percent(p.probability)}" in text


def test_the_report_states_a_flat_map_and_a_swapped_mechanism(compared):
    flat = replace(compared.explanations[0], attention=np.full((8, 8), 0.5, np.float32), applied="none")
    text = ParsedPage(html_report(replace(compared, explanations=[flat], cards=compared.cards[:1]))).text
    assert flat_sentence(flat.attention) in text and "applied none, swapped" in text


def test_all_text_is_escaped(compared):
    explanations = [replace(e, labels=tuple(f"{HOSTILE}{k}" for k in range(10))) for e in compared.explanations]
    named = [replace(card, title=HOSTILE) for card in compared.cards]
    hostile = replace(
        compared, explanations=explanations, cards=named, title=HOSTILE, alt=HOSTILE, credit=HOSTILE, date=HOSTILE
    )
    page = ParsedPage(html_report(hostile))
    assert not page.active and HOSTILE in page.text and any(HOSTILE in alt for alt in page.alts)
