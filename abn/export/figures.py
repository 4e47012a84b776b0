"""Explanations as files: the raw map as .npy, and a captioned picture with its numbered color bar."""

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from abn import files
from abn.explanations.explanation import Explanation
from abn.files import safe_stems
from abn.images.decode import Picture
from abn.images.fit import upsample
from abn.plots import color_limits, color_maps, overlay
from abn.plots.color_limits import SCALES
from abn.plots.color_maps import DEFAULT_COLORS
from abn.plots.map_words import flat_sentence
from abn.plots.numbers import percent, short_label
from abn.plots.overlay import MARKS
from abn.variants.card import NOTHING, Card
from abn.vocabulary import HEADS, TRAINED

SIDE = 896  # most pixels of the picture's longer side in a report
WIDTH = 448  # least pixels across, so that the caption can be read; the level of the brightest is taken at this size
MARGIN = 16  # pixels around each part
SPELT = str.maketrans({  # what the font that Pillow brings can't draw, and no accent makes
    "×": "x", "−": "-", "–": "-", "±": "+/-", "≥": ">=", "“": '"', "”": '"', "’": "'",
    "ß": "ss", "æ": "ae", "ø": "o", "ł": "l",
})  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    """How maps are drawn, the same for all that are drawn together."""

    opacity: float = 0.5
    colors: str = DEFAULT_COLORS  # one of render.COLOR_MAPS
    scale: str = SCALES[0]  # see `render.limits`
    smooth: bool = True
    top: int = 0  # percent of the cells that are marked as the brightest; 0: none
    mark: str = MARKS[0]  # how, one of render.MARKS


RAW = Drawing()


@dataclass(frozen=True, eq=False)
class Record:
    """One picture in several variants, as it was asked and drawn: all that an export is made of."""

    picture: Picture
    explanations: Sequence[Explanation]  # at least one, all of this picture and fitted alike
    cards: Sequence[Card]  # of the explanations, in their order
    mechanism: str = TRAINED  # as `explain` was asked
    drawing: Drawing = RAW
    title: str = ""  # of the picture; its name where it has none
    alt: str = ""  # what is to be seen on it
    credit: str = ""  # author, license and source as plain text; empty for a person's own
    photo: str | None = None  # which of the gallery's photographs it is
    date: str = ""  # of the export

    @property
    def fit(self) -> str:
        return self.explanations[0].fitted.fit

    @property
    def spans(self) -> list[tuple[float, float]]:
        """Where the colors of each map begin and end."""
        return color_limits.limits([one.attention for one in self.explanations], self.drawing.scale)


def save_explanation(
    explanation: Explanation,
    picture: Picture,
    folder: Path,
    stem: str,
    drawing: Drawing = RAW,
    span: tuple[float, float] = (0.0, 1.0),
) -> tuple[Path, Path]:
    """Write STEM--VARIANT.npy (float32 (h, w), the raw M) and STEM--VARIANT.png into `folder`; returns both paths.

    The stem is reduced to letters, digits, dots and dashes (`stems` keeps several apart); older files are replaced.
    """
    name = f"{safe_stems([stem])[0]}--{safe_stems([explanation.variant])[0]}"
    array, drawn = folder / f"{name}.npy", folder / f"{name}.png"
    files.write_file(array, npy(explanation))
    with files.atomic_file(drawn) as file:
        draw(explanation, picture, drawing, span).save(file, "PNG")
    return array, drawn


def npy(explanation: Explanation) -> bytes:
    """The raw map as the bytes of a .npy file: float32 (h, w)."""
    return npy_of(explanation.attention)


def npy_of(attention: np.ndarray) -> bytes:
    """The same of any map."""
    stream = io.BytesIO()
    np.save(stream, attention.astype(np.float32), allow_pickle=False)
    return stream.getvalue()


def draw(
    explanation: Explanation,
    picture: Picture | None,
    drawing: Drawing = RAW,
    span: tuple[float, float] = (0.0, 1.0),
    card: Card | None = None,
) -> Image.Image:
    """The map on the whole picture, or without one on what the model saw; its color bar, from one end of `span` to
    the other; and a caption that says what is shown. The card gives the variant its title."""
    return sheet_of(lay(explanation, picture, drawing, span), caption(explanation, drawing, span, card), drawing, span)


