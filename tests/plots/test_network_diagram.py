"""The drawing: complete, in order, legible, and without crossing lines."""

import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from abn.explanations.stages import STAGES
from abn.plots.network_diagram import STYLE, Content, draw
from abn.vocabulary import EQUATIONS, MECHANISMS

STYLESHEET = Path(__file__).parents[2] / "abn/ui/components/network_path/network_path.css"
SVG = "{http://www.w3.org/2000/svg}"
CONTENTS = {
    name: Content(f"{place + 2} × 14 × 14", "data:image/png;base64,AAAA") for place, name in enumerate(STAGES)
} | {"logits": Content("10", words=("tabby", "42.0 %")), "auxiliary logits": Content("11", words=("sock", "7.0 %"))}
ALL = pytest.mark.parametrize(("mechanism", "narrow"), list(itertools.product(MECHANISMS, (False, True))))


def parsed(mechanism: str, narrow: bool, contents=CONTENTS) -> ET.Element:
    return ET.fromstring(draw(contents, mechanism, narrow=narrow))


class Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float


class Line(NamedTuple):
    """From corner to corner, the last of them the arrow's tip."""

    points: tuple[tuple[float, ...], ...]
    unused: bool = False


def lines_of(root: ET.Element) -> list[Line]:
    shafts, tips = root.iter(f"{SVG}polyline"), root.iter(f"{SVG}polygon")
    return [
        Line((*points(shaft.get("points"))[:-1], points(tip.get("points"))[0]), "unused" in shaft.get("class"))
        for shaft, tip in zip(shafts, tips, strict=True)
    ]


def boxes_of(root: ET.Element) -> dict[str, Box]:
    """Parts, operations and stages by name; a stage's rectangle begins where its group is moved to."""
    boxes = {
        rect.get("data-name"): Box(*(float(rect.get(side)) for side in Box._fields))
        for rect in root.iter(f"{SVG}rect")
        if rect.get("data-name")
    }
    for group in stages_of(root):
        (rect,) = group.iter(f"{SVG}rect")
        x, y = map(float, re.findall(r"[\d.]+", group.get("transform")))
        boxes[group.get("data-name")] = Box(x, y, float(rect.get("width")), float(rect.get("height")))
    return boxes


def stages_of(root: ET.Element) -> list[ET.Element]:
    return [group for group in root.iter(f"{SVG}g") if group.get("class", "").startswith("stage")]


def options_of(root: ET.Element) -> list[ET.Element]:
    return [group for group in root.iter(f"{SVG}g") if group.get("class", "").split(" ")[0] == "option"]


def size_of(root: ET.Element) -> tuple[float, float]:
    _, _, width, height = map(float, root.get("viewBox").split())
    return width, height


def texts(root: ET.Element) -> list[str]:
    return [element.text for element in root.iter(f"{SVG}text")]


def points(text: str) -> list[tuple[float, ...]]:
    return [tuple(map(float, pair.split(","))) for pair in text.split()]


def crossings(lines: Sequence[Line]) -> list[tuple[Line, Line]]:
    """Every two lines, drawn across and down, that have a point in common."""

    def meet(a, b, c, d) -> bool:
        return all(
            max(min(a[axis], b[axis]), min(c[axis], d[axis])) <= min(max(a[axis], b[axis]), max(c[axis], d[axis]))
            for axis in (0, 1)
        )

    return [
        (first, second)
        for first, second in itertools.combinations(lines, 2)
        if any(meet(*a, *b) for a in itertools.pairwise(first.points) for b in itertools.pairwise(second.points))
    ]


@ALL
def test_no_two_lines_cross_or_touch(mechanism, narrow):
    lines = lines_of(parsed(mechanism, narrow))
    assert len(lines) == 15 and crossings(lines) == []
    assert all(
        a[0] == b[0] or a[1] == b[1] for line in lines for a, b in itertools.pairwise(line.points)
    )  # `crossings` knows lines across and down alone


def test_crossing_touching_and_overlapping_lines_are_found():
    across, down = Line(((0, 5), (10, 5))), Line(((5, 0), (5, 10)))
    assert crossings([across, down]) == [(across, down)]
    assert crossings([across, Line(((10, 5), (20, 5)))]) and crossings([across, Line(((3, 5), (20, 5)))])
    assert crossings([across, Line(((0, 9), (8, 9), (8, 2)))])  # by its second piece
    assert crossings([across, Line(((0, 6), (10, 6))), Line(((11, 0), (11, 10)))]) == []


@ALL
def test_only_a_map_that_is_not_applied_leaves_by_an_unused_line(mechanism, narrow):
    root = parsed(mechanism, narrow)
    unused = [line for line in lines_of(root) if line.unused]
    assert len(unused) == (mechanism == "none")
    x, y, width, height = boxes_of(root)["M"]
    assert all(line.points[0] in ((x + width, y + height / 2), (x + width / 2, y + height)) for line in unused)


@ALL
def test_an_arrow_ends_in_its_own_direction(mechanism, narrow):
    root = parsed(mechanism, narrow)
    for line, tip in zip(lines_of(root), root.iter(f"{SVG}polygon"), strict=True):
        head, first, second = points(tip.get("points"))
        foot = (first[0] + second[0]) / 2, (first[1] + second[1]) / 2
        way = np.subtract(line.points[-1], line.points[-2])
        assert np.allclose(np.subtract(head, foot) / 7, way / np.abs(way).sum())


