"""The wording of the page Intervene, in the order of the page."""

TITLE = "Intervene"
LINE = "Edit the attention map or cover part of the image, and compare the predictions."
PAINT, COVER, SENSITIVITY = TABS = ("Paint", "Cover the image", "Sensitivity of all variants")

# ---- Paint: tools ----
TOOL = "Tool"
TOOL_HELP = (
    "\\+ raises M, − lowers it. Mouse or finger: press and drag. Keyboard: Tab to the map, arrow keys to move, space "
    "to paint, Escape to cancel. A rectangle takes two presses of space, one for each corner."
)
STRENGTH = "Strength"
STRENGTH_HELP = "Change of M in each painted cell; M stays between 0 and 1."
BRUSH = "Brush (cells)"
UNDO, REDO, RESET = "Undo", "Redo", "Reset"
PRESETS_HEADING = "**Replace the map**"
PRESETS = {  # preset → tooltip
    "zeros": "M = 0 in every cell. Not “attention off”: this also removes the mean gain.",
    "ones": "M = 1 in every cell.",
    "constant mean": "The mean of M in every cell. Fair control: same mean gain, no spatial pattern.",
    "shuffled": "The same values in random cells. Fair control: same mean gain; also destroys smoothness.",
    "inverted": "M mirrored between its minimum and maximum.",
    "flipped": "M mirrored left to right.",
}
OTHER_VARIANT = "Another variant"
OTHER_IMAGE = "Another image"
OTHER_IMAGE_HELP = "The map that this variant computes for another photo of the gallery."
IMAGE_MAP = "map of “{title}”"
VARIANT_MAP = "map of {title}"

# ---- Paint: the map ----
BOARD = (
    "Attention map of {title}, editable. Arrow keys move the cursor, space paints, Escape cancels. "
    "M from {low:.2f} to {high:.2f}, highest {place}."
)

# ---- Paint: the result ----
MECHANISM = "Mechanism applied"
MECHANISM_HELP = "How M reweights the features. The perception branch was trained with one mechanism only."
NO_MAP = "The mechanism “none” applies no map, so edits change nothing. Choose another mechanism to see an effect."
BEFORE, AFTER = "variant's map", "edited map"
BARS = "Perception head with the variant's map: {before}. With the edited map: {after}."
MAP_IN_PLACE = (
    "**M** from {low:.2f} to {high:.2f}, mean {mean:.2f} (variant's map {own_mean:.2f}); correlation {correlation}"
)
MAP_IN_PLACE_HELP = (
    "Correlation: Spearman rank correlation with the variant's map. Only the perception branch is re-run. The "
    "auxiliary head reads A, before M is applied, so no edit changes it."
)

# ---- Paint: history and export ----
HISTORY = "History"
HISTORY_STEP = "{number}. {name}, {change} points"
HISTORY_CAPTION = "{name}: {change}"
OWN_MAP = "variant's map"
EXPORT = "Export"
EXPORT_HELP = "Images are redrawn from their pixels: the files hold no place, time or camera."
EXPORT_PNG = "Both maps (PNG)"
EXPORT_NPY = "Edited map (npy)"
EXPORT_CSV = "Predictions (CSV)"
NO_EDIT = "Edit the map to export it."


def strokes(count: int) -> str:
    return "1 stroke" if count == 1 else f"{count} strokes"


MANY_STROKES = "{count} or more strokes"
THEN_STROKES = "{name}, then {strokes}"

# ---- Cover the image ----
COVER_TOOL = "Rectangle"
COVER_TOOLS = COVER_CELLS, UNCOVER_CELLS = ("Cover", "Uncover")
COVER_BOARD = "The image, to cover. Arrow keys move the cursor; space sets one corner of a rectangle, then the other."
COVER_SYMBOL = "covered"
COVER_NOTHING = "Drag a rectangle over the image."
COVER_SHARE = "{share} of the image covered with its mean color."
COVER_LIMITS = (
    "Each variant is re-run on the covered image. Limit: a covered image is out-of-distribution, so the patch itself "
    "may change a prediction."
)
UNCOVER_ALL = "Uncover all"
COVER_CORRELATION = "Rank correlation of the map before and after: **{correlation}**"

# ---- Sensitivity of all variants ----
RANKING = "How much predictions depend on the pattern of the map, {where}"
RANKING_NONE = "No prediction depends on the map, {where}"
RANKING_VALUES = (
    "Each map is replaced by others, and the prediction is computed again. The larger the change, the more the "
    "prediction depends on the map.  \nMean change of all probabilities under two control maps, constant mean and "
    "shuffled (JS divergence, bits): {values}."
)
RANKING_VALUE = "{title} {bits:.3f}"
RANKING_LIMITS = "A changed prediction shows that the map is used, not that it is right."
THIS_IMAGE = "on this image"
GALLERY = "mean over {count} gallery photos"
MAP_COLUMN = "Applied map"
UNTRAINED_COLUMN = "{title} (never trained)"
OWN_MAP_ROW = "variant's map"
GAIN_ROW = "gain of a cell"
GAIN = "× {low:.2f} to × {high:.2f}"
CONTROL_ROW = "{edit} (control map)"
NO_CONTROL_ROW = "zeros (no mean gain)"
CELL = "{changed}{change} points"
CELL_CHANGED = "→ {label}, "
CELL_CHANGED_OFTEN = "class changed in {changed} of {count}, "
CELL_CHANGE_RATE = "class changed in {rate:.0f} %, "
TABLE_HELP = (
    "Each variant with the mechanism that it was trained with. Points: change of the probability of the class "
    "predicted with the variant's own map. Darker cells: all probabilities change "
    "more (Jensen–Shannon divergence, 0 to 1 bit). Shuffled: mean of {shuffles} random orders. The variants are "
    "perturbed unequally: each has its own range of gains, and a wider range changes the features more. Under a "
    "shuffled map, the lost smoothness alone may be the cause."
)
GALLERY_MIXED = "The gallery needs variants trained on one kind of images."
GALLERY_RUN = "Run on {count} gallery photos"
GALLERY_PIECE = "{photo}, {variant}"
