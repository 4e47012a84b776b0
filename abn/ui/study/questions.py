"""The study's questions: each with its findings and how to read their figure."""

from typing import NamedTuple

from abn.study import findings
from abn.study.findings import Finding, Study


class Question(NamedTuple):
    """A section of the page."""

    anchor: str  # what the address names it by
    title: str
    findings: dict[str, Finding]  # name → finding: the first is the answer, the others can be chosen
    reading: str  # how to read the figure


def by_head(study: Study) -> dict[str, Finding]:
    """Additive less multiplicative, for each head."""
    keys = {"perception head": "accuracy", "auxiliary head": "accuracy_auxiliary"}
    return {
        name: findings.compared(study, "multiplicative", key, ("additive",), ahead=True) for name, key in keys.items()
    }


def by_order(study: Study) -> dict[str, Finding]:
    """Bright cells first, by deletion and by insertion."""
    return {name: findings.bright_first(study, name) for name in ("deletion", "insertion")}


def by_metric(study: Study) -> dict[str, Finding]:
    """The map on the object, by each metric."""
    names = {"pointing": "pointing", "ROC-AUC": "roc_auc", "energy ÷ area": "energy_over_area"}
    return {name: findings.finds_object(study, key) for name, key in names.items()}


def all_questions(study: Study) -> list[Question]:
    """The page's questions in their order."""
    return [
        Question("help", "Does it help?", {"": findings.compared(study, "baseline")},
            "Right of the dotted line, the network with attention has the higher accuracy than the plain CNN. Where a "
            "bar crosses the line, the seeds can't tell the difference from none."),
        Question("parameters", "More than its parameters would?", {"": findings.compared(study, "matched")},
            "The attention branch adds parameters, and a larger network may do better without any attention. Here the "
            "baseline was made larger, until it had about as many parameters as the whole Attention Branch Network. "
            "Networks from scratch get wider layers. On Caltech-101 two near-copies of the perception branch are "
            "averaged: a weak test of what parameters can do."),
        Question("auxiliary", "More than the auxiliary loss alone?", {"": findings.compared(study, "none")},
            "“none” has the same layers, the same parameters and the same two losses; only its map is never applied. "
            "So a difference could only come from the attention mechanism itself."),
        Question("mechanism", "Additive or multiplicative?", by_head(study),
            "Right of the dotted line additive has the higher accuracy, left of it multiplicative."),
        Question("bright", "Is bright important?", by_order(study),
            "Deletion fills cells with the mean color, insertion uncovers them: the map's brightest first, its darkest "
            "first, or in random order. If bright is important, brightest first leaves the least area in deletion and "
            "brings the most in insertion. “none” never applies its map, yet its map may still mark what matters."),
        Question("polarity", "Does bright lie on the object?", {"": findings.polarity(study)},
            "Right of the dotted line a map is bright on the object, left of it dark on the object (inverted). "
            "Nothing in the losses asks for either; within 0.05 of the line counts as neither. Gray: the map that is "
            "never applied, and the network before any training. Data sets without masks are left out."),
        Question("object", "Does the map find the object?", by_metric(study),
            "Gray are the controls: the map that is never applied, the map before training, and CAM. On Caltech-101 "
            "the map before training is a random mix of pretrained features, as its classifier is new, so it may be "
            "inverted by chance. CAM has coarser cells, and belongs to one class. An untrained map may find the object "
            "too, and CAM needs no attention branch: only what goes beyond them is due to training. Data sets "
            "without masks are left out."),
        Question("calibration", "Is it better calibrated?",
            {"": findings.compared(study, "baseline", "calibration_error")},
            "Left of the dotted line the error is lower: the predicted probabilities lie nearer to the accuracy."),
    ]  # fmt: skip
