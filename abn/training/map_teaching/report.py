"""What a fine-tuning with edited maps changed: maps and predictions before and after, beside the control."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from abn.evaluation.metrics import overlap, rank_correlation
from abn.training.distillation.held_out_photographs import score_labeled
from abn.training.map_teaching.cached_images import to_arrays
from abn.training.measures import Outputs

BEFORE, TAUGHT, CONTROL = NETWORKS = ("before", "taught", "control")  # the control: the same without the map loss
SHARE = 0.2  # the brightest part of the cells that overlap is measured on


@dataclass(frozen=True, eq=False)
class Outcome:
    """One network's outputs for one image."""

    attention: np.ndarray  # (h, w) float32, M
    auxiliary: np.ndarray  # (K,) float32 probabilities
    perception: np.ndarray  # (K,) float32


@dataclass(frozen=True)
class Agreement:
    """How near M is to the target map."""

    rank_correlation: float  # Spearman's ρ of the cells, −1 … 1; NaN where a map is constant
    overlap: float  # intersection over union of the brightest cells (see `target_overlap`), 0 … 1; NaN: undetermined
    squared_distance: float  # mean over cells of (M − M′)², 0 … 1: what the map loss makes smaller


@dataclass(frozen=True, eq=False)
class ImageReport:
    """One image in all networks."""

    name: str
    outcomes: Mapping[str, Outcome]  # by BEFORE, TAUGHT and, where there is one, CONTROL
    target: np.ndarray | None = None  # (h, w) M′; None: an image that wasn't taught
    label: int | None = None  # the class that was taught

    def agreement(self, network: str) -> Agreement | None:
        """Of M with the target; None where there is none."""
        if self.target is None:
            return None
        attention = self.outcomes[network].attention
        return Agreement(
            rank_correlation=rank_correlation(attention, self.target),
            overlap=target_overlap(attention, self.target),
            squared_distance=float(np.square(attention - self.target).mean()),
        )


@dataclass(frozen=True)
class Summary:
    """One network on several images: means, NaN where no image has the value."""

    count: int
    rank_correlation: float
    overlap: float
    squared_distance: float
    map_change: float  # mean over cells of |M − M before|, 0 … 1
    perception_unchanged: float  # share of images whose first class is as before
    auxiliary_unchanged: float
    labeled: int  # images with a label that was taught
    perception_correct: float  # share of those whose first class is the label
    auxiliary_correct: float


@dataclass(frozen=True, eq=False)
class TeachingReport:
    """All that is measured of a fine-tuning."""

    examples: tuple[ImageReport, ...]
    held_out: tuple[ImageReport, ...]  # images that were given to be compared
    labeled: Mapping[str, Mapping[str, float]] | None  # network → accuracy on labeled photographs that weren't replayed
    seconds: Mapping[str, float]  # of each part of the work

    def to_json(self, labels: Sequence[str], *, top: int = 3) -> dict[str, Any]:
        """Plain data; `labels` (K,) are the class names, of which each head's `top` likeliest are listed."""
        return {
            "examples": [_image_to_json(image, labels, top) for image in self.examples],
            "held_out": [_image_to_json(image, labels, top) for image in self.held_out],
            "labeled": self.labeled,
            "seconds": {name: round(value, 1) for name, value in self.seconds.items()},
        }


def target_overlap(attention: np.ndarray, target: np.ndarray) -> float:
    """Intersection over union of the brightest 20 % of cells of M and M′ (h, w).

    A painted target often has so many equal cells that its brightest 20 % are undetermined. Then as many cells are
    compared as are brighter than the middle of its range. NaN where these, too, are undetermined, as of a constant map.
    """
    value = overlap(attention, target, SHARE)
    bright = float((target > (target.min() + target.max()) / 2).mean())
    return overlap(attention, target, bright) if np.isnan(value) and bright else value


def report_images(
    names: Sequence[str],
    outputs: Mapping[str, Outputs],
    *,
    targets: Sequence[np.ndarray | None] | None = None,
    labels: Sequence[int | None] | None = None,
) -> tuple[ImageReport, ...]:
    """One report for each of N images; `outputs` are those of each network."""
    arrays = {network: to_arrays(values) for network, values in outputs.items()}
    reports = []
    for i, name in enumerate(names):
        outcomes = {
            network: Outcome(attention[i], auxiliary[i], perception[i])
            for network, (perception, auxiliary, attention) in arrays.items()
        }
        reports.append(ImageReport(name, outcomes, targets[i] if targets else None, labels[i] if labels else None))
    return tuple(reports)


