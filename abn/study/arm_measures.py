"""What is measured of one trained arm: both heads, calibration, the map against the object's mask, deletion, insertion.

Deletion fills cells with the image's mean color, insertion uncovers them on its blurred copy; the score is the
probability of the class that the perception head predicts for the whole image. Beside brightest first stand darkest
first and random order: only against these does an area say anything.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from abn.evaluation.deletion_insertion import CurveImages, baseline, score_curves
from abn.evaluation.metrics import cell_order, curve_area
from abn.study.arms import Arm
from abn.training.measures import MaskedImages, Outputs, measure_heads, measure_maps, run_batches

BATCH = 50
SHARES = np.linspace(0, 1, 7)  # of the cells deleted or uncovered


@dataclass(frozen=True, eq=False)
class EvaluationImages:
    """Labeled images to measure on."""

    inputs: Tensor  # (N, 3, H, W) normalized, or with `features` (N, C, h, w) g(x) of the extractor that all arms share
    labels: np.ndarray  # (N,) class
    deleted: Tensor  # (D, 3, H, W) normalized: the first images, for deletion and insertion
    maps: MaskedImages | None  # None: nothing is said of where a map lies
    features: bool = False


def measure(network: Arm, test: EvaluationImages, *, device: str = "cpu") -> dict[str, float | None]:
    """All figures of a network, which is moved to `device`; shares, areas and errors lie in 0 … 1,
    polarity = 2 · ROC-AUC − 1 in −1 … 1."""
    network.to(device)
    output = run_batches(network, test.inputs.split(BATCH), features=test.features, device=device)
    figures: dict[str, float | None] = {"accuracy_auxiliary": None, "calibration_error_auxiliary": None}
    figures |= measure_heads(output, test.labels)
    if test.maps is not None:
        figures |= locate(network, test.maps, output if test.maps.inputs is test.inputs else None, device=device)
    figures |= _curves(network, test.deleted, output, device)
    return figures  # unrounded: the exact test needs the ties that rounding would break


def locate(network: Arm, maps: MaskedImages, output: Outputs | None = None, *, device: str = "cpu") -> dict[str, float]:
    """The figures of a network's maps alone; `output` on these images, where there is one already."""
    output = output or run_batches(network, maps.inputs.split(BATCH), features=maps.features, device=device)
    figures = measure_maps(output.attention, maps.masks)
    return {**figures, "polarity": 2 * figures["roc_auc"] - 1}


def _curves(network: Arm, images: Tensor, output: Outputs, device: str) -> dict[str, float]:
    """Areas of deletion and insertion over the first images, brightest first, darkest first, and in random order."""
    maps, classes = output.attention[: len(images)].numpy(), output.logits[: len(images)].argmax(1).tolist()
    random = np.random.default_rng(0)
    orders = {
        "": [cell_order(m) for m in maps],
        "_dark_first": [cell_order(m, brightest_first=False) for m in maps],
        "_random": [random.permutation(m.size) for m in maps],
    }
    ends = {
        "deletion": [(image, baseline(image, "mean color")) for image in images.numpy()],
        "insertion": [(baseline(image, "blurred"), image) for image in images.numpy()],
    }

    def probability(inputs: np.ndarray, classes: np.ndarray) -> np.ndarray:
        logits = run_batches(network, [torch.from_numpy(inputs)], device=device).logits
        return logits.softmax(1).numpy()[np.arange(len(classes)), classes]

    areas = {}
    for name, order in orders.items():
        for kind, pairs in ends.items():
            curves = [
                CurveImages(*pair, o, maps.shape[1:], k) for pair, o, k in zip(pairs, order, classes, strict=True)
            ]
            areas[f"{kind}{name}"] = curve_area(score_curves(curves, probability, SHARES, batch=BATCH))
    return areas
