"""An edit of a map as files to keep, and a kept map read back.

The picture is made of pixels alone, as in an export, so that nothing of a photograph's metadata leaves with it. A map
given back may come from anybody: what its header says is checked before anything is read, and no pickle ever is.
"""

import csv
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from abn.errors import ABNError
from abn.explanations.interventions import Effect
from abn.export.archive import cell, png
from abn.export.figures import MARGIN, RAW, SIDE, Drawing, sheet_of
from abn.images.fit import Fitted, upsample
from abn.plots import class_bars, map_words, overlay
from abn.plots.numbers import percent, points, short_label
from abn.variants.card import NOTHING, Card, class_names

COLUMNS = ("variant", "trained_with", "applied", "edit", "class", "label")
COLUMNS += ("rank_before", "before", "rank_after", "after", "change")
MAX_BYTES = 1_000_000  # of a kept map; one of 128 × 128 cells has 66 kB
NO_MAP = "This is no attention map: choose an .npy file that was kept here or on Compare."


@dataclass(frozen=True, eq=False)
class EditedMap:
    """An edit, with all that its files say of it."""

    card: Card
    fitted: Fitted  # what the network saw
    own: np.ndarray  # (h, w) float32, the network's own M
    effect: Effect  # of the map that was put in its place
    applied: str  # the mechanism that applied both
    drawing: Drawing = RAW  # how both are drawn; their colors always run from 0 to 1

    @property
    def trained_with(self) -> str:
        return "never trained" if self.card.kind == NOTHING else self.card.mechanism


def panel(edited: EditedMap) -> bytes:
    """The PNG of both maps with their caption."""
    return png(draw(edited))


def draw(edited: EditedMap) -> Image.Image:
    """The network's own map beside the edited one, each on what the network saw, with a color bar and a caption."""
    below = edited.fitted.image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    font = ImageFont.load_default(2 * SIDE // 32)
    head = round(1.4 * font.size)
    pair = Image.new("RGB", (2 * SIDE + MARGIN, head + SIDE), "white")
    pen, drawing = ImageDraw.Draw(pair), edited.drawing
    for place, (title, values) in enumerate((("Own map", edited.own), ("Edited map", edited.effect.attention))):
        left = place * (SIDE + MARGIN)
        pen.text((left, 0), title, font=font, fill="black")
        grown = upsample(values, below.size, drawing.smooth)
        pair.paste(overlay.overlay(below, grown, opacity=drawing.opacity, color_map=drawing.colors), (left, head))
    return sheet_of(pair, caption(edited), drawing)


def caption(edited: EditedMap) -> list[str]:
    """What the picture must say of itself, a sentence or list a line."""
    effect, labels, values = edited.effect, class_names(edited.card), edited.effect.attention
    trained = edited.trained_with if edited.card.kind == NOTHING else f"trained with {edited.trained_with}"
    before, after = (
        f"{short_label(labels[answer.argmax()])} {percent(answer.max())}" for answer in (effect.before, effect.after)
    )
    was, now = (percent(answer[effect.named]) for answer in (effect.before, effect.after))
    lines = [
        f"{edited.card.title}: {trained}, applied {edited.applied}",
        f"Own map: M {_range(edited.own)}",
        f"Edited map ({effect.name}): M {_range(values)}",
        map_words.flat_sentence(values),
        f"Perception head before: {before}; after: {after}",
        f"Change of p of {short_label(labels[effect.named])}: {points(effect.change)} points, from {was} to {now}",
    ]
    return [line for line in lines if line]


def _range(values: np.ndarray) -> str:
    return f"{values.min():.3f} to {values.max():.3f}, mean {values.mean():.3f}"


def table(edited: EditedMap, count: int = 5) -> str:
    """The perception head's `count` likeliest classes before and after as CSV, all on one list, with the change of each
    probability."""
    effect, labels = edited.effect, class_names(edited.card)
    ranks = [np.argsort(np.argsort(-answer, kind="stable")) + 1 for answer in (effect.before, effect.after)]
    words = [cell(text) for text in (edited.card.id, edited.trained_with, edited.applied, effect.name)]
    stream = io.StringIO()
    rows = csv.writer(stream)
    rows.writerow(COLUMNS)
    for k in class_bars.likeliest([effect.before, effect.after], count):
        was, now = float(effect.before[k]), float(effect.after[k])
        said = ranks[0][k], f"{was:.9g}", ranks[1][k], f"{now:.9g}", f"{now - was:.9g}"
        rows.writerow([*words, k, cell(labels[k]), *said])
    return stream.getvalue()


def read_map(data: bytes, shape: tuple[int, int]) -> np.ndarray:
    """A map (h, w) float32 of such a shape from the bytes of an .npy file; an `ABNError` of one plain sentence where it
    is none, has other cells, or holds anything but numbers from 0 to 1, which is what can be painted."""
    if len(data) > MAX_BYTES:
        raise ABNError(f"This file has more than {MAX_BYTES // 10**6} MB: no map is as large.")
    stream = io.BytesIO(data)
    try:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ABNError(NO_MAP)
        given, _, kind = np.lib.format.read_array_header_1_0(stream)
    except Exception as error:  # numpy raises nearly anything of a hostile header
        raise ABNError(NO_MAP) from error
    if kind.kind != "f" or len(given) != 2 or not all(0 < side <= MAX_BYTES for side in given):
        raise ABNError(NO_MAP)
    if given != shape:
        cells, wanted = (" × ".join(map(str, sides)) for sides in (given, shape))
        raise ABNError(
            f"This map has {cells} cells, and this variant's has {wanted}: choose the variant that it is of, and open "
            "it again."
        )
    stream.seek(0)
    try:
        values = np.lib.format.read_array(stream, allow_pickle=False)
    except ValueError as error:
        raise ABNError("This file holds only a part of a map.") from error
    if not ((values >= 0) & (values <= 1)).all():  # nor is what is no number at all
        raise ABNError("A map holds numbers from 0 to 1, and this one holds others.")
    return np.ascontiguousarray(values, np.float32)
