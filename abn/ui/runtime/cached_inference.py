"""Images through networks, each result kept so that it isn't computed twice; what can't be computed ends the page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from abn.explanations.explanation import Explanation
from abn.images import samples
from abn.images.decode import Picture
from abn.images.fit import DEFAULT_FIT
from abn.ui.runtime import cache, models
from abn.ui.runtime.fair_queue import Turn
from abn.ui.runtime.turns import page_turn
from abn.ui.state import state
from abn.variants.card import Card
from abn.variants.own import is_own
from abn.vocabulary import TRAINED

if TYPE_CHECKING:
    from abn.explanations.interventions import AttendedImage


def explain_image(
    picture: Picture, cards: Sequence[Card], *, fit: str = DEFAULT_FIT, mechanism: str = TRAINED
) -> list[Explanation]:
    """Explanations, without variants whose weights are broken; `models.find_broken` says why."""
    broken = models.find_broken(cards)
    sound = [card for card in cards if card.id not in broken]
    shipped = picture.sha256 in samples.gallery_by_sha256() and not any(is_own(card.id) for card in sound)
    kept = cache.server_cache() if shipped else state.cache
    return explain_cached(picture, sound, kept, page_turn(), fit=fit, mechanism=mechanism)


def explain_cached(
    picture: Picture,
    cards: Sequence[Card],
    kept: cache.BoundedCache,
    turn: Turn,
    *,
    fit: str = DEFAULT_FIT,
    mechanism: str = TRAINED,
) -> list[Explanation]:
    """Explanations from a cache, or computed in a turn; in any thread. Raises `ABNError`."""
    from abn.explanations.explainer import explain

    keys = [
        (
            "explanation",
            picture.sha256,
            card.id,
            card.sha256,
            fit,
            card.mechanism if mechanism == TRAINED else mechanism,
        )
        for card in cards
    ]

    def compute(missing: list[int]) -> list[Explanation]:
        with turn:
            return explain(picture, [cards[k] for k in missing], fit=fit, mechanism=mechanism, load=models.load_runner)

    return kept.get_or_compute(keys, compute)


def get_subjects(picture: Picture, cards: Sequence[Card], fit: str) -> "list[AttendedImage]":
    """g(x) and M of one image in several networks."""

    def compute(missing: list[int]) -> "list[AttendedImage]":
        from abn.explanations import interventions

        with page_turn():
            return interventions.attend_variants(picture, [cards[k] for k in missing], fit=fit, load=models.load_runner)

    keys = [("subject", picture.sha256, card.id, card.sha256, fit) for card in cards]
    return state.cache.get_or_compute(keys, compute)


def get_subject(picture: Picture, card: Card, fit: str) -> "AttendedImage":
    """The same in one network."""
    return get_subjects(picture, [card], fit)[0]


def predict(
    picture: Picture, card: Card, fit: str, maps: Sequence[np.ndarray], mechanism: str | None = None
) -> list[np.ndarray]:
    """The perception head's probabilities (K,) for each map (h, w), applied by a mechanism (None: the one trained
    with). Only the perception branch runs, and only for maps that this session has not tried yet."""
    applied = mechanism or card.mechanism
    key = ("prediction", picture.sha256, card.id, card.sha256, fit, applied)
    distinct = maps[:1] if applied == "none" else maps  # no map is applied, so that all have one prediction
    keys = [key if applied == "none" else (*key, np.asarray(values, np.float32).tobytes()) for values in distinct]

    def compute(missing: list[int]) -> list[np.ndarray]:
        subject = get_subject(picture, card, fit)
        with page_turn():
            return list(subject.predict(np.stack([distinct[k] for k in missing]), applied))

    predictions = state.cache.get_or_compute(keys, compute)
    return predictions * len(maps) if applied == "none" else predictions
