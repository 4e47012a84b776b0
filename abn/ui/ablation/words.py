"""The wording of the page Ablation, in the order of the page."""

TITLE = "Ablation"
LINE = "Apply other mechanisms and control maps, and compare maps and predictions, on one image or many."
MECHANISMS, CONTROLS, AGREEMENT, BATCH = TABS = ("Mechanisms", "Control maps", "Agreement of maps", "Many images")

# ---- Mechanisms ----
FORMULAS = {  # mechanism → g′ with {m} for the map as it is applied; from no effect of the map to the largest
    "none": "g′ = g",
    "multiplicative": "g′ = {m} · g",
    "additive": "g′ = (1 + {m}) · g",
}
OWN_PREDICTION = "As trained: **{label}** {probability}"
OWN_PREDICTION_HELP = (
    "All columns have the same weights and the same map; only the mechanism differs. Points: change of the probability "
    "of the class predicted as trained. A swapped mechanism is out-of-distribution for these weights."
)
ALPHA = "Strength α"
ALPHA_HELP = (
    "M is multiplied by α; the paper uses 1. With α = 0, additive equals none and multiplicative deletes all features. "
    "Not “attention off”: α = 0 also removes the mean gain."
)
GAMMA = "Contrast γ"
GAMMA_HELP = "M is raised to the power γ; the paper uses 1. With γ = 0 every cell is 1."
RESET = "Reset"
GAIN_LEGEND = "Gain of each cell of g"
GAIN_ALT = "Gain of each cell of g, {mechanism}: from {low:.2f} to {high:.2f}."
GAIN_SYMBOL = "gain"
DETAILS = "Top classes, and norm ratios ‖g′‖ / ‖g‖"
BARS_SERIES = "perception head"
BARS = "{mechanism}, perception head: {classes}."
NORM_RATIO_AXIS = "norm ratio ‖g′‖ / ‖g‖"
NORM_RATIO = "‖g′‖ / ‖g‖ of {count} channels: median {median:.2f}, IQR {low:.2f} to {high:.2f}"
NORM_RATIO_ALT = "{mechanism}: {caption}."

# ---- Control maps ----
CONTROLS_HEADING = "Does the prediction depend on where the map is bright?"
CONTROLS_HELP = (
    "Constant mean and shuffled keep the mean gain and remove the spatial pattern; shuffling also destroys smoothness. "
    "Zeros also remove the mean gain, so they are no fair comparison, and not “attention off”. Points: change of the "
    "probability of the class that is predicted with the variant’s own map under the column’s mechanism."
)
MAP_COLUMN = "Applied map"
MECHANISM_COLUMN = "trained with {trained}, applied {applied}"
UNTRAINED_COLUMN = "never trained, applied {applied}"
OWN_MAP = "variant's map"
CONTROL_ROWS = {  # edit of the map → row
    "constant mean": "constant mean (control map)",
    "shuffled": "shuffled (control map, {shuffles} orders)",
    "zeros": "zeros (also removes the mean gain)",
}
CONTROL = "{label} {probability}, {change} points"
CONTROL_CHANGED = " → {label}"
CONTROL_CHANGED_OFTEN = ", changed in {changed} of {count}"

# ---- Agreement of maps ----
ONE_VARIANT = "Choose two or more variants to compare their maps."
CORRELATION = "Rank correlation ρ"
CORRELATION_HELP = "Spearman: 1 the same order of cells, 0 no relation, −1 the opposite order."
CORRELATION_LEGEND = ("−1", "0", "1")
OVERLAP = "Overlap of the brightest {share:.0f} %"
OVERLAP_HELP = (
    "Intersection over union of the brightest cells. Two random choices of cells overlap by about {chance:.2f}."
)
OVERLAP_LEGEND = ("0", "{chance:.2f} by chance", "1")
SAME, FLAT = "–", "flat"
AGREEMENT_NOTE = "Maps of different sizes or image parts are compared on the part that both variants get."

# ---- Many images ----
GALLERY, OWN = SOURCES = ("Gallery", "Your photos")
BATCH_SOURCE = "Images"
BATCH_HELP = (
    "Each variant runs on each image. Both heads predict as trained. The perception head also predicts with the other "
    "mechanisms applied to the same weights."
)
NO_FILES = "Upload up to {limit} photos, or a zip of them."
OTHER_KIND = "Not trained on photos, so predictions mean little: {titles}."
RUN = "Run on all images"
PIECE = "Image {number} of {count}"
UPLOADER = "More photos, or a zip of them"
UPLOADER_HELP = (
    "Up to {limit} photos, of any format that the other uploader takes. They stay in this session and are deleted when "
    "you close the page."
)
REMOVE = "Remove these {count}"
FROM_SESSION = "{photos} already uploaded in this session."
TOO_LARGE = "{name}: the files are larger than {megabytes} MB together. Upload fewer at a time."
ALL_REFUSED = "None of these files is a readable image. Upload others."
REFUSED = "Files that were skipped"
HEADS_DISAGREE = "heads disagree on **{count}**"
VARIANTS_DISAGREE = "variants disagree on **{count}**"
MECHANISM_FLIPS = "a swapped mechanism changes the prediction on **{count}**"
SUMMARY = "Of **{count}** images: {parts}"
ORDER = "Sort by"
ORDER_HELP = (
    "Images with a disagreement come first. Heads and variants: by Jensen–Shannon divergence. Mechanism: by the "
    "margin, p(new class) − p(class as trained) under the swapped mechanism."
)
NOT_COMPARABLE = "Variants are compared if they share their classes. Choose two such variants."
SWAP_LIMITS = "A swap also changes the gain that the weights were trained with; this alone can change a prediction."
SHOW_MORE = "Show {count} more"
UPLOAD_ALT = "Your photo {name}"
PREDICTIONS_ALT = "Predictions for {name}"
OPENED, OPEN = "Opened", "Open"
OPEN_HELP = "Use this image on all pages."
BADGES = {  # order of the batch → badge
    "heads": ":violet-badge[:material/call_split: heads disagree]",
    "variants": ":violet-badge[:material/alt_route: variants disagree]",
    "mechanism": ":violet-badge[:material/swap_horiz: mechanism changes the prediction]",
}
ALL_AGREE = ":gray-badge[:material/check: all agree]"
FIGURE_HEADS = "heads: JS divergence {bits:.2f} bits"
FIGURE_VARIANTS = "variants: {bits:.2f} bits"
FIGURE_CHANGE = "mechanism: {change} points"
FIGURE_MARGIN = "margin {margin} points"
FIGURE_MAXIMUM = "max over variants – "
COLUMNS = ("variant", "auxiliary", "perception", "swapped mechanism")
SWAPPED = "{mechanism}: **{prediction}**"
UNCHANGED = "unchanged"


def photos(count: int) -> str:
    return "1 photo" if count == 1 else f"{count} photos"
