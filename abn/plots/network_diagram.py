"""The network as a drawing in the order in which it computes, without crossing lines: SVG with live contents.

    Carl Lemaire's review of the paper: "I cannot bear unnecessary crossing of lines."

The way from the picture to the answer runs straight, through the attention branch. The class maps leave to one side of
it, and g(x) goes to the mechanism along the other. The same drawing exists from left to right and from top to bottom.
"""

import html
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from abn.explanations.stages import STAGES
from abn.vocabulary import EQUATIONS

TITLES = {"x": "x", "g": "g(x)", "A": "A", "M": "M", "g′": "g′(x)", "auxiliary logits": "aux. logits"}
ROLES = {  # what a person hears of a stage before its shape
    "x": "The picture x",
    "g": "The features g(x)",
    "A": "The trunk's response A",
    "class maps": "The class maps",
    "auxiliary logits": "The auxiliary logits",
    "M": "The attention map M",
    "g′": "The changed features g′(x)",
    "logits": "The logits, which are the answer",
}
SIDE, HEIGHT, THUMB = 112, 144, 88  # of a stage and of the picture in it
PILL = 28  # height of an operation
TIP = 7  # length of an arrow's head

STYLE = """
svg.abn-path { width: 100%; height: auto; display: block; font-family: var(--st-font, sans-serif); }
.abn-path text { fill: var(--st-text-color, #1d2430); font-size: 14px; text-anchor: middle; }
.abn-path .title { font-size: 15px; font-weight: 600; }
.abn-path .small { font-size: 13px; font-variant-numeric: tabular-nums; }
.abn-path .part { fill: var(--st-primary-color, #1f6fb5); fill-opacity: .1; stroke: var(--st-primary-color, #1f6fb5); }
.abn-path .pill { fill: var(--st-background-color, #fff); stroke: var(--st-primary-color, #1f6fb5); }
.abn-path .gate { fill: var(--st-background-color, #fff); stroke: var(--st-text-color, #1d2430); stroke-width: 2; }
.abn-path .line { fill: none; stroke: var(--st-text-color, #1d2430); stroke-width: 2; }
.abn-path .line.unused { stroke-dasharray: 5 5; }
.abn-path .tip { fill: var(--st-text-color, #1d2430); }
.abn-path .stage rect { fill: var(--st-background-color, #fff); stroke: var(--st-text-color, #1d2430);
                        stroke-opacity: .45; stroke-width: 1.5; }
.abn-path .stage image { image-rendering: pixelated; }
.abn-path .stage[data-stage] { cursor: pointer; outline: none; }
.abn-path .stage[data-stage]:hover rect { stroke-opacity: 1; }
.abn-path .stage[aria-pressed=true] rect { stroke: var(--st-primary-color, #1f6fb5); stroke-width: 4;
                                           stroke-opacity: 1; }
.abn-path .stage:focus-visible rect { stroke: var(--st-text-color, #1d2430); stroke-width: 4; stroke-opacity: 1; }
"""

Point = tuple[float, float]


@dataclass(frozen=True)
class Content:
    """What a stage holds at present."""

    shape: str  # as people read it: 112 × 14 × 14
    picture: str = ""  # a data: URL
    words: tuple[str, ...] = ()  # drawn where there is no picture, and heard in any case


class Box(NamedTuple):
    """A rectangle, its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> Point:
        return self.x, self.y + self.height / 2

    @property
    def right(self) -> Point:
        return self.x + self.width, self.y + self.height / 2

    @property
    def top(self) -> Point:
        return self.x + self.width / 2, self.y

    @property
    def bottom(self) -> Point:
        return self.x + self.width / 2, self.y + self.height


class Line(NamedTuple):
    """A way of data, straight from corner to corner, with its arrow's head at the end."""

    points: tuple[Point, ...]
    unused: bool = False  # what comes this way is not applied


@dataclass(frozen=True)
class Layout:
    """Where everything lies."""

    width: float
    height: float
    stages: Mapping[str, Box]
    operations: Mapping[str, Box]  # what the lines lead through
    parts: Mapping[str, Box]  # the three parts of the network
    lines: Sequence[Line]
    labels: Mapping[str, Point] = field(default_factory=dict)  # where a part's name stands, if not in its middle


