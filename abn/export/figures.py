"""Figures to keep: the raw map as .npy, and a captioned PNG with a numbered color bar."""

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from abn import files
from abn.explanations.explanation import Explanation
from abn.files import safe_stems
from abn.images.decode import Picture
from abn.images.fit import upsample
from abn.plots import overlay
from abn.plots.color_limits import SCALES, limits
from abn.plots.color_maps import DEFAULT_COLORS, color_bar
from abn.plots.map_words import flat_sentence
from abn.plots.numbers import percent, short_label
from abn.plots.overlay import MARKS
from abn.variants.card import UNTRAINED_KIND, Card
from abn.vocabulary import HEADS, TRAINED

MAX_SIDE = 896  # pixels: the longer side of an image in a figure
MIN_WIDTH = 448  # pixels: a caption needs them; the brightest region is computed at this size, as on the page
MARGIN = 16  # pixels around each part
FONT_SUBSTITUTES = str.maketrans({  # characters that Pillow's own font lacks and that are no accented letter
    "×": "x", "−": "-", "–": "-", "±": "+/-", "≥": ">=", "“": '"', "”": '"', "’": "'",
    "ß": "ss", "æ": "ae", "ø": "o", "ł": "l",
})  # fmt: skip

ColorRange = tuple[float, float]  # the values of M at the two ends of the color map
UNIT_RANGE: ColorRange = (0.0, 1.0)


@dataclass(frozen=True)
class MapStyle:
    """How attention maps are drawn, the same for all maps of a page and of its export."""

    opacity: float = 0.5
    colors: str = DEFAULT_COLORS  # a key of color_maps.COLOR_MAPS
    scale: str = SCALES[0]  # see color_limits.limits
    smooth: bool = True  # interpolated between the cells' centers, or the raw grid
    top: int = 0  # percent of the area to mark as the brightest; 0 marks nothing
    mark: str = MARKS[0]


DEFAULT_STYLE = MapStyle()


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison:
    """One image explained by one or several variants: the content of an export."""

    picture: Picture
    explanations: Sequence[Explanation]  # one or more, all of the same image and fit
    cards: Sequence[Card]  # of the explanations, in their order
    mechanism: str = TRAINED  # the `mechanism` argument of `explain`
    style: MapStyle = DEFAULT_STYLE
    title: str = ""  # of the image; its file name where empty
    alt: str = ""  # alternative text of the image
    credit: str = ""  # author, license and source as plain text; empty for a person's own image
    photo: str | None = None  # id of the gallery's photograph
    date: str = ""  # of the export

    @property
    def fit(self) -> str:
        return self.explanations[0].fitted.fit

    @property
    def color_ranges(self) -> list[ColorRange]:
        """The color range of each map."""
        return limits([e.attention for e in self.explanations], self.style.scale)


def save_explanation(explanation: Explanation, picture: Picture, folder: Path, stem: str) -> tuple[Path, Path]:
    """Write STEM--VARIANT.npy (float32 (h, w), raw M) and STEM--VARIANT.png into `folder`; returns both paths.

    The stem is reduced to letters, digits, dots and dashes; existing files are replaced.
    """
    name = file_stem(explanation, stem)
    npy_path, png_path = folder / f"{name}.npy", folder / f"{name}.png"
    files.write_file(npy_path, npy_bytes(explanation.attention))
    files.write_file(png_path, png_bytes(draw_figure(explanation, picture)))
    return npy_path, png_path


def file_stem(explanation: Explanation, stem: str) -> str:
    """The beginning of the names of an explanation's files: STEM--VARIANT."""
    return f"{safe_stems([stem])[0]}--{safe_stems([explanation.variant])[0]}"


def npy_bytes(attention: np.ndarray) -> bytes:
    """A map (h, w), or several (N, h, w), as the content of an .npy file: float32."""
    stream = io.BytesIO()
    np.save(stream, attention.astype(np.float32), allow_pickle=False)
    return stream.getvalue()


def png_bytes(image: Image.Image) -> bytes:
    """The pixels of an image as PNG, without any metadata."""
    stream = io.BytesIO()
    Image.frombytes("RGB", image.size, image.convert("RGB").tobytes()).save(stream, "PNG")
    return stream.getvalue()


def figure_png(comparison: Comparison, index: int, *, whole: bool = False) -> bytes:
    """The captioned PNG of one variant's map on the model's input, or on the `whole` image."""
    picture = comparison.picture if whole else None
    explanation, card = comparison.explanations[index], comparison.cards[index]
    return png_bytes(draw_figure(explanation, picture, comparison.style, comparison.color_ranges[index], card))


def draw_figure(
    explanation: Explanation,
    picture: Picture | None,
    style: MapStyle = DEFAULT_STYLE,
    color_range: ColorRange = UNIT_RANGE,
    card: Card | None = None,
) -> Image.Image:
    """The map with color bar and caption, on the whole image, or on the model's input without one. The card
    gives the variant its title."""
    drawn = draw_overlay(explanation, picture, style, color_range)
    return add_caption(drawn, caption(explanation, style, color_range, card), style.colors, color_range)


