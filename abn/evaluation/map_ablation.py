"""How much a variant's prediction depends on its own map: M replaced in several ways, and how the prediction changes.

Two of the replacements are controls (`interventions.CONTROLS`): they keep the mean gain and lose the spatial pattern;
shuffling also destroys the map's smoothness. The others change more than that. A variant whose prediction doesn't
change does not use the spatial pattern of its map for it. One whose prediction changes uses its map, but the lost
smoothness alone may be the cause, and the map may still be wrong. Perturbations are unequal between mechanisms: an
additive gain ranges over about 1.1–1.9, a multiplicative one over 0.2–0.7.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from abn.engine.inference import Load
from abn.engine.loading import load_runner
from abn.explanations.interventions import CONTROLS, PRESETS, AttendedImage, Effect, attend_image, shuffle_cells
from abn.images.decode import Picture
from abn.variants.card import Card

SHUFFLES = 8  # shuffled maps, whose mean effect is taken
EDITS = ("constant mean", "shuffled", "inverted", "flipped", "zeros", "ones")


@dataclass(frozen=True)
class MeanEffect:
    """The effect of one replacement of M, averaged over images (and over shuffles)."""

    change: float  # Δp of the class predicted with the network's own map, −1 to 1
    js_divergence: float  # of the predictions with and without the own map, bits, 0 to 1
    change_rate: float  # share in which another class is predicted, 0 to 1


def ablated_maps(attention: np.ndarray, edits: Sequence[str] = EDITS) -> dict[str, list[np.ndarray]]:
    """Name of an edit → the maps (h, w) that replace M."""
    shuffled = [shuffle_cells(attention, seed) for seed in range(SHUFFLES)]
    return {name: shuffled if name == "shuffled" else [PRESETS[name](attention)] for name in edits}


def mean_effect(effects: Sequence[Effect]) -> MeanEffect:
    """The mean over the effects of one edit."""
    figures = [(effect.change, effect.js_divergence, effect.changes_prediction) for effect in effects]
    return MeanEffect(*np.mean(figures, axis=0).tolist())


def ablate_map(
    attended: AttendedImage,
    predict: Callable[[list[np.ndarray]], Iterable[np.ndarray]],
    edits: Sequence[str] = EDITS,
) -> dict[str, list[Effect]]:
    """Name of an edit → its effects on one image; `predict` gives the probabilities (K,) for each of several maps."""
    replaced = [(name, edited) for name, maps in ablated_maps(attended.attention, edits).items() for edited in maps]
    before, *after = predict([attended.attention, *(edited for _, edited in replaced)])
    effects: dict[str, list[Effect]] = {name: [] for name in edits}
    for (name, edited), probabilities in zip(replaced, after, strict=True):
        effects[name].append(Effect(name, edited, before, probabilities))
    return effects


def ablate_in_picture(
    picture: Picture, card: Card, *, fit: str = "crop", load: Load = load_runner
) -> dict[str, MeanEffect]:
    """Edit → `MeanEffect` for one image in one variant, with the mechanism that it was trained with."""
    attended = attend_image(picture, card, fit=fit, load=load)
    effects = ablate_map(attended, lambda maps: attended.predict(np.stack(maps)))
    return {name: mean_effect(repeats) for name, repeats in effects.items()}


def mean_over_pictures(rows: Sequence[dict[str, MeanEffect]]) -> dict[str, MeanEffect]:
    """The mean over at least one image, edit by edit."""
    fields = ("change", "js_divergence", "change_rate")
    return {
        name: MeanEffect(*(float(np.mean([getattr(row[name], field) for row in rows])) for field in fields))
        for name in EDITS
    }


def fair_control_divergence(effects: dict[str, MeanEffect]) -> float:
    """JS divergence in bits when only the spatial pattern of M is lost: the mean over the two controls."""
    return float(np.mean([effects[name].js_divergence for name in CONTROLS]))
