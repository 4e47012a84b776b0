"""The wording of the page Teach the map, in the order of the page."""

TITLE = "Teach the map"
LINE = "Edit the maps of a few images, fine-tune a variant with them, and measure what changed."
WORKFLOW = "**1** Edit the map. **2** Add the example. **3** Choose another image, and repeat. **4** Teach the variant."

# ---- the map to edit ----
MASK = "From a mask"
MASK_HELP = "The map is 1 in the mask and 0 elsewhere. Paint on to refine it."
ROWS, COLUMNS = "Rows", "Columns"
USE_RECTANGLE = "Use this rectangle"
RECTANGLE = "rectangle"
SHARE = "Brightest part of another variant's map (%)"
BRIGHTEST = "brightest {percent} % of {title}"

# ---- examples ----
LABEL = "Label"
LABEL_HELP = (
    "The class that both heads learn for this image. Without one, both heads keep the variant's own probabilities."
)
KEEP = "Keep the prediction ({label}, {probability})"
ADD = "Add example"
ADD_HELP = "The image with its edited map becomes an example. Then choose another image and edit its map."
EXAMPLES = "**Examples** {count} of {limit}"
NO_EXAMPLES_YET = "No examples yet."
PAIR_ALT = "{title}, {before}; {target}"
BEFORE_ALT, TARGET_ALT = "map before", "target map"
PAIR_HELP = (
    "Left: the variant's own map. Right: the target. Below: the label. “as predicted”: both heads keep "
    "their predictions."
)
CAPTION = "Label: {label}"
KEPT_LABEL = "as predicted"
REMOVE = "Remove {title}"
REMOVE_ALL = "Remove all"

NOT_EDITED = "The map of “{title}” is still the variant's own: edit it, then add the example."
TOO_MANY = "A session holds {limit} examples: remove one of them first."
OTHER_FIT = "The map of “{title}” was edited with the fit “{fit}”: choose this fit again, or remove the example."
OTHER_CLASSES = "The label of “{title}” is no class of {variant}: remove the example, or choose another variant."
IMAGE_MISSING = "The image “{title}” is no longer in this session: upload it again, or remove the example."
MASK_REFUSED = "The map of {title} can't be computed: {reason}"

# ---- the fine-tuning ----
SETTINGS = "Settings"
WEIGHT = "Map loss weight λ"
WEIGHT_HELP = (
    "L = L_att + L_per + λ · (d(examples) + κ · d(replayed images)). d is the mean squared distance of M and its "
    "target."
)
KEPT_MAPS = "Keep the maps of other images (κ)"
KEPT_MAPS_HELP = (
    "Images of the gallery are replayed in each step. κ = 1 keeps their maps, so the map changes on the examples. "
    "κ = 0 lets the map of all images change."
)
STEPS = "Steps"
STEPS_HELP = "Each step takes up to eight examples and eight replayed images."
LEARNS = "Trained layers"
LEARNS_HELP = (
    "The map head alone; with the class head and the perception branch; or with the trunk's last 1×1 convolution as "
    "well. The feature extractor and the other layers of the trunk are fixed."
)
LEARNS_LABELS = {"map": "map head", "heads": "+ other heads", "branches": "+ last layer of the trunk"}
TEACH = "Teach (about {time})"
NO_EXAMPLE = "Add an example first: edit the map of an image, then press “Add example”."
TEACHING = "Teaching {title}"
NO_WEIGHT = "With λ = 0 the map loss is left out, which is what the control does: choose a larger λ."
WAITING = "Waiting for a free processor …"
STEP = "Step {step} of {steps}"
CONTROL_STEP = "Control without the map loss: step {step} of {steps}"
LOSSES = "loss {total:.2f}, distance to the targets d {map:.3f}"
MEASURING = "Measuring the result"
LIVE_ALT = "{title}: target, and map now, from {low:.2f} to {high:.2f}"
LIVE_HEADER = ("target", "M now")

TAUGHT_TITLE = "{title}, taught"
UNREADABLE = "The taught variant can't be read again: teach it again."

# ---- the result ----
NEARER = "Distance of M to the target: {before} → {taught} (control: {control}); nearer on {count} of {all} images"
RESULT_OF = (
    "**{title}**: taught with {examples}, λ = {weight:g}, κ = {kept:g}, {steps} steps; took {time} with the control, "
    "which is the same fine-tuning without your maps."
)
DONE = "Taught. {nearer}. [Show the result](#result)"
NETWORKS = {"before": "before", "taught": "after", "control": "control"}
NETWORK_HELP = "The control is the same fine-tuning without your maps (λ = 0)."
TARGET = "target: your edit"
MEASURE = "Mean over images"
TAUGHT_ROWS = "Examples (n = {count})"
HELD_OUT_ROWS = "Held-out images of the gallery (n = {count})"
LABELED_ROWS = "Labeled photos (n = {count})"
CORRELATION = "{group}: rank correlation of M and target"
OVERLAP = "{group}: overlap of the brightest 20 %"
DISTANCE = "{group}: distance d of M and target"
UNCHANGED = "{group}: top-1 class unchanged, perception / auxiliary"
CORRECT = "{group}: taught label predicted, perception / auxiliary"
MOVED = "{group}: change of M"
ACCURACY = "{group}: top-1 accuracy, perception / auxiliary"
OF = "{part} of {count}"
TWO_HEADS = "{perception} / {auxiliary}"
UNDEFINED, SAME = "undefined", "–"
HOW_TO_READ = (
    "Rank correlation: Spearman's ρ of the cells of M and target, −1 to 1. Overlap: intersection over union, 0 to 1. "
    "For a target of two values, the overlap compares as many cells as are bright in the target. "
    "Means over the images. Held out: neither taught nor replayed. Labeled photos: neither taught nor replayed."
)
LIMITS = "One run with {examples} doesn't show that the change carries over to other images or seeds."
IMAGE = "Image"
EXAMPLE_OPTION, HELD_OUT_OPTION = "{title} (example)", "{title} (held out)"
IMAGE_REMOVED = "This image is no longer in the session; the table holds its figures."
MAP_ALT = "Map of {title}, {network}"
TARGET_MAP_ALT = "Target map of {title}"
AGREEMENT = "rank correlation {correlation}, overlap {overlap}, distance {distance}"
COMPARE = "Compare with the variant before"
EXPORT = "Export (.safetensors)"
EXPORT_TARGETS = "Target maps (npy)"
EXPORT_HELP = "Weights and model card in one file. “Bring your own” and the command line read it."


def count_examples(count: int) -> str:
    return "1 example" if count == 1 else f"{count} examples"