def draw_overlay(
    explanation: Explanation,
    picture: Picture | None,
    style: MapStyle = DEFAULT_STYLE,
    color_range: ColorRange = UNIT_RANGE,
) -> Image.Image:
    """The map with its brightest region marked, on the whole image (gray outside the model's input), or on the model's
    input without one."""
    attention, smooth = explanation.attention, style.smooth
    if picture is None:
        image = explanation.fitted.image.resize((MAX_SIDE, MAX_SIDE), Image.Resampling.BICUBIC)
        values = upsample(attention, image.size, smooth)
    else:
        image = _resized(picture.image)
        values = explanation.fitted.to_original(attention, size=image.size, smooth=smooth)
    low, high = color_range
    drawn = overlay.overlay(image, values, opacity=style.opacity, color_map=style.colors, low=low, high=high)
    if style.top:
        region = np.nan_to_num(values, nan=-np.inf) >= brightest_region(explanation, style)[0]
        drawn = overlay.mark_brightest(drawn, image, region, style.mark)
    return drawn


def brightest_region(explanation: Explanation, style: MapStyle) -> tuple[float, float]:
    """The threshold of M from which a pixel is marked, and the marked part of the model's input, 0 … 1."""
    values = upsample(explanation.attention, (MIN_WIDTH, MIN_WIDTH), style.smooth)
    return overlay.brightest_level(values, style.top / 100)


def load_font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font; it is a bitmap one only where no size is given."""
    return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size))


def add_caption(
    image: Image.Image, caption: Sequence[str], colors: str = DEFAULT_COLORS, color_range: ColorRange = UNIT_RANGE
) -> Image.Image:
    """The image with a color bar and the lines of the caption below it, on white."""
    width = max(MIN_WIDTH, image.width)
    font = load_font(max(14, width // 32))
    lines = [part for line in caption for part in _wrap(_to_font(line), font, width)]
    line_height = round(1.4 * font.size)
    bar = color_bar(color_map=colors, low=color_range[0], high=color_range[1], width=width)

    height = image.height + bar.height + line_height * len(lines) + 4 * MARGIN
    figure = Image.new("RGB", (width + 2 * MARGIN, height), "white")
    figure.paste(image, ((figure.width - image.width) // 2, MARGIN))
    figure.paste(bar, (MARGIN, image.height + 2 * MARGIN))
    draw = ImageDraw.Draw(figure)
    for row, line in enumerate(lines):
        top = image.height + bar.height + 3 * MARGIN + row * line_height
        draw.text((MARGIN, top), line, font=font, fill="black")
    return figure


def caption(
    explanation: Explanation,
    style: MapStyle = DEFAULT_STYLE,
    color_range: ColorRange = UNIT_RANGE,
    card: Card | None = None,
) -> list[str]:
    """The lines of a figure's caption: variant, mechanism, range of the map, and both heads' top three classes."""
    values = explanation.attention
    height, width = values.shape
    title = card.title if card else explanation.variant
    lines = [
        f"{title}: {training_text(explanation, card)}, applied {explanation.applied}",
        f"Attention map M, {height} by {width} cells, {values.min():.3f} to {values.max():.3f}, "
        f"mean {values.mean():.3f}; {scale_text(style, color_range)}",
    ]
    if flat := flat_sentence(values):
        lines.append(flat)
    if style.top:
        lines.append(mark_text(explanation, style))
    for head, name in HEADS.items():
        top = ", ".join(f"{short_label(p.label)} {percent(p.probability)}" for p in explanation.top(head, 3))
        lines.append(f"{name}: {top}")
    return lines


def training_text(explanation: Explanation, card: Card | None = None) -> str:
    """The mechanism that a variant was trained with, in words; one with random weights was never trained."""
    return "never trained" if card and card.kind == UNTRAINED_KIND else f"trained with {explanation.trained_with}"


def scale_text(style: MapStyle, color_range: ColorRange) -> str:
    """The range of the colors in words, with its reason."""
    if color_range == UNIT_RANGE:
        return "colors from 0 to 1"
    reason = {"each": ", this map's own range", "shared": ", shared by the variants"}.get(style.scale, "")
    return f"colors from {color_range[0]:.3f} to {color_range[1]:.3f}{reason}"


def mark_text(explanation: Explanation, style: MapStyle) -> str:
    """The marked region in words."""
    threshold, area = brightest_region(explanation, style)
    return f"Marked: M ≥ {threshold:.2f}, {100 * area:.0f} % of what the model saw"


def _resized(image: Image.Image) -> Image.Image:
    """At most `MAX_SIDE` large; a tiny image is enlarged, as no map could be seen on it."""
    if max(image.size) < MAX_SIDE // 4:
        factor = MAX_SIDE // 2 // max(image.size)
        return image.resize((image.width * factor, image.height * factor), Image.Resampling.BICUBIC)
    small = image.copy()
    small.thumbnail((MAX_SIDE, MAX_SIDE))
    return small


def _to_font(line: str) -> str:
    """The line in ASCII, which is all that Pillow's own font has: no accents, a question mark for other scripts."""
    plain = unicodedata.normalize("NFKD", line.translate(FONT_SUBSTITUTES))
    return "".join(char if char.isascii() else "?" for char in plain if not unicodedata.combining(char))


def _wrap(line: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """The line broken between words into pieces of at most `width` pixels."""
    pieces = [""]
    for word in line.split():
        longer = f"{pieces[-1]} {word}".strip()
        if pieces[-1] and font.getlength(longer) > width:
            pieces.append(word)
        else:
            pieces[-1] = longer
    return pieces