def summarize_images(images: Sequence[ImageReport], network: str) -> Summary:
    """The means of one network over images."""
    agreements = [agreement for image in images if (agreement := image.agreement(network))]
    pairs = [(image.outcomes[network], image.outcomes[BEFORE], image.label) for image in images]
    labeled = [(now, label) for now, _, label in pairs if label is not None]
    return Summary(
        count=len(images),
        rank_correlation=_mean([agreement.rank_correlation for agreement in agreements]),
        overlap=_mean([agreement.overlap for agreement in agreements]),
        squared_distance=_mean([agreement.squared_distance for agreement in agreements]),
        map_change=_mean([float(np.abs(now.attention - before.attention).mean()) for now, before, _ in pairs]),
        perception_unchanged=_mean([now.perception.argmax() == before.perception.argmax() for now, before, _ in pairs]),
        auxiliary_unchanged=_mean([now.auxiliary.argmax() == before.auxiliary.argmax() for now, before, _ in pairs]),
        labeled=len(labeled),
        perception_correct=_mean([now.perception.argmax() == label for now, label in labeled]),
        auxiliary_correct=_mean([now.auxiliary.argmax() == label for now, label in labeled]),
    )


def count_nearer(images: Sequence[ImageReport], network: str) -> int:
    """Of how many taught images M is nearer to the target than it was before."""
    pairs = [(image.agreement(network), image.agreement(BEFORE)) for image in images]
    return sum(now.squared_distance < before.squared_distance for now, before in pairs if now and before)


def _mean(values: Sequence[float]) -> float:
    """The mean of the values that are numbers; NaN of none."""
    finite = [float(value) for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def compare_labeled(outputs: Mapping[str, Outputs], accepted: Sequence[tuple[int, ...]]) -> dict[str, dict[str, float]]:
    """For each network the accuracy of both heads on labeled photographs, and how many first classes and how much of
    the map are as before."""
    figures: dict[str, dict[str, float]] = {}
    before = outputs[BEFORE]
    for network, values in outputs.items():
        assert values.aux_logits is not None and before.aux_logits is not None
        figures[network] = {
            **score_labeled(values, accepted),
            "perception_unchanged": _share_equal(values.logits, before.logits),
            "auxiliary_unchanged": _share_equal(values.aux_logits, before.aux_logits),
            "map_change": round(float((values.attention - before.attention).abs().mean()), 4),
        }
    return figures


def _share_equal(logits: Any, others: Any) -> float:
    """How often both have the same first class."""
    return round(float((logits.argmax(1) == others.argmax(1)).double().mean()), 4)


def _image_to_json(image: ImageReport, labels: Sequence[str], top: int) -> dict[str, Any]:
    networks = {}
    for name, outcome in image.outcomes.items():
        agreement = image.agreement(name)
        networks[name] = {
            "perception": _top(outcome.perception, labels, top),
            "auxiliary": _top(outcome.auxiliary, labels, top),
            "map": _extent(outcome.attention),
            **({key: _finite(value) for key, value in vars(agreement).items()} if agreement else {}),
        }
    taught = {} if image.target is None else {"label": image.label, "target": _extent(image.target)}
    return {"image": image.name, **taught, "networks": networks}


def _top(probabilities: np.ndarray, labels: Sequence[str], count: int) -> list[dict[str, Any]]:
    order = np.argsort(-probabilities, kind="stable")[:count].tolist()
    return [{"class": i, "label": labels[i], "probability": round(float(probabilities[i]), 4)} for i in order]


def _extent(attention: np.ndarray) -> dict[str, float]:
    figures = {"min": attention.min(), "mean": attention.mean(), "max": attention.max()}
    return {name: round(float(value), 4) for name, value in figures.items()}


def _finite(value: float) -> float | None:
    """NaN is no JSON."""
    return round(value, 4) if np.isfinite(value) else None
