"""How much a variant's answer relies on its own map: its M replaced in several ways, and how far the answer moves.

Two of the ways are fair controls (`intervene.CONTROLS`): they keep the mean gain and lose the place. The others change
more than the place, and are told apart. A variant that doesn't move does not use the place of its map for this answer;
one that moves does, which says nothing about whether its map is right.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from abn.explanations.interventions import CONTROLS, PRESETS, Effect, Subject, shuffled, subject
from abn.images.decode import Picture
from abn.network.model import AttentionBranchNetwork
from abn.variants.card import Card
from abn.variants.store import load_variant

SHUFFLES = 8  # one shuffled map says little: the mean over so many
EDITS = ("constant mean", "shuffled", "inverted", "flipped", "zeros", "ones")


@dataclass(frozen=True)
class Reliance:
    """What one way of replacing M does, on average over pictures (and over shuffles)."""

    change: float  # Δp of the class that the network names by itself, −1 to 1
    apart: float  # how far the answer moves, Jensen–Shannon divergence in bits, 0 to 1
    flips: float  # share in which another class is named, 0 to 1


def replaced(attention: np.ndarray) -> dict[str, list[np.ndarray]]:
    """Name of an edit → the maps (h, w) that stand for it."""
    maps = {name: [PRESETS[name](attention)] for name in EDITS}
    return maps | {"shuffled": [shuffled(attention, seed) for seed in range(SHUFFLES)]}


def relied(effects: Sequence[Effect]) -> Reliance:
    """The mean over the effects of one edit."""
    return Reliance(*(float(np.mean([getattr(e, name) for e in effects])) for name in ("change", "apart", "flips")))


def on_one(asked: Subject, answers: Callable[[list[np.ndarray]], Sequence[np.ndarray]]) -> dict[str, list[Effect]]:
    """Name of an edit → its effects on one picture; `answers` gives the probabilities (K,) for each of several maps."""
    edits = replaced(asked.attention)
    maps = [asked.attention, *(one for some in edits.values() for one in some)]
    before, *after = answers(maps)
    rest = iter(after)
    return {name: [Effect(name, one, before, next(rest)) for one in some] for name, some in edits.items()}


def on_picture(
    picture: Picture,
    card: Card,
    *,
    fit: str = "crop",
    load: Callable[[Card], AttentionBranchNetwork] = load_variant,
) -> dict[str, Reliance]:
    """Edit → `Reliance` for one picture in one variant, with the mechanism that it was trained with."""
    asked = subject(picture, card, fit=fit, load=load)
    found = on_one(asked, lambda maps: asked.answers(np.stack(maps)))
    return {name: relied(some) for name, some in found.items()}


def mean(pictures: Sequence[dict[str, Reliance]]) -> dict[str, Reliance]:
    """The mean over at least one picture, edit by edit."""

    def over(name: str, figure: str) -> float:
        return float(np.mean([getattr(one[name], figure) for one in pictures]))

    return {name: Reliance(over(name, "change"), over(name, "apart"), over(name, "flips")) for name in EDITS}


def fair(rows: dict[str, Reliance]) -> float:
    """Bits that the answer moves when only the place of M is lost: the mean over the fair controls."""
    return float(np.mean([rows[name].js_divergence for name in CONTROLS]))
