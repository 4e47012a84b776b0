"""The words of the page Inside, in the order of the page."""

TITLE = "Inside"
LINE = "Every stage of one variant, from the image to the prediction."
RUNNING = "Running the network …"
LESSON = "{title}: {lesson}"

# ---- the diagram ----

DIAGRAM = "The stages of {variant}, from the image to the prediction. Press a stage to open it."
CONTROLS = {
    "play": "Play",
    "stop": "Stop",
    "previous": "Previous stage",
    "next": "Next stage",
    "screen": "Full screen",
}
DIAGRAM_NOTE = (
    "Shapes: channels × rows × columns. Small maps of g, A and g′: mean |value| over all channels; g and g′ share one "
    "color scale. Class map: of the auxiliary head's predicted class."
)
APPLIED = (
    "Trained with {trained}, applied {applied}: an intervention on these weights, not a variant trained with {applied}."
)
APPLIED_EFFECT = "Perception head: {before} → {after}."
APPLIED_SAME = "Perception head: class unchanged, {before} → {after}."
SHOWN_CLASS = "shown: {label}"

# ---- the open stage ----

NAMES = {  # a stage's symbol has its name beside it
    "x": "input",
    "g": "features",
    "A": "trunk response",
    "class maps": "one per class",
    "auxiliary logits": "auxiliary head",
    "M": "attention map",
    "g′": "reweighted features",
    "logits": "perception head",
}
MEANINGS = {
    "x": "The image as the network gets it: red, green and blue, normalized as in the backbone's training.",
    "g": "The output of the feature extractor. Each channel is the map of one learned feature.",
    "A": "The trunk's output after its 1 × 1 convolution. Both heads of the attention branch read A.",
    "class maps": "The class head's output for A, before pooling. The mean of a class's map is exactly its auxiliary "
    "logit.",
    "auxiliary logits": "The means of the class maps: the attention branch's own prediction. M is not used for it.",
    "M": "The map head's output: one value between 0 and 1 per cell, the same for all classes. M does not feed the "
    "class head. It reweights g.",
    "g′": "The input of the perception branch.",
    "logits": "The perception branch's output, computed from g′. Softmax gives the probabilities.",
}
GAINS = {
    "additive": "In each cell, all channels of g are multiplied by 1 + M.",
    "multiplicative": "In each cell, all channels of g are multiplied by M.",
    "none": "M is not applied, so g′ = g.",
}
CHANNELS_OF_A = {  # whether the class head weighs channel k of A most for class k
    True: "Here the class head weighs channel k of A most for class k.",
    False: "Here the class head mixes the channels: none belongs to one class.",
}
MIN, MEAN, MAX, ZEROS = "Min", "Mean", "Max", "Zeros"
NO_ZEROS = "none"
HISTOGRAM = "Histogram"
HISTOGRAM_NO_ZEROS = "Histogram without zeros"
INPUT_NAMES = ("input", "red", "green", "blue")
INPUT_ALT = "Input of the network: {alt}"
CHANNEL_ALT = "{name}: from {low} to {high}"
CHANNEL = "{symbol} {number}"
CHANNELS = {  # below the channels that are shown: which these are
    "g": "{count} of {all} channels, by mean |g|",
    "A": "{count} of {all} channels, by mean |A|",
    "class maps": "{count} of {all} class maps, by mean",
    "g′": "{count} of {all} channels, by mean |g′|",
}
OWN_SCALES = "each with its own color scale"
MORE_CHANNELS = "Show {count} of {all}"
LARGEST = "The {count} largest of {all} logits"
LOGIT = "{logit} · {probability}"

# ---- one cell ----

