"""The words of Learn, in the order of the page; the steps' own texts are in abn/teaching/lessons.toml."""

TITLE = "Learn"
LINE = "Ten short steps: how an Attention Branch Network works, what its map shows, and what no map can show."

# the row of steps
DONE_HELP = "{title} (done)"
CLOSE = "Summary"
PLACE = "{number} / {count}"  # on a projector
COUNT = "{done} of {count} done"

# the bar of the task
TASK = "**Task.** {task}"
DONE = ":green-badge[:material/check_circle: Done] {notice}"
BACK = "Back"
NEXT = "Next"
MORE = "More: {page}"

# 1: maps of a class
CLASS = "Class: type to search"
CHANGED = "Which maps change? (one or more)"
PREDICTED = "Predicted: **{label}**. {hint}"
CHOOSE_OTHER = "First choose another class."
MARK = "Now mark the maps that changed."
MARK_MORE = "Correct so far: mark the other map that changed."
ALL_MARKED = "Correct: CAM and Grad-CAM change, M doesn't."
CHOOSE_AGAIN = ":orange[Not correct: choose another class once more, and watch all three maps.]"
MAP = "M"
MAP_TITLE = "**M**"
METHOD_TITLE = "**{method}** of {label}"
MAP_ALT = "Attention map M"

# 2: the parts
PATH_LABEL = "The path from the image to the prediction"
STAGE = "**{name}** ({shape}): {meaning}"
MEANINGS = {
    "x": "The image as the network gets it: normalized red, green and blue.",
    "g": "The features. Each channel is a small map of a learned pattern.",
    "A": "The response of the attention branch's trunk. The class head and the map head both read it.",
    "class maps": "One map per class, from the class head. Its mean is exactly the class's auxiliary logit.",
    "auxiliary logits": "The prediction of the attention branch. The perception branch doesn't get it.",
    "M": "The attention map: one value between 0 and 1 per cell, from the map head.",
    "g′": "The features after the mechanism. The perception branch gets these instead of g.",
    "logits": "One value per class. Softmax turns them into the predicted probabilities.",
}

# 3: the equations
RANK = "Row {row}, column {column}: **M = {value}**, rank {rank} of {count} (brightest tenth: rank 1 to {top})"
CHANNEL = "Channel {channel} of g, the strongest in this cell. All three maps have one color scale."
PANELS = {"none": "g", "multiplicative": "M · g", "additive": "(1 + M) · g"}
PANEL_ALT = "{name}, channel {channel}"
EQUATION = "{gain} × {before} = **{after}**"

# 4: the mechanisms
APPLIED = "Applied"
BARS_ALT = "{title}, probabilities of both heads. {listed}."

# 5: the heads
IMAGES = "Images"
LABELED = "Correct labels: **{labels}**. {outcome}"
OUTCOMES = {  # whether the auxiliary head is correct, and the perception head
    (True, True): "Both heads are correct.",
    (True, False): "Only the auxiliary head is correct.",
    (False, True): "Only the perception head is correct.",
    (False, False): "Neither head is correct.",
}

# 6: bright and dark
DELETED = "Delete, and compare the predicted class's probability"
COVERS = NOTHING, BRIGHTEST, DARKEST, RANDOM = "nothing", "brightest fifth", "darkest fifth", "random fifth"
ENGINEERED = ":orange-badge[engineered example]"
COVERED_ALT = "The input, deleted: {cover}."
EFFECTS = "Change in points"
RANDOM_ROW = "random fifth: mean of {count} (lowest to highest)"
RANDOM_EFFECT = "{mean} ({low} to {high})"
NOT_TRIED = "–"

# 7: deletion
AREAS = "Area under the curve: {bright} in the map's order, {low} to {high} in {count} random orders."
FASTER = "Over the whole curve, the probability falls faster in …"
FASTER_OPTIONS = MAP_ORDER, RANDOM_ORDERS, NO_DIFFERENCE = (
    "the map's order",
    "the random orders",
    "neither: the map's area lies within the random range",
)
COMPARE_AGAIN = "Compare the areas under the curves: a smaller area means a faster fall."
COMPUTING = "Running the deletion curves …"

# 8: the study
EXCLUDES_ZERO = "{dataset}: does the interval of multiplicative exclude 0?"
YES, NO = "yes", "no"
CHECK_AGAIN = "Check again: an interval excludes 0 if its bar doesn't touch the dotted line."

# 9: painting
TOOL = "Tool"
PAINTER_LABEL = "Attention map to paint on. Arrow keys move, space paints, Escape cancels."
UNDO = "Undo"
RESET = "Reset"
CONTROLS = "**Controls**"
EDITS_HEADER = ["Map", "Prediction", "Change in points"]
PAINTED = "painted"
UNPAINTED_PREDICTION = "Prediction: **{before}**"
PAINTED_PREDICTION = "Prediction: {before} → **{after}**"

# 10: the statements
TRUE, FALSE = "true", "false"
RIGHT = ":green-badge[:material/check: correct] {why}"
WRONG = ":orange-badge[:material/close: not correct]"
MEASURED = "On {count} scenes its map has a ROC-AUC of {auc} (chance: 0.50)."
MEASURED_HELP = (
    "ROC-AUC: the probability that a randomly chosen object pixel is brighter than a randomly chosen background pixel."
)

# the close
CLOSE_TITLE = "What to remember"
ALL_DONE = ":green-badge[:material/check_circle: All {count} tasks done]"
OPEN_TASKS = "Open tasks: {count} of {all}."
GO_TO = "Go to step {number}: {title}"
NOW = "**Now test yourself.** Predict first, then compare."
