"""Every stage of one image in a variant, and the arithmetic of one cell."""

import time

import numpy as np

from abn.engine.inference import Load
from abn.engine.loading import load_runner
from abn.engine.runner import Runner, class_maps, reweight
from abn.explanations.stages import Trace
from abn.images.decode import Picture
from abn.images.fit import fit_picture
from abn.variants.card import Card
from abn.vocabulary import MECHANISMS


def trace_runner(runner: Runner, image: np.ndarray, mechanism: str | None = None) -> Trace:
    """Every stage of one normalized image (3, H, W); `mechanism` None: the one that the variant was trained with."""
    applied, started = mechanism or runner.mechanism, time.perf_counter()
    features = runner.extract(image[None])
    aux_logits, attention = runner.attend(features)
    seconds = time.perf_counter() - started
    response, reweighted = runner.respond(features), reweight(features, attention, applied)
    return Trace(
        images=image,
        features=features[0],
        response=response[0],
        class_maps=class_maps(runner, response)[0],
        aux_logits=aux_logits[0],
        attention=attention[0, 0],
        reweighted=reweighted[0],
        logits=runner.classify(reweighted)[0],
        mechanism=applied,
        channels_are_classes=_channels_are_classes(runner.class_head),
        seconds=seconds,
    )


def trace_picture(
    picture: Picture, card: Card, *, fit: str = "crop", mechanism: str | None = None, load: Load = load_runner
) -> Trace:
    """The same for an image in a variant. Raises an `ABNError` for an unknown fit or mechanism, or broken weights."""
    runner = load(card)
    return trace_runner(runner, fit_picture(picture, card.input, fit).normalized(card.input), mechanism)


def cell_products(trace: Trace, row: int, column: int, channel: int) -> list[tuple[float, float, float, str]]:
    """(M, g, g′, mechanism) of one cell and channel for each mechanism, by the function that the engine uses."""
    m, g = trace.attention[row, column], trace.features[channel, row, column]
    features, attention = (np.full((1, 1, 1, 1), value, np.float32) for value in (g, m))
    return [(float(m), float(g), reweight(features, attention, name).item(), name) for name in MECHANISMS]


def _channels_are_classes(class_head: np.ndarray) -> bool:
    """Whether channel k of A stands for class k: its weight (K, K) is more than twice any other to or from it."""
    diagonal, others = class_head.diagonal(), np.abs(class_head - np.diag(class_head.diagonal()))
    return bool((diagonal > 2 * others.max(0)).all() and (diagonal > 2 * others.max(1)).all())
