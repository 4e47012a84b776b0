"""All wording of the page Measure, in the order of the page."""

from collections.abc import Sequence

from abn.plots import numbers

TITLE = "Measure"
LINE = "Three tests of a map: deletion and insertion, randomization of weights, localization of objects."

# ---- shared ----
NUMBERS_AND_LIMITS = "Numbers and limits"
ABOUT = "about {time}"
UNDER_A_SECOND = "under 1 s"
TOOK = "Measured in {seconds} s."
VARIANT = "Variant"
NOT_MEASURED = "–"

# ---- deletion and insertion ----
QUESTION = "Do predictions depend on the bright cells?"
CURVES_PLAN = (
    "Two experiments, brightest cells first: cells are deleted, or uncovered on a blurred image. The curves show the "
    "probability of the predicted class, "
    "beside {orders} random orders. This takes {passes} forward passes, {duration}."
)
HEADLINE = "On this image, bright cells matter more than random ones in {count} of {total} variants"
HEADLINE_HELP = (
    "Deletion: cells are replaced by a fill value, brightest first. If the prediction depends on bright cells, its "
    "probability falls earlier than in random order. Insertion: cells are uncovered on a blurred image, and the "
    "probability rises earlier.\n\n"
    "A variant counts if its area is below those of all {orders} random orders in deletion, and above them in "
    "insertion. One more random order would pass with a chance of at most 1 in {chances}."
)
BY_BOTH = "Below all random orders in deletion and above them in insertion: **{titles}**."
NOT_BY_BOTH = "Deletion and insertion don't both confirm it for: {titles}."
CONTROL_PASSES = "A variant trained without applying its map can pass too, so this doesn't show that the map is used."
SETTINGS = "Settings"
FILL = "Fill value of deleted cells"
FILL_HELP = "Other fill values give other areas: black adds edges, a blur keeps the colors."
STEPS = "Steps"
STEPS_HELP = "Number of steps until all cells have changed."
RANDOM_ORDERS = "Random orders"
RANDOM_ORDERS_HELP = (
    "The control: the same cells in random order. The band spans all of them. With more orders, passing by chance is "
    "rarer."
)
DARKEST = "Darkest first as well"
RUN_CURVES = "Compute the curves ({duration})"
CURVE = "{kind}, {title}, {order}"
RANDOM_ORDER = "random order {number}"
PREDICTED = "predicts {label}"
TABLE_HEADER = ("map", "random", "difference")
TABLE_COLUMN = "{kind}: {what}"
PREDICTION = "Prediction"
WITHIN = " (within the random orders)"
AREA_NOTE = "Area under the curve, 0 to 1. Difference: the map's order minus the mean of the random orders."
CURVE_LIMITS = """- Images with deleted cells are out of distribution, so the fill itself may lower the probability. \
Compare only within one fill value.
- Bright cells are often adjacent and random cells are scattered; this alone can make a difference.
- The test changes the image, not the map: a variant trained without applying its map can pass.
- One image proves little. *Study* has many, over several seeds."""

ALONG = "Images along the curves"
ORDER = "Order of the cells"
SHARE = "Share of cells deleted or uncovered"
DELETED, UNCOVERED = "{percent} % of the cells deleted", "{percent} % of the cells uncovered"
ALONG_ALT = "{state}, {order}: {image}"
ALONG_CAPTION = "{state}. {label} {probability}{change}"
CHANGED = ", prediction changed to **{label}**"
ALONG_WHOLE = "**{title}** predicts {label} with {probability} for the whole image."

