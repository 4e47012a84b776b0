"""Study: what our own runs over several seeds found, question by question; every number is read from a result file."""

import streamlit as st

from abn.study import findings
from abn.ui import layout
from abn.ui.runtime import loading
from abn.ui.study import findings_panels as panels
from abn.ui.study.findings_panels import Question

layout.begin("Study", "Does attention help, and is bright important? What our own runs over several seeds say.")

study = panels.read(findings.read_study)
if study:
    questions = [
        Question("help", "Does it help?", {"": findings.compared(study, "baseline")},
            "Right of the dotted line, the network with attention is right more often than the plain CNN. Where a bar "
            "crosses the line, the seeds can't tell the difference from none."),
        Question("parameters", "More than its parameters would?", {"": findings.compared(study, "matched")},
            "The attention branch adds parameters, and a larger network may do better without any attention. Here the "
            "baseline was made larger, until it nearly had the parameters of the whole Attention Branch Network. On "
            "scenes it is two near-copies of the perception branch, averaged: a weak test of what parameters can do."),
        Question("auxiliary", "More than the auxiliary loss alone?", {"": findings.compared(study, "none")},
            "“none” has the same layers, the same parameters and the same two losses; only its map is never applied. "
            "So a difference could only come from the attention mechanism itself."),
        Question("mechanism", "Additive or multiplicative?", panels.by_head(study),
            "Right of the dotted line additive is right more often, left of it multiplicative."),
        Question("bright", "Is bright important?", panels.by_order(study),
            "Deletion paints cells over, insertion uncovers them: the map's brightest first, its darkest first, or in "
            "random order. If bright is important, brightest first leaves the least area in deletion and brings the "
            "most in insertion. “none” never applies its map, yet its map may still know what matters."),
        Question("polarity", "Does bright lie on the object?", {"": findings.polarity(study)},
            "Right of the dotted line a map is bright on the object, left of it upside down. Nothing in the losses "
            "asks for either; within 0.05 of the line counts as neither. Gray: the map that is never applied, and the "
            "network before any training."),
        Question("upside-down", "What turns a map upside down?", {"": findings.polarity_trials(study)},
            "Folded: before training, the weights of the pretrained perception branch are divided by the map's mean "
            "gain, so that it starts out answering as the plain CNN. Unfolded: they are not, and it is served best "
            "where M is near zero. Fast head: the map head learns a hundred times faster, on a fixed trunk. These "
            "networks were trained beside the study's own."),
        Question("object", "Does the map find the object?", panels.by_metric(study),
            "Gray are the controls. On scenes the network before training is already the pretrained backbone's class "
            "evidence; CAM has coarser cells and belongs to one class. A map that nobody trained may find the object "
            "too, and CAM needs no attention branch: what goes beyond them is to the credit of training."),
        Question("calibration", "Is it better calibrated?",
            {"": findings.compared(study, "baseline", "calibration_error")},
            "Left of the dotted line is better: the probabilities that the network states lie nearer to how often it "
            "is right."),
    ]  # fmt: skip
    panels.introduction(study, questions)
    for question in questions:
        panels.show(question)
    panels.runs(study)

st.subheader("What does it cost?", anchor="cost")
costs = panels.read(findings.read_costs)
if costs:
    panels.cost(costs)
panels.measure_here(costs)

st.subheader("What did the authors report?", anchor="published")
published = panels.read(findings.read_published)
if published:
    panels.published(published)
loading.start_loading()
