"""CAM and Grad-CAM of a network that ends in an average over cells and one linear layer, which need no gradient.

    CAM       Zhou et al. 2016, arXiv 1512.04150, Eq. 2: Σ_c w_kc · f_c
    Grad-CAM  Selvaraju et al. 2017, arXiv 1610.02391, Eq. 1 and 2: ReLU(Σ_c α_kc · f_c), α the mean gradient of logit k

Through the average the gradient of logit k is w_kc / (h · w) in every cell (Selvaraju et al., Sec. 3.1), so that
Grad-CAM is CAM without what is below zero, divided by the number of cells. `cam.py` has both for any other network.
"""

import time
from dataclasses import dataclass

import numpy as np

from abn.engine.runner import Runner
from abn.errors import ABNError
from abn.explanations.stages import Trace

METHODS = CAM, GRAD_CAM = ("CAM", "Grad-CAM")


@dataclass(frozen=True, eq=False)
class ClassMap:
    """One method's evidence for one class, cell by cell."""

    method: str  # one of METHODS
    values: np.ndarray  # (h, w) float32; CAM is signed, Grad-CAM is not below zero
    layer: str  # where the cells are, by its name in the network
    index: int  # the class
    seconds: float  # from the image on; by gradients it takes a backward pass too


def check_method(method: str) -> None:
    """Raise `ABNError` for an unknown method."""
    if method not in METHODS:
        raise ABNError(f"There is no method {method!r}. Choose one of: {', '.join(METHODS)}.")


def pooled_class_map(runner: Runner, trace: Trace, method: str, index: int) -> ClassMap | None:
    """CAM or Grad-CAM of a traced image for class `index`; None where the runner's network has no such end."""
    check_method(method)
    tail = runner.tail
    if tail is None:
        return None
    started = time.perf_counter()
    cells = tail.compute(trace.reweighted[None])[0]  # f: (C, h, w)
    values = np.tensordot(tail.weight[index], cells, 1)  # (h, w)
    if method == GRAD_CAM:
        values = np.maximum(values, 0) / values.size
    return ClassMap(method, values, tail.layer, index, trace.seconds + time.perf_counter() - started)
