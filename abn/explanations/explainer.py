"""Pictures × variants → explanations, running the feature extractor once where variants share one."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from abn.errors import ABNError, VariantError
from abn.explanations.explanation import Explanation
from abn.images.decode import Picture
from abn.images.fit import Fitted, InputSpec, fit_picture
from abn.network.model import AttentionBranchNetwork
from abn.variants.card import Card, class_names
from abn.variants.store import find_variant, load_variant
from abn.vocabulary import MECHANISMS, TRAINED

NO_ANSWER = "{title} answers with something that is no number: choose another variant."

Load = Callable[[Card], AttentionBranchNetwork]


@dataclass(frozen=True, eq=False)
class InputBatch:
    """Pictures as the networks of one input are fed them."""

    fitted: Sequence[Fitted]  # B
    images: torch.Tensor  # (B, 3, size, size), normalized


def feed(fitted: Sequence[Fitted], spec: InputSpec) -> InputBatch:
    """At least one fitted picture, stacked to one tensor."""
    return InputBatch(fitted, torch.from_numpy(np.stack([one.normalized(spec) for one in fitted])))


def explain(
    picture: Picture,
    variants: Sequence[str | Card],
    *,
    fit: str = "crop",
    mechanism: str = TRAINED,
    load: Load = load_variant,
) -> list[Explanation]:
    """One explanation for each variant, in their order.

    `mechanism` other than "trained" swaps the mechanism and keeps the weights: an intervention, not the variant that is
    trained that way. `load` may be a caching loader. Raises an `ABNError` for an unknown variant, fit or mechanism.
    """
    return explain_batch([picture], variants, fit=fit, mechanism=mechanism, load=load)[0]


def explain_batch(
    pictures: Sequence[Picture],
    variants: Sequence[str | Card],
    *,
    fit: str = "crop",
    mechanism: str = TRAINED,
    load: Load = load_variant,
) -> list[list[Explanation]]:
    """For each picture what `explain` gives, all in one forward pass: equal but for the last digits of float32, as
    sums of another order are (probabilities and maps within 1e-5 on a CPU)."""
    check_mechanism(mechanism)
    cards = [card if isinstance(card, Card) else find_variant(card) for card in variants]
    if not cards or not pictures:
        return [[] for _ in pictures]
    specs = dict.fromkeys(card.input for card in cards)
    fed = {spec: feed([fit_picture(picture, spec, fit) for picture in pictures], spec) for spec in specs}
    return explain_fed(fed, cards, mechanism=mechanism, load=load)


def explain_fed(
    fed: Mapping[InputSpec, InputBatch], cards: Sequence[Card], *, mechanism: str = TRAINED, load: Load = load_variant
) -> list[list[Explanation]]:
    """The same for B pictures that are fitted already, to the input of each card; on the device of the networks."""
    applied = check_mechanism(mechanism)
    features: dict[tuple[str, InputSpec], tuple[torch.Tensor, float]] = {}
    columns = []
    for card in cards:
        network, given = load(card), fed[card.input]
        device = next(network.parameters()).device
        shared = (card.extractor_sha256, card.input)
        known = shared in features
        with torch.inference_mode():
            if not known:
                images = given.images.to(device)
                features[shared] = _timed(lambda net=network, x=images: net.extractor(x), device)
            g, extractor_seconds = features[shared]
            output, branch_seconds = _timed(lambda net=network, g=g: net.explain_features(g, applied), device)
            auxiliary, perception, attention = (  # (B, K), (B, K), (B, h, w)
                values.cpu().numpy()
                for values in (output.aux_logits.softmax(1), output.logits.softmax(1), output.attention[:, 0])
            )
        if not all(np.isfinite(values).all() for values in (auxiliary, perception, attention)):
            raise VariantError(NO_ANSWER.format(title=card.title))
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
                    seconds=(extractor_seconds + branch_seconds) / len(given.fitted),
                    shared_extractor=known,
                )
                for i, fitted in enumerate(given.fitted)
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


def _timed(call: Callable, device: torch.device):
    start = time.perf_counter()
    result = call()
    if device.type == "cuda":  # which only queued the work
        torch.cuda.synchronize(device)
    return result, time.perf_counter() - start
