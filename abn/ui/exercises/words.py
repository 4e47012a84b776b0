"""The words of Exercises, in the order of the page; questions and explanations are in abn/teaching/exercises/."""

TITLE = "Exercises"
LINE = "Predict first, then compare: what does the attention map do, and what doesn't it show?"

# the progress in a set
STALE = (
    "Some images or variants have changed since the exercises were stored, so this set may differ from other people's. "
    "Run `python -m abn gallery` to store them again."
)
PLACE = "Set {seed} · {place}{score}"
QUESTION = "**Question {number} of {count}**"
SCORES = "**Scores**"
SCORE = " · score {score:.2f} of {answered}"

# the set
SET, SET_HELP = "Set", "Each number has other questions, and the same for everybody."
ITEM = "{number}. {kind}{points}"
ITEM_POINTS, ITEM_WRONG = " :green-badge[{points:.2f}]", " :gray-badge[{points:.2f}]"

# a question
CREDIT = "{title}Image: {credit}"
YOUR_CELL = "Your cell: **row {row}, column {column}**"
NO_CELL = "Pick a cell on the image."
SHOW_MAP = "Show the map"
POINTS_RULE = (
    "Points: the share of the other cells that are less bright than yours. A random cell gets 0.50 on average."
)
BEST_KEY = "★ brightest cell: {best}  \n┄ your cell: {own}"
BEST_ALSO_OWN = "★ brightest cell, which is yours: {best}"
MAP_HEADING, BEFORE_HEADING, AFTER_HEADING = "##### Map M", "##### Features g", "##### Features g′"
RANGE = "{name} from {low:.2f} to {high:.2f}"
FEATURES_ALT = "{name} over: {alt}"
OWN_MAP = "##### Its own map"
EDITED_MAP = "##### Edited: {edit}"
EDITED_TITLE = "The edited map, {edit}"
BEFORE, AFTER = "Before", "After"
MAP_TITLE = "Attention map"
MAP_OVER = "{name} over: {alt}"

# the outcome
POINTS = "**{points:.2f} points**"
RIGHT = "Correct: **{right}**."
WRONG = "Your answer: “{given}”. Correct: **{right}**."
LIMITS = "A map shows how strongly each cell is weighed, not why the network predicts a class."
NEXT = "Next"
TO_SCORES = "Show the scores"

# the scores
TOTAL = "{score:.2f} of {count} points"
KIND_TOTAL = "{score:.2f} of {count}"
REVIEW = {  # kind of question → what to do on the page that it belongs to
    "where": "Compare the maps of several variants on one image.",
    "head": "Follow both heads from the image to their predictions.",
    "mechanism": "Follow g, M and g′ through a variant, with each mechanism.",
    "flip": "Edit a map yourself, and watch the prediction.",
}
REVIEW_LINK = "Review: {page}"
CHANCE = "Guessing gives {points:.2f} points on average."
COLUMNS = ["", "Question", "Image", "Answer", "Correct answer", "Points"]
CSV = "Download results (CSV, no names)"
ANOTHER_SET = "Open another set"
AGAIN = "Repeat this set"
LINK = "This link opens the same questions for everybody:"
