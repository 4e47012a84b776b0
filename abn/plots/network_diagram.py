"""The network as a diagram in the order in which it computes, without crossing lines: SVG with live contents.

    Carl Lemaire's review of the paper: "I cannot bear unnecessary crossing of lines."

From left to right, the path from the image to the logits runs along the bottom and the attention branch lies above it:
both of its heads read A, M goes down to the mechanism, and the class maps lead to the auxiliary logits. The narrow
diagram runs from top to bottom. Each is an SVG file that is filled in here.
"""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from abn.explanations.stages import STAGES
from abn.vocabulary import EQUATIONS, MECHANISMS

MAIN_PATH = ("x", "g", "A", "M", "g′", "logits")  # from the image to the prediction
TITLES = {"x": "x", "g": "g(x)", "A": "A", "M": "M", "g′": "g′(x)", "auxiliary logits": "aux. logits"}
ROLES = {  # a stage's name in words
    "x": "Input x",
    "g": "Features g(x)",
    "A": "Trunk response A",
    "class maps": "Class maps",
    "auxiliary logits": "Auxiliary logits",
    "M": "Attention map M",
    "g′": "Reweighted features g′(x)",
    "logits": "Logits of the perception head",
}
WIDTH, THUMB = 96, 80  # of a stage and of the image in it, pixels
LINE = 20  # pixels between two lines of text
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
    words: tuple[str, ...] = ()  # drawn where there is no image, and always read out


def draw(
    contents: Mapping[str, Content],
    mechanism: str,
    *,
    narrow: bool = False,
    pressable: bool = True,
    applied: str | None = None,
    switchable: bool = False,
    trained: bool = True,
) -> str:
    """The diagram as SVG, its stages as buttons if `pressable`; `contents` by the names of `STAGES`.

    `mechanism` is the one that the variant was `trained` with, or made with, `applied` the one of the contents (None:
    the same); the mechanisms are radio buttons if `switchable`.
    """
    applied, image = applied or mechanism, 'role="img"'
    verb = "trained with" if trained else "never trained:"
    fields = {"style": STYLE, "verb": verb, "trained": mechanism, "unused": " unused" if applied == "none" else ""}
    fields["options"] = 'role="radiogroup" aria-label="Mechanism applied"' if switchable else 'role="group"'
    for number, name in enumerate(MECHANISMS):
        words = f"{name}: g′ = {EQUATIONS[name]}{', as trained' if trained and name == mechanism else ''}"
        radio = (
            f'role="radio" tabindex="{0 if name == applied else -1}" aria-checked="{str(name == applied).lower()}" '
            f'data-mechanism="{name}"'
        )
        fields |= {
            f"applied_{number}": " applied" if name == applied else "",
            f"option_{number}": f'{radio if switchable else image} aria-label="{html.escape(words)}"',
            f"equation_{number}": html.escape(EQUATIONS[name]),
        }
    for number, name in enumerate(STAGES):
        content, button = contents[name], f'role="button" tabindex="0" aria-pressed="false" data-stage="{name}"'
        fields |= {
            f"role_{number}": button if pressable else image,
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
    first = top + THUMB / 2 - LINE / 2 * len(content.words) + 15
    return "".join(
        f'<text x="{WIDTH / 2:g}" y="{first + LINE * row:g}">{html.escape(word)}</text>'
        for row, word in enumerate(content.words)
    )
