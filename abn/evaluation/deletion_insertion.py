"""Deletion and insertion curves (RISE, Petsiuk et al. 2018, arXiv 1806.07421): does the prediction depend on bright
cells?

Deletion: the cells of the image are replaced by a baseline in a map's order, brightest first; insertion: they are
uncovered on a blurred copy. The score is the probability of the predicted class after each step, and the area under it
sums it up. The whole network runs on every changed image, so its map changes too; the order is that of the map of the
whole image. Cells of the variant's own grid are taken whole, so no tie inside an enlarged cell decides anything. An
area means something only beside that of random orders (`CurveComparison`); another baseline gives another area; and an
image with deleted cells is out of distribution.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from abn.engine.runner import Runner, perceive, softmax
from abn.errors import ABNError
from abn.evaluation.metrics import cell_order, cells_mask, curve_area
from abn.explanations.interventions import AttendedImage
from abn.images.fit import denormalize, upsample
from abn.vocabulary import NONE, InputSpec

DELETION, INSERTION = KINDS = ("deletion", "insertion")
BRIGHT, DARK, RANDOM = ORDERS = ("brightest first", "darkest first", "random")
BLURRED = "blurred"  # what insertion begins with
BASELINES = ("mean color", "gray", "black", BLURRED)
BLUR = 8  # the blurred copy has so many times fewer pixels along each axis
STEPS = 28  # 7 cells of 14 × 14 in each
RANDOM_ORDERS = 5
BATCH = 2  # images in one forward pass: larger batches are not faster on a CPU, and ONNX Runtime keeps their memory

Probability = Callable[[np.ndarray, np.ndarray], np.ndarray]  # images (B, 3, H, W), classes (B,) → probabilities (B,)


@dataclass(frozen=True)
class CurveSpec:
    """What is measured; hashable, so that a result can be looked up."""

    kind: str  # one of KINDS
    order: str = BRIGHT  # one of ORDERS
    seed: int = 0  # of a random order
    baseline: str = BASELINES[0]  # what replaces a deleted cell, one of BASELINES
    steps: int = STEPS


@dataclass(frozen=True, eq=False)
class CurveImages:
    """The images of one curve: one turns into another, cell by cell."""

    start: np.ndarray  # (3, H, W) float32
    end: np.ndarray  # (3, H, W)
    order: np.ndarray  # (h·w,) cells as flat indices, in the order in which they change
    shape: tuple[int, int]  # (h, w)
    predicted_class: int  # whose probability is the score

    def at(self, share: float) -> np.ndarray:
        """The image (3, H, W) once `share` of its cells have changed."""
        _, height, width = self.start.shape
        return np.where(cells_mask(self.order, share, self.shape, (height, width)), self.end, self.start)


@dataclass(frozen=True, eq=False)
class CurveResult:
    """One curve with its scores."""

    spec: CurveSpec
    predicted_class: int  # whose probability is the score
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
    random: tuple[CurveResult, ...]  # at least one
    dark: CurveResult | None = None

    @property
    def random_scores(self) -> np.ndarray:
        """(random orders, steps + 1)."""
        return np.stack([curve.scores for curve in self.random])

    @property
    def random_area(self) -> float:
        """The mean area of the random orders."""
        return float(np.mean([curve.area for curve in self.random]))

    @property
    def difference(self) -> float:
        """Area in the map's order less that in random order: below 0 in deletion and above it in insertion where the
        prediction depends on bright cells more than on others."""
        return self.bright.area - self.random_area

    @property
    def outside_random_range(self) -> bool:
        """Whether the map's area lies beyond those of all random orders."""
        areas = [curve.area for curve in self.random]
        return not min(areas) <= self.bright.area <= max(areas)


def curve_specs(
    kind: str,
    *,
    baseline: str = BASELINES[0],
    steps: int = STEPS,
    random_orders: int = RANDOM_ORDERS,
    darkest: bool = False,
) -> list[CurveSpec]:
    """The curves of one kind: brightest first, so many random orders, and darkest first where `darkest`.

    Insertion always begins with the blurred image, whatever `baseline` is.
    """
    bright = CurveSpec(kind, BRIGHT, 0, BLURRED if kind == INSERTION else baseline, steps)
    controls = [replace(bright, order=RANDOM, seed=seed) for seed in range(random_orders)]
    return [bright, *controls, *([replace(bright, order=DARK)] if darkest else [])]


def compare_curves(results: Sequence[CurveResult]) -> CurveComparison:
    """The curves of `curve_specs`, sorted by their order."""
    by_order = {order: [result for result in results if result.spec.order == order] for order in ORDERS}
    return CurveComparison(by_order[BRIGHT][0], tuple(by_order[RANDOM]), next(iter(by_order[DARK]), None))


