"""QR codes: the address in them, black on white, with the quiet zone that readers need."""

import re
from xml.etree import ElementTree

import pytest
import segno

from abn.teaching.qr_code import BORDER, qr_svg

ADDRESS = "http://192.168.0.12:8501/Inside?variants=a,b&stage=g%E2%80%B2"


def test_a_code_is_the_address_and_as_large_as_asked():
    svg = qr_svg(ADDRESS, 224)
    root = ElementTree.fromstring(svg)
    assert [float(root.get(side)) for side in ("width", "height")] == pytest.approx([224, 224])
    drawn = ElementTree.fromstring(svg).findall(".//{http://www.w3.org/2000/svg}path")
    assert [path.get("fill") or path.get("stroke") for path in drawn] == ["#fff", "#000"]
    matrix = segno.make(ADDRESS, error="m", micro=False).matrix
    runs = re.findall(r"h(\d+)", drawn[1].get("d"))
    assert sum(map(int, runs)) == sum(map(sum, matrix))  # the dark modules
    assert drawn[1].get("d").startswith(f"M{BORDER} {BORDER}.5")


def test_other_addresses_have_other_codes():
    assert qr_svg(ADDRESS) != qr_svg(f"{ADDRESS}x")