CELL_HEADING = "One cell"
CELL_MAP = "Attention map of {variant} on the input"
CELL = "**Row {row} of {rows}, column {column} of {columns}**"
BRIGHTEST = ", the maximum of M"
CELL_HELP = "Click another cell of the map, or move there with the arrow keys and press Enter."
CHANNEL_LABEL = "Channel of g"
CHANNEL_OPTION = "channel {number}"
CHANNEL_AUTOMATIC = "largest |g| in this cell"
CELL_CHANNEL = "The same cell in **channel {number}** of g and g′:"
CELL_TRAINED = "{mechanism}, trained with"
CELL_APPLIED = "{mechanism}, applied"
CELL_TRAINED_APPLIED = "{mechanism}, trained with and applied"
CELL_OTHER = "{mechanism}, for comparison"
CELL_GAIN = "M = {attention} in this cell, so all {count} channels are multiplied by {gain}."
CELL_UNCHANGED = "All {count} channels of this cell stay unchanged, whatever M is."

# ---- maps of one class ----

CLASS_HEADING = "Maps of one class beside M"
CLASS_LABEL = "Class"
CLASS_AUTOMATIC = "predicted class"
CLASS_HELP = "Type a part of the class's name to search."
CLASS_M = "**M**  \nof no class"
CLASS_M_TITLE = "Attention map of {variant}"
CLASS_M_NOTE = "{h} × {w} cells · {time}"
CLASS_MAP = "**Class map**  \nof the attention branch: {label}"
CLASS_MAP_TITLE = "class map of the attention branch for {label}"
CLASS_MAP_SYMBOL = "class map"
CLASS_MAP_NOTE = "Mean of the map **{mean}** = auxiliary logit **{logit}** · {h} × {w} cells"
CAM_HEADING = "**{method}**  \nof the perception head: {label}"
CAM_TITLE = "{method} of the perception head for {label}"
CAM_NOTE = "{h} × {w} cells of layer “{layer}” · {time}"
CLASS_ALT = "{title}: from {low} to {high}, highest {place}."
CLASS_COLORS = "Red: evidence for the class. Blue: evidence against it. Times: from the image to the map."
LIMITS_LABEL = "Limits of these maps"
LIMITS_OF_MAPS = (
    "- **M** belongs to no class: it shows the weight of each cell, not evidence for a class.\n"
    "- The **class map** explains the auxiliary head only.\n"
    "- **CAM and Grad-CAM** explain one class of the perception head, after the prediction. They have the coarser "
    "cells of its last layer. In the shipped variants, average pooling and one linear layer follow, so Grad-CAM is CAM "
    "without its negative values, up to a constant factor.\n"
    "- None of them shows why the network predicts a class."
)
MILLISECONDS = "{value:.0f} ms"

# ---- how M forms ----

HISTORY_HEADING = "How M forms in training"
NO_HISTORY = "M of this variant was not recorded in training. {recorded}"
RECORDED_FOR = "It was recorded for: {titles}."
RECORDED_FOR_NONE = "It was recorded for none of the chosen variants."
OTHER_IMAGE = "M of the chosen image was not recorded in training. Choose a recorded one:"
RECORDED_LABEL = "Recorded image"
CHOOSE_RECORDED = "Use it on the whole page"
QUOTED = "“{title}”"
HISTORY_MAP = "Attention map on {image} after {step} training steps"
TIMELINE = "Training step. Arrow keys move between the recorded steps."
TIMELINE_CONTROLS = {"play": "Play", "stop": "Stop"}
TIMELINE_AXIS = "training step"
STEP_VALUE = "step {step} of {total}"
STEP = "Step {step} of {total}"
STEP_LAST = "the final M"
STEP_CORRELATION = "rank correlation with the final M: {value}"
STEP_FLAT = "M is constant, so it has no rank order to compare"
STEP_ZERO_WARM = (
    "Before training. The attention branch starts as a copy of the pretrained backbone's last layers. So M is not "
    "random at step 0: it follows the mean evidence over all classes."
)
STEP_ZERO_RANDOM = "Before training. All weights are random, so M at step 0 comes from a random network."
METRICS_ON_OBJECT = (
    "{images}. Pointing: the share of images whose brightest cell lies on the object. ROC-AUC: the probability that a "
    "randomly chosen object pixel is brighter than a randomly chosen background pixel; 0.5 is chance."
)
METRICS_OF_HEADS = "{images}: accuracy of both heads."
TEST_SET = "On a small test set"
TEST_SET_COUNT = "On a test set of {count} images"