def layout(mechanism: str, *, narrow: bool = False) -> Layout:
    """From left to right, or from top to bottom where it must be `narrow`."""
    stages, operations, parts, labels = _down() if narrow else _across()
    boxes = {**stages, **operations, **parts}

    def line(start: str, end: str, out: str, into: str, *corners: Point, unused: bool = False) -> Line:
        return Line((getattr(boxes[start], out), *corners, getattr(boxes[end], into)), unused)

    ahead = ("bottom", "top") if narrow else ("right", "left")
    aside = ("right", "left") if narrow else ("top", "bottom")
    back = ("left", "left") if narrow else ("bottom", "bottom")
    straight = ["x", "feature extractor", "g", "trunk", "A", "map head", "M", "mechanism", "g′", "perception branch"]
    if narrow:
        corners = ((24, boxes["g"].left[1]), (24, boxes["mechanism"].left[1]))
    else:
        below = boxes["attention branch"].bottom[1] + 26
        corners = ((boxes["g"].bottom[0], below), (boxes["mechanism"].bottom[0], below))
    lines = [
        *(
            line(start, end, *ahead, unused=start == "M" and mechanism == "none")
            for start, end in itertools.pairwise([*straight, "logits"])
        ),
        line("A", "class head", *aside),
        line("class head", "class maps", *aside),
        line("class maps", "mean", *ahead),
        line("mean", "auxiliary logits", *ahead),
        line("g", "mechanism", *back, *corners),
    ]
    bounds = (366, 1266) if narrow else (1348, 446)
    return Layout(*bounds, stages, operations, parts, lines, labels)


def _across() -> tuple[dict, ...]:
    upper, lower = 46, 252  # the top of both rows
    middle = lower + HEIGHT / 2
    columns = {"x": 8, "g": 256, "A": 480, "M": 684, "g′": 964, "logits": 1228}
    stages = {name: Box(x, lower, SIDE, HEIGHT) for name, x in columns.items()}
    stages |= {
        "class maps": Box(columns["A"], upper, SIDE, HEIGHT),
        "auxiliary logits": Box(columns["M"], upper, SIDE, HEIGHT),
    }
    between = (upper + HEIGHT + lower) / 2
    operations = {
        "trunk": Box(402, middle - PILL / 2, 58, PILL),
        "class head": Box(columns["A"] + 11, between - PILL / 2, 90, PILL),
        "map head": Box(612, middle - 22, 52, 44),
        "mean": Box(612, upper + HEIGHT / 2 - PILL / 2, 52, PILL),
        "mechanism": Box(832, middle - 30, 112, 60),
    }
    parts = {
        "feature extractor": Box(140, lower, 96, HEIGHT),
        "attention branch": Box(386, 10, 426, lower + HEIGHT + 14 - 10),
        "perception branch": Box(1094, lower, 114, HEIGHT),
    }
    return stages, operations, parts, {"attention branch": (599, 31)}


def _down() -> tuple[dict, ...]:
    near, far = 62, 246  # the left of both columns
    rows = {"x": 8, "g": 226, "A": 446, "M": 652, "g′": 898, "logits": 1116}
    stages = {name: Box(near, y, SIDE, HEIGHT) for name, y in rows.items()}
    stages |= {
        "class maps": Box(far, rows["A"], SIDE, HEIGHT),
        "auxiliary logits": Box(far, rows["M"], SIDE, HEIGHT),
    }
    operations = {
        "trunk": Box(near + 21, 402, 70, PILL),
        "class head": Box(185, rows["A"] + HEIGHT / 2 - 22, 50, 44),
        "map head": Box(near + 11, 607, 90, PILL),
        "mean": Box(far + 21, 607, 70, PILL),
        "mechanism": Box(near, 824, SIDE, 56),
    }
    parts = {
        "feature extractor": Box(near - 16, 168, SIDE + 32, 40),
        "attention branch": Box(46, 386, 318, 424),
        "perception branch": Box(near - 16, 1058, SIDE + 32, 40),
    }
    return stages, operations, parts, {"attention branch": (270, 420)}


