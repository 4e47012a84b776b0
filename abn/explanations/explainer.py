"""Images × variants → explanations."""

import time
from collections.abc import Mapping, Sequence

import numpy as np

from abn.engine.inference import Load, run_variants
from abn.engine.loading import load_once, load_runner
from abn.engine.runner import softmax
from abn.errors import ABNError, VariantError
from abn.explanations.explanation import Explanation
from abn.images.any_source import ImageSource, as_picture
from abn.images.fit import Fitted, fit_picture
from abn.variants.card import Card, class_names
from abn.variants.store import find_variant
from abn.vocabulary import MECHANISMS, TRAINED, InputSpec

NOT_FINITE = "{title} predicts NaN or infinite values. Choose another variant."


def explain(
    image: ImageSource,
    variants: str | Card | Sequence[str | Card],
    *,
    fit: str = "crop",
    mechanism: str = TRAINED,
    load: Load = load_once,
) -> list[Explanation]:
    """One explanation for each variant, in their order; a list of one where `variants` is a single id or card.

    `image` is a path, the bytes of a file, a PIL image, an array (H, W), (H, W, 3) or (H, W, 4), or a `Picture`.
    `mechanism` other than "trained" swaps the mechanism and keeps the weights: an intervention, not the variant that is
    trained that way. By default, weights are kept in memory for later calls; `load` may load them otherwise. Raises an
    `ABNError` for an unknown variant, fit or mechanism, and for an image that can't be opened.
    """
    chosen = [variants] if isinstance(variants, str | Card) else variants
    cards = [card if isinstance(card, Card) else find_variant(card) for card in chosen]
    picture = as_picture(image)
    inputs = {spec: [fit_picture(picture, spec, fit)] for spec in {card.input for card in cards}}
    rows = explain_inputs(inputs, cards, mechanism=mechanism, load=load)
    return rows[0] if rows else []


def explain_inputs(
    inputs: Mapping[InputSpec, Sequence[Fitted]],
    cards: Sequence[Card],
    *,
    mechanism: str = TRAINED,
    load: Load = load_runner,
) -> list[list[Explanation]]:
    """For each of B images, fitted to the input of each card, one explanation for each card, all in one forward pass:
    equal to those of the image alone but for the last digits of float32 (probabilities and maps within 1e-5 on a CPU).
    """
    applied = check_mechanism(mechanism)
    columns = []
    for inference in run_variants(inputs, cards, load=load):
        card = inference.card
        started = time.perf_counter()
        logits = inference.perceive(applied)
        seconds = inference.seconds + time.perf_counter() - started
        auxiliary, perception = softmax(inference.aux_logits), softmax(logits)  # (B, K)
        attention = inference.attention[:, 0]  # (B, h, w)
        if not all(np.isfinite(values).all() for values in (auxiliary, perception, attention)):
            raise VariantError(NOT_FINITE.format(title=card.title))
        columns.append(
            [
                Explanation(
                    variant=card.id,
                    trained_with=card.mechanism,
                    applied=applied or card.mechanism,
                    auxiliary=auxiliary[i],
                    perception=perception[i],
                    attention=attention[i],
                    labels=class_names(card),
                    fitted=fitted,
                    spec=card.input,
                    seconds=seconds / len(inference.fitted),
                    shared_extractor=inference.shared_extractor,
                )
                for i, fitted in enumerate(inference.fitted)
            ]
        )
    return [list(row) for row in zip(*columns, strict=True)]


def check_mechanism(mechanism: str) -> str | None:
    """None for "trained", else the mechanism itself, or `ABNError`."""
    if mechanism == TRAINED:
        return None
    if mechanism not in MECHANISMS:
        raise ABNError(f"There is no mechanism {mechanism!r}. Choose one of: {', '.join((TRAINED, *MECHANISMS))}.")
    return mechanism
