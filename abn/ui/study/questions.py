"""The study's questions: each with its findings and how to read their figure."""

from typing import NamedTuple

from abn.study import findings
from abn.study.findings import Finding, Study
from abn.ui.study import words
from abn.vocabulary import ADDITIVE, BASELINE, MATCHED, MULTIPLICATIVE, NONE

MAP_METRICS = {words.POINTING: "pointing", words.ROC_AUC: "roc_auc", words.MAP_SHARE: "energy_over_area"}


class Question(NamedTuple):
    """A row of the matrix."""

    anchor: str  # what the address names it by
    title: str
    findings: dict[str, Finding]  # name → finding: the first is the matrix's, the others can be chosen for the figure
    reading: str  # how to read the figure


def all_questions(study: Study) -> list[Question]:
    """The page's questions in their order."""

    def compare(against: str, key: str = "accuracy") -> dict[str, Finding]:
        return {"": findings.compared(study, against, key)}

    def object_against(control: str) -> dict[str, Finding]:
        return {name: findings.finds_object(study, key, control) for name, key in MAP_METRICS.items()}

    bright = {name: findings.bright_first(study, name) for name in ("deletion", "insertion")}
    heads = {"": findings.by_head(study, ADDITIVE, MULTIPLICATIVE)}
    before, _, cam = findings.CONTROLS
    return [
        Question("help", words.HELP, compare(BASELINE), words.HELP_READING),
        Question("parameters", words.PARAMETERS, compare(MATCHED), words.PARAMETERS_READING),
        Question("auxiliary", words.AUXILIARY, compare(NONE), words.AUXILIARY_READING),
        Question("mechanism", words.MECHANISM, heads, words.MECHANISM_READING),
        Question("calibration", words.CALIBRATION, compare(BASELINE, "calibration_error"), words.CALIBRATION_READING),
        Question("bright", words.BRIGHT, bright, words.BRIGHT_READING),
        Question("polarity", words.POLARITY, {"": findings.polarity(study)}, words.POLARITY_READING),
        Question("object", words.BEFORE, object_against(before), words.BEFORE_READING),
        Question("cam", words.CAM, object_against(cam), words.CAM_READING),
    ]
