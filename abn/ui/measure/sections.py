"""Shared by the sections of Measure: titles of variants, and the time that forward passes are estimated to take."""

import time

import numpy as np

from abn.evaluation import deletion_insertion
from abn.ui.controls.choice_bar import Choice
from abn.ui.runtime import models
from abn.ui.runtime.turns import page_turn
from abn.ui.state import state
from abn.variants.card import Card

TRIALS = 3  # the first pass of a runner is slow


def unique_titles(choice: Choice) -> dict[str, str]:
    """Variant id → its title, or its id where two variants have one title."""
    titles = [card.title for card in choice.selection.cards]
    return {card.id: card.title if titles.count(card.title) == 1 else card.id for card in choice.selection.cards}


def estimate_seconds(choice: Choice, passes: int) -> float:
    """Seconds that so many forward passes of one image take in each chosen variant."""
    return sum(seconds_of_passes(card, passes) for card in choice.selection.cards)


def seconds_of_passes(card: Card, passes: int) -> float:
    """The same in one variant, from timed passes on this machine."""
    if not passes:
        return 0.0

    def measure(_missing: list[int]) -> list[float]:
        runner, image = models.load_runner(card), np.zeros((1, 3, card.input.size, card.input.size), np.float32)
        seconds = []
        with page_turn():
            for _ in range(TRIALS):
                started = time.perf_counter()
                deletion_insertion.predict(runner, image)
                seconds.append(time.perf_counter() - started)
        return [min(seconds)]

    return passes * state.cache.get_or_compute([("seconds of a pass", card.id, card.sha256)], measure)[0]
