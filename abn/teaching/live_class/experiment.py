"""The experiment behind "Does bright mean important?": the map is inverted, then shuffled, and the perception branch
runs again each time. The prediction with the variant's own map is the control."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abn.plots.numbers import short_label

if TYPE_CHECKING:  # it needs an engine, for which no page of a student waits
    from abn.explanations.interventions import AttendedImage

EDITS = ("own map", "inverted", "shuffled")  # of interventions.PRESETS; the first is the control


@dataclass(frozen=True, eq=False)
class Trial:
    """The prediction with one map in place."""

    edit: str  # one of EDITS
    attention: np.ndarray  # (h, w) float32, the map applied
    label: str  # the predicted class
    probability: float
    change: float  # Δp of the class predicted with the own map
    changes_prediction: bool


@dataclass(frozen=True, eq=False)
class Experiment:
    """The trials on one image in one variant, in the order of EDITS."""

    variant: str
    trials: tuple[Trial, ...]


def run_experiment(subject: "AttendedImage", labels: Sequence[str], variant: str) -> Experiment:
    """Run the perception branch with each of the maps; `labels` are the names of the K classes."""
    from abn.explanations.interventions import PRESETS

    maps = np.stack([PRESETS[edit](subject.attention) for edit in EDITS]).astype(np.float32)
    predictions = subject.predict(maps)
    before = predictions[0]
    first = int(before.argmax())
    trials = []
    for edit, attention, after in zip(EDITS, maps, predictions, strict=True):
        best = int(after.argmax())
        change = float(after[first] - before[first])
        trials.append(Trial(edit, attention, short_label(labels[best]), float(after[best]), change, best != first))
    return Experiment(variant, tuple(trials))
