"""What is measured of one trained arm: both heads, calibration, the map against the object's mask, deletion, insertion.

Deletion paints the cells in the image's mean color, insertion uncovers them on its blurred copy; the score is the
probability of the class that the perception head predicts for the whole image. Beside brightest first stand darkest
first and random order: only against these does an area say anything.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from abn.evaluation.deletion_insertion import CurveImages, baseline, score_curves
from abn.evaluation.metrics import calibration_error, cell_order, curve_area, energy_ratio, pointing_hit, roc_auc
from abn.study.arms import Arm, ArmOutput, predict

SHARES = np.linspace(0, 1, 7)  # of the cells taken away or uncovered


@dataclass(frozen=True)
class Pictures:
    """Pictures to measure on, with their masks; `features` are theirs where every arm shares one frozen extractor."""

    inputs: Tensor  # (N, 3, H, W) normalized
    right: np.ndarray  # (N,) class
    masks: np.ndarray  # (N, H, W) bool
    deleted: int  # of the first pictures so many are taken for deletion and insertion
    batch: int
    features: Tensor | None = None  # (N, C, h, w) g(x), half precision


def measure(network: Arm, test: Pictures, *, curves: bool = True) -> dict[str, float | None]:
    """All figures of a network; shares, areas and errors lie in 0 … 1, polarity in −1 … 1."""
    output = _run(network, test)
    probabilities = output.logits.softmax(1).numpy()
    figures: dict[str, float | None] = {
        "accuracy": float((probabilities.argmax(1) == test.right).mean()),
        "calibration_error": calibration_error(probabilities, test.right),
        "accuracy_auxiliary": None,
        "calibration_error_auxiliary": None,
    }
    if output.aux_logits is not None:
        auxiliary = output.aux_logits.softmax(1).numpy()
        figures["accuracy_auxiliary"] = float((auxiliary.argmax(1) == test.right).mean())
        figures["calibration_error_auxiliary"] = calibration_error(auxiliary, test.right)
    figures |= localization(output.attention.numpy(), test.masks)
    if curves:
        figures |= _curves(network, test, output)
    return figures  # unrounded: the exact test needs the ties that rounding would break


def localization(maps: np.ndarray, masks: np.ndarray) -> dict[str, float]:
    """Means over maps (N, h, w) against masks (N, H, W); polarity is 2 · ROC-AUC − 1: −1 is upside down."""
    pairs = list(zip(maps, masks, strict=True))
    area = float(np.nanmean([roc_auc(*pair) for pair in pairs]))
    return {
        "pointing": float(np.mean([pointing_hit(*pair) for pair in pairs])),
        "energy_over_area": float(np.nanmean([energy_ratio(*pair) for pair in pairs])),
        "roc_auc": area,
        "polarity": 2 * area - 1,
    }


@torch.inference_mode()
def _run(network: Arm, test: Pictures) -> ArmOutput:
    inputs = test.inputs if test.features is None else test.features
    parts = []
    for batch in inputs.split(test.batch):
        batch = batch.float().contiguous(memory_format=torch.channels_last)
        parts.append(predict(network, network.extractor(batch) if test.features is None else batch))
    auxiliary = [part.aux_logits for part in parts if part.aux_logits is not None]
    aux_logits = torch.cat(auxiliary) if auxiliary else None
    return ArmOutput(torch.cat([p.logits for p in parts]), aux_logits, torch.cat([p.attention for p in parts]))


def _curves(network: Arm, test: Pictures, output: ArmOutput) -> dict[str, float]:
    """Areas of deletion and insertion over the first pictures, brightest first, darkest first, and in random order."""
    images, maps = test.inputs[: test.deleted], output.attention[: test.deleted].numpy()
    classes = output.logits[: test.deleted].argmax(1).tolist()
    random = np.random.default_rng(0)
    orders = {
        "": [cell_order(m) for m in maps],
        "_dark_first": [cell_order(m, brightest_first=False) for m in maps],
        "_random": [random.permutation(m.size) for m in maps],
    }
    ends = {
        "deletion": [(image, baseline(image, "mean color")) for image in images],
        "insertion": [(baseline(image, "blurred"), image) for image in images],
    }

    def probability(inputs: Tensor, classes: Tensor) -> Tensor:
        return predict(network, network.extractor(inputs)).logits.softmax(1).gather(1, classes[:, None])[:, 0]

    areas = {}
    for name, order in orders.items():
        for kind, pairs in ends.items():
            curves = [
                CurveImages(*pair, o, maps.shape[1:], k) for pair, o, k in zip(pairs, order, classes, strict=True)
            ]
            areas[f"{kind}{name}"] = curve_area(score_curves(curves, probability, SHARES, batch=test.batch))
    return areas
