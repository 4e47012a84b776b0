"""Pictures × variants → explanations, running the feature extractor once where variants share one."""

import time
from collections.abc import Callable, Sequence

import torch

from abn.errors import ABNError
from abn.explanation import Explanation
from abn.model import MECHANISMS, AttentionBranchNetwork
from abn.picture import Fitted, InputSpec, Picture, fit_picture
from abn.variants import Card, class_names, find_variant, load_variant

TRAINED = "trained"  # the mechanism that the variant was trained with


def explain(
    picture: Picture,
    variants: Sequence[str | Card],
    *,
    fit: str = "crop",
    mechanism: str = TRAINED,
    load: Callable[[Card], AttentionBranchNetwork] = load_variant,
) -> list[Explanation]:
    """One explanation for each variant, in their order.

    `mechanism` other than "trained" swaps the mechanism and keeps the weights: an intervention, not the variant that is
    trained that way. `load` may be a caching loader. Raises an `ABNError` for an unknown variant, fit or mechanism.
    """
    applied = check_mechanism(mechanism)
    cards = [card if isinstance(card, Card) else find_variant(card) for card in variants]
    fits: dict[InputSpec, Fitted] = {}
    features: dict[tuple[str, InputSpec], tuple[torch.Tensor, float]] = {}
    results = []
    for card in cards:
        network = load(card)
        if card.input not in fits:
            fits[card.input] = fit_picture(picture, card.input, fit)
        shared = (card.extractor_sha256, card.input)
        known = shared in features
        with torch.inference_mode():
            if not known:
                images = torch.from_numpy(fits[card.input].normalised(card.input))[None]
                features[shared] = _timed(lambda net=network, x=images: net.extractor(x))
            g, extractor_seconds = features[shared]
            output, branch_seconds = _timed(lambda net=network, g=g: net.explain_features(g, applied))
            results.append(
                Explanation(
                    variant=card.id,
                    trained_with=card.mechanism,
                    applied=applied or card.mechanism,
                    auxiliary=output.aux_logits[0].softmax(0).numpy(),
                    perception=output.logits[0].softmax(0).numpy(),
                    attention=output.attention[0, 0].numpy(),
                    labels=class_names(card),
                    fitted=fits[card.input],
                    spec=card.input,
                    seconds=extractor_seconds + branch_seconds,
                    shared_extractor=known,
                )
            )
    return results


def check_mechanism(mechanism: str) -> str | None:
    """None for "trained", else the mechanism itself, or `ABNError`."""
    if mechanism == TRAINED:
        return None
    if mechanism not in MECHANISMS:
        raise ABNError(f"There is no mechanism {mechanism!r}. Choose one of: {', '.join((TRAINED, *MECHANISMS))}.")
    return mechanism


def _timed(call: Callable):
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start