def sheet_of(
    laid: Image.Image, said: Sequence[str], drawing: Drawing = RAW, span: tuple[float, float] = (0.0, 1.0)
) -> Image.Image:
    """What was drawn, with its color bar and a caption of such lines below it."""
    width = max(WIDTH, laid.width)
    font = ImageFont.load_default(max(14, width // 32))
    lines = [part for line in said for part in _wrapped(_drawable(line), font, width)]
    line_height = round(1.4 * font.size)
    bar = color_maps.color_bar(color_map=drawing.colors, low=span[0], high=span[1], width=width)

    height = laid.height + bar.height + line_height * len(lines) + 4 * MARGIN
    sheet = Image.new("RGB", (width + 2 * MARGIN, height), "white")
    sheet.paste(laid, ((sheet.width - laid.width) // 2, MARGIN))
    sheet.paste(bar, (MARGIN, laid.height + 2 * MARGIN))
    pen = ImageDraw.Draw(sheet)
    for row, line in enumerate(lines):
        top = laid.height + bar.height + 3 * MARGIN + row * line_height
        pen.text((MARGIN, top), line, font=font, fill="black")
    return sheet


def lay(
    explanation: Explanation,
    picture: Picture | None,
    drawing: Drawing = RAW,
    span: tuple[float, float] = (0.0, 1.0),
) -> Image.Image:
    """The map on the whole picture, what the model never saw gray, or without a picture on what the model saw; its
    brightest part marked. Made of pixels alone: nothing of a file's metadata is in it."""
    attention, smooth = explanation.attention, drawing.smooth
    if picture is None:
        below = explanation.fitted.image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        values = upsample(attention, below.size, smooth)
    else:
        below = _sized(picture.image)
        values = explanation.fitted.back(attention, size=below.size, smooth=smooth)
    drawn = overlay.overlay(below, values, opacity=drawing.opacity, color_map=drawing.colors, low=span[0], high=span[1])
    if drawing.top:
        inside = np.nan_to_num(values, nan=-np.inf) >= brightest_part(explanation, drawing)[0]
        drawn = overlay.mark_brightest(drawn, below, inside, drawing.mark)
    return drawn


def brightest_part(explanation: Explanation, drawing: Drawing) -> tuple[float, float]:
    """From which M on a cell is marked, and which part of what the model saw that is, 0 … 1."""
    return overlay.brightest_level(upsample(explanation.attention, (WIDTH, WIDTH), drawing.smooth), drawing.top / 100)


def caption(
    explanation: Explanation,
    drawing: Drawing = RAW,
    span: tuple[float, float] = (0.0, 1.0),
    card: Card | None = None,
) -> list[str]:
    """What a drawing must say of itself, a sentence or list a line."""
    height, width = explanation.attention.shape
    values = explanation.attention
    lines = [
        f"{card.title if card else explanation.variant}: {trained(explanation, card)}, applied {explanation.applied}",
        f"Attention map M, {height} by {width} cells, {values.min():.3f} to {values.max():.3f}, "
        f"mean {values.mean():.3f}; {scale_in_words(drawing, span)}",
    ]
    lines += [line for line in (flat_sentence(values),) if line]
    if drawing.top:
        level, area = brightest_part(explanation, drawing)
        lines.append(f"Marked: M ≥ {level:.2f}, {100 * area:.0f} % of what the model saw")
    for head, title in HEADS.items():
        top = ", ".join(f"{short_label(p.label)} {percent(p.probability)}" for p in explanation.top(head, 3))
        lines.append(f"{title}: {top}")
    return lines


def trained(explanation: Explanation, card: Card | None = None) -> str:
    """How the network was trained, in words; one of random weights never was."""
    return "never trained" if card and card.kind == NOTHING else f"trained with {explanation.trained_with}"


def scale_in_words(drawing: Drawing, span: tuple[float, float]) -> str:
    """Where the colors begin and end, and why there."""
    if span == (0.0, 1.0):
        return "colors from 0 to 1"
    why = {"each": "this map's own range", "shared": "shared by the variants"}.get(drawing.scale, "")
    return f"colors from {span[0]:.3f} to {span[1]:.3f}" + (f", {why}" if why else "")


def _sized(image: Image.Image) -> Image.Image:
    """No larger than a report shows it; and large enough for a map to be seen on it."""
    if max(image.size) < SIDE // 4:
        times = SIDE // 2 // max(image.size)
        return image.resize((image.width * times, image.height * times), Image.Resampling.BICUBIC)
    small = image.copy()
    small.thumbnail((SIDE, SIDE))
    return small


def _drawable(line: str) -> str:
    """The line in the letters that Pillow's own font has: without accents, and a question mark for other scripts."""
    plain = unicodedata.normalize("NFKD", line.translate(SPELT))
    return "".join(char if char.isascii() else "?" for char in plain if not unicodedata.combining(char))


def _wrapped(line: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """The line in pieces that fit `width` pixels, broken between words."""
    pieces = [""]
    for word in line.split():
        longer = f"{pieces[-1]} {word}".strip()
        if pieces[-1] and font.getlength(longer) > width:
            pieces.append(word)
        else:
            pieces[-1] = longer
    return pieces