def baseline(image: np.ndarray, name: str, *, black: np.ndarray | None = None) -> np.ndarray:
    """What replaces a normalized image (3, H, W); "gray" is its zero, the mean of all training images.

    `black` (3,) is where black lies after normalization, needed for "black" alone.
    """
    if name == "mean color":
        return np.broadcast_to(image.mean((1, 2), keepdims=True), image.shape)
    if name == "gray":
        return np.zeros_like(image)
    if name == "black" and black is not None:
        return np.broadcast_to(black[:, None, None], image.shape)
    if name == BLURRED:
        return np.stack([upsample(_mean_blocks(channel), image.shape[:0:-1]) for channel in image])
    raise ABNError(f"There is no baseline {name!r}. Choose one of: {', '.join(BASELINES)}.")


def _mean_blocks(values: np.ndarray) -> np.ndarray:
    """The means of blocks of `BLUR` × `BLUR` pixels of (H, W), those at the end perhaps smaller."""
    for axis, count in enumerate(values.shape):
        starts = np.arange(0, count, BLUR)
        sizes = np.diff([*starts, count])
        values = np.add.reduceat(values, starts, axis) / (sizes[:, None] if axis == 0 else sizes)
    return values


def curve_images(attended: AttendedImage, input_spec: InputSpec, spec: CurveSpec) -> CurveImages:
    """The images of one curve, from whole to baseline (deletion), or from blurred to whole (insertion)."""
    if spec.kind not in KINDS or spec.order not in ORDERS:
        raise ABNError(f"A curve is one of {', '.join(KINDS)}, its order one of {', '.join(ORDERS)}.")
    whole = attended.fitted.normalized(input_spec)
    black = (-np.array(input_spec.mean) / np.array(input_spec.std)).astype(np.float32)
    deleted = baseline(whole, spec.baseline, black=black)
    start, end = (deleted, whole) if spec.kind == INSERTION else (whole, deleted)
    if spec.order == RANDOM:
        order = np.random.default_rng(spec.seed).permutation(attended.attention.size)
    else:
        order = cell_order(attended.attention, brightest_first=spec.order == BRIGHT)
    predicted_class = int(attended.predict(attended.attention).argmax())
    return CurveImages(start, end, order, attended.attention.shape, predicted_class)


def score_curves(
    curves: Sequence[CurveImages],
    probability: Probability,
    shares: Sequence[float] | np.ndarray,
    *,
    batch: int,
    progress: Callable[[float], object] = lambda share: None,
) -> np.ndarray:
    """The probability along each curve: (curves, shares) float64.

    Each forward pass takes `batch` images, whichever curves they belong to. `progress` gets the share that is done
    after each batch; whatever it raises ends the work.
    """
    steps = [(curve, share) for curve in curves for share in shares]
    scores: list[float] = []
    for start in range(0, len(steps), batch):
        steps_of_batch = steps[start : start + batch]
        images = np.stack([curve.at(share) for curve, share in steps_of_batch])
        classes = np.array([curve.predicted_class for curve, _ in steps_of_batch])
        scores += probability(images, classes).tolist()
        progress(len(scores) / len(steps))
    return np.array(scores).reshape(len(curves), len(shares))


def compute_curve(
    attended: AttendedImage,
    input_spec: InputSpec,
    spec: CurveSpec,
    *,
    batch: int = BATCH,
    progress: Callable[[float], object] = lambda share: None,
    turn: AbstractContextManager = nullcontext(),  # noqa: B008  it holds nothing
) -> CurveResult:
    """Run the network along one curve, `batch` images at once, `turn` held during each forward pass.

    `input_spec` is the variant's. `progress` gets the share that is done after each batch; whatever it raises ends the
    work.
    """

    def probability(images: np.ndarray, classes: np.ndarray) -> np.ndarray:
        with turn:
            return predict(attended.runner, images)[np.arange(len(classes)), classes]

    started, shares = time.perf_counter(), np.linspace(0, 1, spec.steps + 1)
    images = curve_images(attended, input_spec, spec)
    (scores,) = score_curves([images], probability, shares, batch=batch, progress=progress)
    return CurveResult(spec, images.predicted_class, shares, scores, time.perf_counter() - started)


@dataclass(frozen=True, eq=False)
class PartlyDeletedImage:
    """One image of a curve, and the prediction for it."""

    image: Image.Image
    probabilities: np.ndarray  # (K,) float32, the perception head


def delete_cells(attended: AttendedImage, input_spec: InputSpec, spec: CurveSpec, share: float) -> PartlyDeletedImage:
    """The network's input once `share` of the cells have changed, and its prediction."""
    image = curve_images(attended, input_spec, spec).at(share)
    probabilities = predict(attended.runner, image[None])[0]
    return PartlyDeletedImage(Image.fromarray(denormalize(image, input_spec)), probabilities)


def predict(runner: Runner, images: np.ndarray) -> np.ndarray:
    """Images (B, 3, H, W) → the perception head's probabilities (B, K). A map that is not applied isn't computed."""
    features = runner.extract(images)
    if runner.mechanism == NONE:
        return softmax(runner.classify(features))
    _, attention = runner.attend(features)
    return softmax(perceive(runner, features, attention))
