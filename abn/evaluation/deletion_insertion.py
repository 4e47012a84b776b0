"""Does the answer hang on the cells that the map calls bright? One picture, one variant: deletion and insertion.

The score is the perception head's probability of the class that the variant itself names on the whole picture. All of
the network runs on every changed picture, so its map changes too; the order is that of the map of the whole picture,
cell by cell of the variant's own grid. An area says something only beside those of random orders (`Beside`).
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from abn.errors import ABNError
from abn.evaluation import curves
from abn.evaluation.curves import BASELINES, Curve, baseline
from abn.evaluation.metrics import cell_order, curve_area
from abn.explanations.interventions import Subject
from abn.images.fit import InputSpec, seen

DELETION, INSERTION = KINDS = ("deletion", "insertion")
BRIGHT, DARK, RANDOM = ORDERS = ("brightest first", "darkest first", "random")
BLURRED = "blurred"  # what insertion begins with
STEPS = 28  # 7 cells of 14 × 14 in each
RANDOMS = 3  # random orders
BATCH = 8  # pictures asked at once


@dataclass(frozen=True)
class CurveSpec:
    """One curve; hashable, so that what is known of it can be found again."""

    kind: str  # one of KINDS
    order: str = BRIGHT  # one of ORDERS
    seed: int = 0  # of a random order
    paint: str = BASELINES[0]  # what a cell is that is gone, one of BASELINES
    steps: int = STEPS


@dataclass(frozen=True, eq=False)
class CurveResult:
    """One curve with its scores."""

    wanted: CurveSpec
    named: int  # the class whose probability is followed
    shares: np.ndarray  # (steps + 1,) of the cells, 0 … 1
    scores: np.ndarray  # (steps + 1,) probability once so many have changed
    seconds: float

    @property
    def area(self) -> float:
        """Area under the curve by trapezoids, 0 … 1."""
        return curve_area(self.scores)


@dataclass(frozen=True, eq=False)
class CurveComparison:
    """One variant's curve in its map's order beside its controls, all of one kind."""

    bright: CurveResult
    randoms: tuple[CurveResult, ...]  # at least one
    dark: CurveResult | None = None

    @property
    def random_scores(self) -> np.ndarray:
        """(random orders, steps + 1)."""
        return np.stack([one.scores for one in self.randoms])

    @property
    def random_area(self) -> float:
        """The mean area of the random orders."""
        return float(np.mean([one.area for one in self.randoms]))

    @property
    def difference(self) -> float:
        """Area in the map's order less that in random order: below 0 in deletion and above it in insertion where the
        answer hangs on bright cells more than on any."""
        return self.bright.area - self.random_area

    @property
    def outside(self) -> bool:
        """Whether the map's area lies beyond those of all random orders."""
        areas = [one.area for one in self.randoms]
        return not min(areas) <= self.bright.area <= max(areas)


def wanted(
    kind: str, *, paint: str = BASELINES[0], steps: int = STEPS, randoms: int = RANDOMS, darkest: bool = False
) -> list[CurveSpec]:
    """The curves of one kind: brightest first, so many random orders, and darkest first where it is asked for.

    Insertion always begins with the blurred picture, whatever `paint` is.
    """
    first = CurveSpec(kind, BRIGHT, 0, BLURRED if kind == INSERTION else paint, steps)
    orders = [replace(first, order=RANDOM, seed=seed) for seed in range(randoms)]
    return [first, *orders, *([replace(first, order=DARK)] if darkest else [])]


def beside(found: Sequence[CurveResult]) -> CurveComparison:
    """The curves of `wanted` sorted by what they are."""
    by_order: dict[str, list[CurveResult]] = {order: [] for order in ORDERS}
    for one in found:
        by_order[one.wanted.order].append(one)
    return CurveComparison(by_order[BRIGHT][0], tuple(by_order[RANDOM]), next(iter(by_order[DARK]), None))


def curve(subject: Subject, spec: InputSpec, wanted: CurveSpec) -> Curve:
    """The pictures of one curve, from untouched to painted over (deletion), or from blurred to whole (insertion)."""
    if wanted.kind not in KINDS or wanted.order not in ORDERS:
        raise ABNError(f"A curve is one of {', '.join(KINDS)}, its order one of {', '.join(ORDERS)}.")
    whole = torch.from_numpy(subject.fitted.normalized(spec))
    black = -torch.tensor(spec.mean) / torch.tensor(spec.std)
    gone = baseline(whole, wanted.paint, black=black)
    start, end = (gone, whole) if wanted.kind == INSERTION else (whole, gone)
    named = int(subject.answers(subject.attention).argmax())
    return Curve(start, end, _order(subject.attention, wanted), subject.attention.shape, named)


def _order(attention: np.ndarray, wanted: CurveSpec) -> np.ndarray:
    if wanted.order == RANDOM:
        return np.random.default_rng(wanted.seed).permutation(attention.size)
    return cell_order(attention, brightest_first=wanted.order == BRIGHT)


def follow(
    subject: Subject,
    spec: InputSpec,
    wanted: CurveSpec,
    *,
    batch: int = BATCH,
    progress: Callable[[float], object] = lambda share: None,
    turn: AbstractContextManager = nullcontext(),  # noqa: B008  it holds nothing
) -> CurveResult:
    """Ask the network along one curve, `batch` pictures at once, `turn` held while it is asked.

    `spec` is the input of the variant. `progress` gets the share that is done after each batch; whatever it raises
    ends the work.
    """

    def probability(images: Tensor, classes: Tensor) -> Tensor:
        with turn:
            return subject.network(images).logits.softmax(1).gather(1, classes[:, None])[:, 0]

    begun, shares = time.perf_counter(), np.linspace(0, 1, wanted.steps + 1)
    asked = curve(subject, spec, wanted)
    (scores,) = curves.follow([asked], probability, shares, batch=batch, progress=progress)
    return CurveResult(wanted, asked.named, shares, scores, time.perf_counter() - begun)


@dataclass(frozen=True, eq=False)
class PartlyDeletedImage:
    """One picture on the way, and what the network says of it."""

    image: Image.Image
    answer: np.ndarray  # (K,) float32, the perception head's probabilities


def shown(subject: Subject, spec: InputSpec, wanted: CurveSpec, share: float) -> PartlyDeletedImage:
    """What the network gets to see once `share` of the cells have changed, and its answer to it."""
    image = curve(subject, spec, wanted).at(share)
    with torch.inference_mode():
        answer = subject.network(image[None]).logits.softmax(1)[0].numpy()
    return PartlyDeletedImage(Image.fromarray(seen(image.numpy(), spec)), answer)
