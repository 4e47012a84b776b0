"""An edit of an attention map to keep: a figure of both maps, and the predictions before and after as CSV.

The figure is made of pixels alone, so that nothing of a photograph's metadata leaves with it.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from abn.explanations.interventions import Effect
from abn.export.figures import DEFAULT_STYLE, MARGIN, MAX_SIDE, MapStyle, add_caption, load_font, png_bytes
from abn.export.tables import csv_bytes, escape_formula
from abn.images.fit import Fitted, upsample
from abn.plots.class_bars import likeliest
from abn.plots.map_words import flat_sentence
from abn.plots.numbers import percent, points, short_label
from abn.plots.overlay import overlay
from abn.variants.card import UNTRAINED_KIND, Card, class_names

COLUMNS: tuple[str, ...] = ("variant", "trained_with", "applied", "edit", "class", "label")
COLUMNS += ("rank_before", "before", "rank_after", "after", "change")


@dataclass(frozen=True, eq=False, kw_only=True)
class EditedMap:
    """An edit with everything that its files state."""

    card: Card
    fitted: Fitted  # the model's input
    own_map: np.ndarray  # (h, w) float32, the network's own M
    effect: Effect  # the edited map, and the perception head before and after
    applied: str  # the mechanism that applied both maps
    style: MapStyle = DEFAULT_STYLE  # of both maps; their colors always run from 0 to 1

    @property
    def trained_with(self) -> str:
        return "never trained" if self.card.kind == UNTRAINED_KIND else self.card.mechanism


def figure_png(edited: EditedMap) -> bytes:
    """The network's own map beside the edited one, each on the model's input, with color bar and caption."""
    image = edited.fitted.image.resize((MAX_SIDE, MAX_SIDE), Image.Resampling.BICUBIC)
    font = load_font(2 * MAX_SIDE // 32)
    title_height = round(1.4 * font.size)
    pair = Image.new("RGB", (2 * MAX_SIDE + MARGIN, title_height + MAX_SIDE), "white")
    draw, style = ImageDraw.Draw(pair), edited.style
    for left, title, attention in (
        (0, "Own map", edited.own_map),
        (MAX_SIDE + MARGIN, "Edited map", edited.effect.attention),
    ):
        draw.text((left, 0), title, font=font, fill="black")
        values = upsample(attention, image.size, style.smooth)
        drawn = overlay(image, values, opacity=style.opacity, color_map=style.colors)
        pair.paste(drawn, (left, title_height))
    return png_bytes(add_caption(pair, caption(edited), style.colors))


def caption(edited: EditedMap) -> list[str]:
    """The lines of the figure's caption."""
    effect, labels = edited.effect, class_names(edited.card)
    trained = edited.trained_with if edited.card.kind == UNTRAINED_KIND else f"trained with {edited.trained_with}"
    before, after = (
        f"{short_label(labels[probabilities.argmax()])} {percent(probabilities.max())}"
        for probabilities in (effect.before, effect.after)
    )
    old, new = (percent(probabilities[effect.predicted_class]) for probabilities in (effect.before, effect.after))
    lines = [
        f"{edited.card.title}: {trained}, applied {edited.applied}",
        f"Own map: M {_range(edited.own_map)}",
        f"Edited map ({effect.name}): M {_range(effect.attention)}",
        flat_sentence(effect.attention),
        f"Perception head before: {before}; after: {after}",
        f"Change of p of {short_label(labels[effect.predicted_class])}: {points(effect.change)} points, "
        f"from {old} to {new}",
    ]
    return [line for line in lines if line]


def _range(values: np.ndarray) -> str:
    return f"{values.min():.3f} to {values.max():.3f}, mean {values.mean():.3f}"


def before_after_csv(edited: EditedMap, count: int = 5) -> bytes:
    """The perception head's top `count` classes before and after, in one list, with the change of each probability."""
    effect, labels = edited.effect, class_names(edited.card)
    ranks = [np.argsort(np.argsort(-p, kind="stable")) + 1 for p in (effect.before, effect.after)]
    names = [escape_formula(text) for text in (edited.card.id, edited.trained_with, edited.applied, effect.name)]
    rows = []
    for k in likeliest([effect.before, effect.after], count):
        before, after = float(effect.before[k]), float(effect.after[k])
        numbers = ranks[0][k], f"{before:.9g}", ranks[1][k], f"{after:.9g}", f"{after - before:.9g}"
        rows.append([*names, k, escape_formula(labels[k]), *numbers])
    return csv_bytes(COLUMNS, rows)