@ALL
def test_no_line_runs_through_a_box_and_no_box_over_another(mechanism, narrow):
    root = parsed(mechanism, narrow)
    small, (across, down) = boxes_of(root), size_of(root)
    frame = small.pop("attention branch")
    assert len(small) == len(STAGES) + 5 + 2  # five operations and two other parts

    def apart(a: Box, b: Box) -> bool:
        return (
            a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y or b.y + b.height <= a.y
        )  # sides may touch

    assert all(apart(a, b) for a, b in itertools.combinations(small.values(), 2))
    for line in lines_of(root):
        for (x0, y0), (x1, y1) in itertools.pairwise(line.points):
            run = Box(min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0))
            assert all(apart(run, box) for box in small.values())
    inside = {name for name, box in small.items() if not apart(box, frame)}
    assert inside == {"A", "M", "class maps", "auxiliary logits", "trunk", "class head", "map head", "mean"}
    assert all(b.x >= 0 and b.x + b.width <= across and b.y + b.height <= down for b in small.values())


@ALL
def test_every_stage_is_a_button_with_its_shape_and_every_part_is_named(mechanism, narrow):
    root = parsed(mechanism, narrow)
    buttons = {g.get("data-stage"): g for g in stages_of(root)}
    assert list(buttons) == list(STAGES)
    for name, button in buttons.items():
        assert (button.get("role"), button.get("tabindex"), button.get("aria-pressed")) == ("button", "0", "false")
        assert CONTENTS[name].shape in texts(button) and CONTENTS[name].shape in button.get("aria-label")
        assert bool(list(button.iter(f"{SVG}image"))) == bool(CONTENTS[name].picture)
        assert all(word in texts(button) and word in button.get("aria-label") for word in CONTENTS[name].words)
    words = " ".join(texts(root))
    for part in ("feature extractor", "attention branch", "perception branch", "trunk", "map head", "class head"):
        assert part in words
    assert mechanism in texts(root)  # trained with
    assert [option.find(f"{SVG}text").text for option in options_of(root)] == list(EQUATIONS.values())


@ALL
@pytest.mark.parametrize("applied", MECHANISMS)
def test_the_applied_mechanism_is_the_chosen_radio_button_and_the_trained_one_is_named(mechanism, narrow, applied):
    root = ET.fromstring(draw(CONTENTS, mechanism, narrow=narrow, applied=applied, switchable=True))
    options = {option.get("data-mechanism"): option for option in options_of(root)}
    assert list(options) == list(MECHANISMS)
    for name, option in options.items():
        chosen = name == applied
        assert (option.get("role"), option.get("aria-checked")) == ("radio", str(chosen).lower())
        assert option.get("tabindex") == ("0" if chosen else "-1")
        assert ("applied" in option.get("class")) == chosen
        assert ("as trained" in option.get("aria-label")) == (name == mechanism)
    assert any(line.unused for line in lines_of(root)) == (applied == "none")


def holds(box: Box, point: tuple[float, ...]) -> bool:
    return box.x <= point[0] <= box.x + box.width and box.y <= point[1] <= box.y + box.height


@pytest.mark.parametrize("narrow", [False, True])
def test_both_heads_read_a_and_m_goes_to_the_mechanism_alone(narrow):
    root = parsed("additive", narrow)
    boxes = {name: box for name, box in boxes_of(root).items() if name != "attention branch"}

    def name_at(point: tuple[float, ...]) -> str:
        return next(name for name, box in boxes.items() if holds(box, point))

    followers: dict[str, set[str]] = {}
    for line in lines_of(root):
        followers.setdefault(name_at(line.points[0]), set()).add(name_at(line.points[-1]))
    assert followers["g"] == {"trunk", "mechanism"} and followers["trunk"] == {"A"}
    assert followers["A"] == {"map head", "class head"}
    assert followers["map head"] == {"M"} and followers["M"] == {"mechanism"}
    assert followers["class head"] == {"class maps"}
    assert followers["class maps"] == {"mean"} and followers["mean"] == {"auxiliary logits"}


def test_a_diagram_without_buttons_has_the_same_words():
    root = ET.fromstring(draw(CONTENTS, "additive", pressable=False))
    assert {group.get("role") for group in (*stages_of(root), *options_of(root))} == {"img"}
    assert texts(root) == texts(parsed("additive", False))


def test_letters_are_large_enough_at_the_narrowest_width_of_each_diagram():
    smallest = min(float(size) for size in re.findall(r"font-size: ([\d.]+)px", STYLE))
    narrowest = float(re.search(r"@container \(max-width: ([\d.]+)px\)", STYLESHEET.read_text()).group(1))
    assert narrowest < 700
    assert smallest * 700 / size_of(parsed("none", False))[0] >= 14
    assert smallest * 358 / size_of(parsed("none", True))[0] >= 15  # a page of 390 pixels


def test_text_is_only_text():
    hostile = dict(CONTENTS, logits=Content("<b>", words=('"><script>alert(1)</script>', "& ]]>")))
    root = parsed("additive", False, hostile)
    assert not list(root.iter(f"{SVG}script")) and '"><script>alert(1)</script>' in texts(root)
