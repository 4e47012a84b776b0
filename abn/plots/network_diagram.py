"""The network as a drawing in the order in which it computes, without crossing lines: SVG with live contents.

    Carl Lemaire's review of the paper: "I cannot bear unnecessary crossing of lines."

The way from the picture to the answer runs straight, through the attention branch. The class maps leave to one side of
it, and g(x) goes to the mechanism along the other. The drawing is an SVG file that is filled in here; there is one from
left to right, and for narrow pages one from top to bottom.
"""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from abn.explanations.stages import STAGES
from abn.vocabulary import EQUATIONS

TITLES = {"x": "x", "g": "g(x)", "A": "A", "M": "M", "g′": "g′(x)", "auxiliary logits": "aux. logits"}
ROLES = {  # name of a stage for screen readers
    "x": "The picture x",
    "g": "The features g(x)",
    "A": "The trunk's response A",
    "class maps": "The class maps",
    "auxiliary logits": "The auxiliary logits",
    "M": "The attention map M",
    "g′": "The changed features g′(x)",
    "logits": "The logits, which are the answer",
}
WIDTH, THUMB = 112, 88  # of a stage and of the image in it, pixels
LINE = 18  # pixels between two lines of text
STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
DRAWINGS = {
    narrow: Template(Path(__file__).with_name(f"network_diagram_{name}.svg").read_text(encoding="utf-8"))
    for narrow, name in ((False, "wide"), (True, "narrow"))
}


@dataclass(frozen=True)
class Content:
    """The content of a stage for one image."""

    shape: str  # as people read it: 112 × 14 × 14
    picture: str = ""  # a data: URL
    words: tuple[str, ...] = ()  # drawn where there is no picture, and always read out


def draw(contents: Mapping[str, Content], mechanism: str, *, narrow: bool = False, pressable: bool = True) -> str:
    """The diagram as SVG, its stages as buttons if `pressable`; `contents` by the names of `STAGES`."""
    unapplied = mechanism == "none"
    fields = {
        "style": STYLE,
        "equation": html.escape(EQUATIONS[mechanism]),
        "applied": "M is not applied" if unapplied else mechanism,
        "unused": " unused" if unapplied else "",
    }
    for number, name in enumerate(STAGES):
        content, button = contents[name], f'role="button" tabindex="0" aria-pressed="false" data-stage="{name}"'
        fields |= {
            f"role_{number}": button if pressable else 'role="img"',
            f"label_{number}": html.escape(", ".join((f"{ROLES[name]}: {content.shape}", *content.words))),
            f"content_{number}": _inside_stage(content),
            f"shape_{number}": html.escape(content.shape),
        }
    return DRAWINGS[narrow].substitute(fields)


def _inside_stage(content: Content) -> str:
    """The image of a stage, or else its words in lines around the middle, from the stage's upper left corner."""
    left, top = (WIDTH - THUMB) / 2, 28
    if content.picture:
        return (
            f'<image href="{html.escape(content.picture)}" x="{left:g}" y="{top}" width="{THUMB}" height="{THUMB}" '
            'preserveAspectRatio="none"/>'
        )
    first = top + THUMB / 2 - LINE / 2 * len(content.words) + 13
    return "".join(
        f'<text x="{WIDTH / 2:g}" y="{first + LINE * row:g}">{html.escape(word)}</text>'
        for row, word in enumerate(content.words)
    )
