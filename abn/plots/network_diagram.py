"""The network as a drawing in the order in which it computes, without crossing lines: SVG with live contents.

    Carl Lemaire's review of the paper: "I cannot bear unnecessary crossing of lines."

The way from the picture to the answer runs straight, through the attention branch. The class maps leave to one side of
it, and g(x) goes to the mechanism along the other. The same drawing exists from left to right and from top to bottom.
"""

import html
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
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
HEIGHT, THUMB = 144, 88  # of a stage and of the picture in it
PILL = 28  # height of an operation
TIP = 7  # length of an arrow's head
STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
LAYOUTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

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
    def center(self) -> Point:
        return self.x + self.width / 2, self.y + self.height / 2


class Line(NamedTuple):
    """A way of data, straight from corner to corner, with its arrow's head at the end."""

    points: Sequence[Point]
    unused: bool = False  # what comes this way is not applied


@dataclass(frozen=True)
class Layout:
    """Where everything lies."""

    size: Sequence[float]  # width and height
    label: Point  # of the attention branch's name; other parts have theirs in their middle
    parts: Mapping[str, Box]  # the three parts of the network
    stages: Mapping[str, Box]
    operations: Mapping[str, Box]  # what the lines lead through
    lines: Sequence[Line]


def layout(mechanism: str, *, narrow: bool = False) -> Layout:
    """From left to right, or from top to bottom where it must be `narrow`."""
    data = LAYOUTS["narrow" if narrow else "wide"]
    boxes = {
        group: {name: Box(*numbers) for name, numbers in data[group].items()}
        for group in ("parts", "stages", "operations")
    }
    unused = "M → mechanism" if mechanism == "none" else ""
    lines = [Line(tuple(map(tuple, points)), way == unused) for way, points in data["lines"].items()]
    return Layout(data["size"], data["label"], lines=lines, **boxes)


def draw(contents: Mapping[str, Content], mechanism: str, *, narrow: bool = False, pressable: bool = True) -> str:
    """The diagram as SVG, its stages as buttons if `pressable`; `contents` by the names of `STAGES`."""
    placed = layout(mechanism, narrow=narrow)
    labels = {"attention branch": placed.label}
    drawn = [_part(name, box, labels.get(name)) for name, box in placed.parts.items()]
    drawn += [_line(line) for line in placed.lines]
    drawn += [_operation(name, box, mechanism) for name, box in placed.operations.items()]
    drawn += [_stage(name, placed.stages[name], contents[name], pressable) for name in STAGES]
    width, height = placed.size
    inner = "\n".join(drawn)
    return (
        f'<svg class="abn-path" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="group">\n'
        f"<style>{STYLE}</style>\n{inner}\n</svg>"
    )


def _part(name: str, box: Box, label: Point | None) -> str:
    x, y = label or (box.center[0], box.center[1] + 5)
    lines = [name] if label or box.height < HEIGHT else name.split()
    first = y - 9 * (len(lines) - 1)
    words = "".join(_text(x, first + 18 * row, word, "title") for row, word in enumerate(lines))
    return _rectangle(box, "part", 10) + words


def _operation(name: str, box: Box, mechanism: str) -> str:
    x, y = box.center[0], box.center[1] + 5
    if name == "mechanism":
        words = "M is not applied" if mechanism == "none" else mechanism
        texts = _text(x, y - 9, EQUATIONS[mechanism], "title") + _text(x, y + 9, words, "small")
        return _rectangle(box, "gate", 10) + texts
    lines = name.split() if box.height > PILL else [name]
    first = y - 8 * (len(lines) - 1)
    return _rectangle(box, "pill", 8) + "".join(_text(x, first + 16 * row, word) for row, word in enumerate(lines))


def _stage(name: str, box: Box, content: Content, pressable: bool) -> str:
    heard = html.escape(", ".join((f"{ROLES[name]}: {content.shape}", *content.words)))
    x, top = box.center[0], box.y + 23
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