# ---- randomization ----
RANDOMIZATION = "Does the map depend on learned weights?"
RANDOMIZATION_HELP = (
    "The weights of one part after the other are shuffled: they keep their distribution and lose what was learned "
    "(Adebayo et al. 2018). If the map keeps its pattern, it depends little on what was learned. ρ: Spearman's rank "
    "correlation with the map of the trained weights."
)
RANDOMIZATION_PLAN = (
    "The weights of the perception branch are shuffled, then those of the attention branch too, then all. Each map is "
    "compared with the map of the trained weights."
)
RANDOMIZATION_RESULT = "All weights shuffled: the rank correlation with the trained map is {values}"
RANGE = "{low} to {high}"
SHUFFLES = "Shuffles"
SHUFFLES_HELP = "Each has another random seed. The maps show the first."
RANDOMIZE = "Randomize the weights ({duration})"
TRAINED_PIECE, RANDOMIZED_PIECE = "{title}, trained weights", "{title}, randomized: {step}, shuffle {number}"
TRAINED = "no part"
STEPS_OF_CASCADE = {  # number of randomized parts → the column's title
    1: "perception branch",
    2: "+ attention branch",
    3: "+ feature extractor",
}
ROW = "**{title}** predicts {predicts}. From left to right, weights are shuffled in:"
MAP_TITLE = "Attention map of {title}, {step}"
IDENTICAL = "ρ 1, identical map"
CORRELATION = "ρ {values}"
FLAT = "flat map"
UNCHANGED, ALL_CHANGED = "class unchanged", "class changed"
PART_CHANGED = "prediction changed in {changes} of {count}"
PREDICTS = "{label} {probability}"
ALL_IMAGES = "{here}; mean {mean} over all images; {label} {probability}, {change}"
RANDOMIZED_COLUMN = "Randomized: {step}"
RANDOMIZATION_NOTE = (
    "One ρ for each shuffle on this image, then the mean over all shuffles and {images} images (this one and others of "
    "the gallery). Batch norms of randomized parts are recalibrated on them."
)
RANDOMIZATION_LIMITS = """- M is computed before the perception branch, so shuffling this branch **can't** change M: ρ \
is exactly 1. A test that randomizes only the last layers shows nothing about this map.
- A map that changes depends on learned weights; it need not be right.
- Shuffled weights keep their distribution and can still react to edges, so ρ above 0 alone is not a failure."""

# ---- localization ----
LOCALIZATION = "Is the map bright on the object?"
LOCALIZATION_HELP = (
    "Shipped scenes with known object masks. A hit: the center of the brightest cell lies on the object (pointing "
    "game); a tie is a miss."
)
LOCALIZATION_PLAN = (
    "Each variant computes its map of {count} scenes whose object is known. The brightest cell is compared with the "
    "object's mask, beside two maps that need no network: a constant map and a center prior."
)
LOCALIZATION_RESULT = "The brightest cell is on the object in {values} of {count} scenes"
OTHER_KIND = "Not trained on photographs, so their maps of these scenes mean little: {titles}."
RUN_SCENES = "Measure on {count} scenes ({duration})"
SCENES_PIECE, CONTROL_PIECE = "{title}, {count} scenes", "Controls of {rows} × {columns} cells"
HITS = "**{title}**: {hits} of {count} hits"
CONTROL_HITS = "Controls: {controls}."
CONTROL_ITEM = "{name} {hits} of {count}"
HIT, MISS = "hit", "miss"
THUMBNAIL_ALT = "{scene}: {result}"
MAP, COUNT, POINTING, MAP_SHARE, ROC_AUC = "Map", "n", "Pointing", "Energy ÷ area", "ROC-AUC"
SIZE = "{name}, {rows} × {columns} cells"
POINTING_CELL = "{percent:.0f} % ({hits} of {count})"
LOCALIZATION_NOTE = (
    "n: scenes, each squashed to the input. Pointing: share of hits. Energy ÷ area: the object's share of the map's "
    "sum divided by its share of the image; 1 is chance. ROC-AUC: the probability that a randomly chosen object pixel "
    "is brighter than a randomly chosen background pixel; 0.5 is chance."
)
LOCALIZATION_LIMITS = """- Compare with the gray controls. The object mask, in as many cells, is about the best map.
- One of {count} scenes is {points:.0f} percentage points of pointing: small differences may be due to chance.
- The objects are drawings pasted on photographs: their edges alone may make a map bright.
- A hit doesn't show that the map is used. A variant trained without applying its map may hit the object. An inverted \
map (an engineered example) misses it, and many predictions are still correct."""
SCENES = "Scenes"
OUTLINE = "Outline: the object, {percent:.0f} % of the scene. {credit}"
SCENE_ALT = (
    "Map of {title} on the scene “{scene}”: its brightest cell, {place}, {result} the object; energy ÷ area "
    "{share:.2f}, ROC-AUC {auc:.2f}."
)
HITS_OBJECT, MISSES_OBJECT = "hits", "misses"
SCENE_SCORES = "energy ÷ area {share:.2f} · ROC-AUC {auc:.2f}"
SCENE_PREDICTION = "Perception head: {label} {probability}. Framed: the brightest cell."


def duration(seconds: float) -> str:
    """An estimated time: about 3 s, about 2 min."""
    return UNDER_A_SECOND if seconds < 1 else ABOUT.format(time=numbers.duration(seconds))


def value_range(values: Sequence[str]) -> str:
    """The first and the last of sorted values, or the only one."""
    return values[0] if values[0] == values[-1] else RANGE.format(low=values[0], high=values[-1])


def took(seconds: float) -> str:
    """A measured time."""
    return TOOK.format(seconds=f"{seconds:.0f}" if seconds >= 9.5 else f"{seconds:.1f}")
