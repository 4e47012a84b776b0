"""Explanations as files: the raw map as .npy, and a captioned picture with its numbered colour bar."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from abn.explanation import Explanation
from abn.names import stems
from abn.picture import Picture
from abn.render import HEADS, colour_bar, flat_sentence, overlay, percent, short_label

SIDE = 896  # most pixels of the picture's longer side in a report
WIDTH = 448  # least pixels across, so that the caption can be read
MARGIN = 16  # pixels around each part


def save_explanation(explanation: Explanation, picture: Picture, folder: Path, stem: str) -> tuple[Path, Path]:
    """Write STEM--VARIANT.npy (float32 (h, w), the raw M) and STEM--VARIANT.png into `folder`; returns both paths.

    The stem is reduced to letters, digits, dots and dashes (`stems` keeps several apart); older files are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{stems([stem])[0]}--{stems([explanation.variant])[0]}"
    array, drawing = folder / f"{name}.npy", folder / f"{name}.png"
    np.save(array, explanation.attention.astype(np.float32))
    draw(explanation, picture).save(drawing)
    return array, drawing


def draw(explanation: Explanation, picture: Picture) -> Image.Image:
    """The map (raw scale, 0 to 1) on the original picture, its colour bar, and a caption that says what is shown."""
    image = picture.image.copy()
    image.thumbnail((SIDE, SIDE))
    laid = overlay(image, explanation.fitted.back(explanation.attention, size=image.size), low=0.0, high=1.0)
    width = max(WIDTH, image.width)
    font = ImageFont.load_default(max(14, width // 40))
    lines = [part for line in caption(explanation) for part in _wrapped(line, font, width)]
    line_height = round(1.4 * font.size)
    bar = colour_bar(low=0.0, high=1.0, width=width)

    height = laid.height + bar.height + line_height * len(lines) + 4 * MARGIN
    sheet = Image.new("RGB", (width + 2 * MARGIN, height), "white")
    sheet.paste(laid, ((sheet.width - laid.width) // 2, MARGIN))
    sheet.paste(bar, (MARGIN, laid.height + 2 * MARGIN))
    pen = ImageDraw.Draw(sheet)
    for row, line in enumerate(lines):
        top = laid.height + bar.height + 3 * MARGIN + row * line_height
        pen.text((MARGIN, top), line, font=font, fill="black")
    return sheet


def caption(explanation: Explanation) -> list[str]:
    """What a drawing must say of itself, a sentence or list a line."""
    height, width = explanation.attention.shape
    values = explanation.attention
    lines = [
        f"{explanation.variant}: trained with {explanation.trained_with}, applied {explanation.applied}",
        f"Attention map M, {height} by {width} cells, {values.min():.3f} to {values.max():.3f}, "
        f"mean {values.mean():.3f}; colours from 0 to 1",
    ]
    lines += [line for line in (flat_sentence(values),) if line]
    for head, title in HEADS.items():
        top = ", ".join(f"{short_label(p.label)} {percent(p.probability)}" for p in explanation.top(head, 3))
        lines.append(f"{title}: {top}")
    return lines


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