def draw(contents: Mapping[str, Content], mechanism: str, *, narrow: bool = False, pressable: bool = True) -> str:
    """The diagram as SVG, its stages as buttons if `pressable`; `contents` by the names of `STAGES`."""
    placed = layout(mechanism, narrow=narrow)
    drawn = [*(_part(name, box, placed.labels.get(name)) for name, box in placed.parts.items())]
    drawn += [_line(line) for line in placed.lines]
    drawn += [_operation(name, box, mechanism) for name, box in placed.operations.items()]
    drawn += [_stage(name, placed.stages[name], contents[name], pressable) for name in STAGES]
    size = f"{placed.width:g} {placed.height:g}"
    inner = "\n".join(drawn)
    return (
        f'<svg class="abn-path" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="group">\n'
        f"<style>{STYLE}</style>\n{inner}\n</svg>"
    )


def _part(name: str, box: Box, label: Point | None) -> str:
    x, y = label or (box.top[0], box.left[1] + 5)
    lines = [name] if label or box.height < HEIGHT else name.split()
    first = y - 9 * (len(lines) - 1)
    words = "".join(_text(x, first + 18 * row, word, "title") for row, word in enumerate(lines))
    return _rectangle(box, "part", 10) + words


def _operation(name: str, box: Box, mechanism: str) -> str:
    x, y = box.top[0], box.left[1] + 5
    if name == "mechanism":
        words = "M is not applied" if mechanism == "none" else mechanism
        texts = _text(x, y - 9, EQUATIONS[mechanism], "title") + _text(x, y + 9, words, "small")
        return _rectangle(box, "gate", 10) + texts
    lines = name.split() if box.height > PILL else [name]
    first = y - 8 * (len(lines) - 1)
    return _rectangle(box, "pill", 8) + "".join(_text(x, first + 16 * row, word) for row, word in enumerate(lines))


def _stage(name: str, box: Box, content: Content, pressable: bool) -> str:
    heard = html.escape(", ".join((f"{ROLES[name]}: {content.shape}", *content.words)))
    x, top = box.top[0], box.y + 23
    if content.picture:
        image = Box(x - THUMB / 2, top + 5, THUMB, THUMB)
        inner = (
            f'<image href="{html.escape(content.picture)}" x="{image.x:g}" y="{image.y:g}" width="{image.width:g}" '
            f'height="{image.height:g}" preserveAspectRatio="none"/>'
        )
    else:
        first = top + 5 + THUMB / 2 - 9 * len(content.words) + 13
        inner = "".join(_text(x, first + 18 * row, word) for row, word in enumerate(content.words))
    role = f'role="button" tabindex="0" aria-pressed="false" data-stage="{name}"' if pressable else 'role="img"'
    return (
        f'<g class="stage" {role} aria-label="{heard}">'
        f"{_rectangle(box, '', 8)}{_text(x, box.y + 20, TITLES.get(name, name), 'title')}{inner}"
        f"{_text(x, box.y + HEIGHT - 9, content.shape, 'small')}</g>"
    )


def _rectangle(box: Box, kind: str, round_by: int) -> str:
    place = " ".join(f'{name}="{value:g}"' for name, value in box._asdict().items())
    return f'<rect class="{kind}" {place} rx="{round_by}"/>'


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{html.escape(words)}</text>'


def _line(line: Line) -> str:
    (x0, y0), (x, y) = line.points[-2:]
    across, down = (x > x0) - (x < x0), (y > y0) - (y < y0)  # one of both is 0
    foot = x - TIP * across, y - TIP * down
    sides = [(foot[0] + half * down, foot[1] + half * across) for half in (-5, 5)]
    way = " ".join(f"{px:g},{py:g}" for px, py in (*line.points[:-1], foot))
    tip = " ".join(f"{px:g},{py:g}" for px, py in ((x, y), *sides))
    kind = "line unused" if line.unused else "line"
    return f'<polyline class="{kind}" points="{way}"/><polygon class="tip" points="{tip}"/>'
