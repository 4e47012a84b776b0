"""All wording of the page Study, in the order of the page."""

from abn.vocabulary import MATCHED

TITLE = "Study"
LINE = "Results of our own trainings with and without attention branch, over several seeds, question by question."

# ---- the matrix ----
HEADLINE = "{excluded} of {total} comparisons show a difference (no correction for multiple tests)"
HEADLINE_NONE = "No interval could be computed yet"
HEADLINE_HELP = (
    "A difference is seen where the 95 % interval excludes 0. Without any effect, about {expected} would do so by "
    "chance if the comparisons were independent."
)
LEGEND = (
    "◆ mean over seeds; its 95 % interval excludes 0 (uncorrected). ◇ gray: the interval includes 0, no difference "
    "seen. ● a seed. pt: percentage points. Each question has its own scale; the dotted line is 0."
)
LEGEND_CORRECTED = "† also after Holm's correction."
LIMITS = "An interval is about the mean over seeds on fixed test images, not about what another seed would give."

HELP = "Is accuracy higher than the baseline's?"
HELP_READING = "Right of the dotted line, accuracy is higher than the baseline's."
PARAMETERS = "Is accuracy higher than the parameter-matched baseline's?"
PARAMETERS_READING = (
    "The attention branch adds parameters, which may help by themselves. So this baseline is enlarged until it has "
    "about as many."
)
AUXILIARY = "Is accuracy higher than with mechanism “none”?"
AUXILIARY_READING = (
    "“none” has the same layers, parameters and losses, but its map is never applied. So the attention mechanism, or "
    "chance, explains a difference."
)
MECHANISM = "Is accuracy higher with additive than multiplicative?"
MECHANISM_READING = "Right of the dotted line, additive has the higher accuracy; left of it, multiplicative."
BRIGHT = "Do bright cells matter more than with mechanism “none”?"
BRIGHT_READING = (
    "Deletion fills cells with the mean color, insertion uncovers them. If bright cells matter, “brightest first” has "
    "the smallest area in deletion and the largest in insertion. Then the area between the curves is positive."
)
POLARITY = "Is the map bright on the object?"
POLARITY_READING = (
    "Polarity = 2 · ROC-AUC − 1. Nothing in the losses asks for a bright object, so maps may be inverted. Each circle "
    "is a seed."
)
BEFORE = "Does the map localize the object more accurately than before training?"
BEFORE_READING = (
    "Gray: the controls. Before training, the map of a network trained from scratch is a random mix of features. On "
    "Caltech-101 it comes from ImageNet weights, and training on other classes can make it less accurate."
)
CAM = "Does the map localize the object more accurately than the baseline's CAM?"
CAM_READING = (
    "Gray: the controls. CAM needs no attention branch; its cells are coarser, and it belongs to one class, which "
    "the masked photographs for Caltech-101 need not show."
)
CALIBRATION = "Is the calibration error higher than the baseline's?"
CALIBRATION_READING = "Right of the dotted line, probabilities differ more from the accuracy; left of it, less."

POINTING, ROC_AUC, MAP_SHARE = "pointing", "ROC-AUC", "energy ÷ area"
METRIC_LABEL = "Metric of the figure"
FIGURE_TITLE = "{dataset} · {seeds}"
TABLE_ALT = "The comparisons in numbers: mean, interval, seeds and p."

# ---- methods ----
METHODS = "Methods"
DESIGN = (
    "Each arm, listed below, is trained with several seeds. Arms are compared seed by seed, since a seed gives every "
    "arm the same images in the same order. Intervals use Student's t; p is from an exact paired permutation test."
)
ARMS = {
    "baseline": "feature extractor and perception branch, no attention branch",
    MATCHED: "a baseline enlarged to about as many parameters as with an attention branch",
    "none": "attention branch and both losses, but the map is never applied, so nothing trains the map head",
    "additive": "Eq. 2 of the paper: the perception branch gets (1 + M) · g",
    "multiplicative": "Eq. 1 of the paper: the perception branch gets M · g",
}
ARM = "- **{title}**: {meaning}."
DATASETS = {
    "cifar100": "The paper's ResNet for CIFAR, trained from scratch. No masks, so maps are not compared with objects. "
    "A seed sets initial weights, order and augmentation.",
    "caltech101": "EfficientNet-Lite0 with ImageNet weights and a fixed feature extractor; its branches are trained "
    "further. Maps are measured on photographs with masks from another data set. A seed sets new classifiers, order "
    "and noise.",
    "cluttered-fashion": "A small ResNet trained from scratch on Fashion-MNIST items among fragments of others. Masks "
    "are known. A seed sets initial weights, images and order.",
}
DATASET = "**{title}.** {meaning} {sizes} {parameters}"
ACCURACY = "Accuracy of every arm"

# ---- metrics ----
METRICS_TITLE = "Metrics and their limits"
METRICS = {
    "accuracy": "the share of images whose most probable class is the label.",
    "calibration error": "the mean distance between predicted probability and accuracy, over 15 bins; 0 is best. "
    "Errors may cancel within a bin.",
    "pointing": "the share of images whose brightest cell lies on the object. A tie is a miss.",
    "ROC-AUC": "the probability that a randomly chosen object pixel is brighter than a randomly chosen background "
    "pixel; 0.5 is chance.",
    "energy ÷ area": "the object's share of the map's sum, divided by its share of the image; a constant map gets 1.",
    "polarity": "2 · ROC-AUC − 1, from −1 (dark on the object) to 1 (bright on it).",
    "deletion and insertion": "the area under the probability of the predicted class while cells are deleted or "
    "uncovered. These images are out of distribution, so only the comparison of orders counts.",
    "CAM": "class activation mapping: the baseline's evidence for its predicted class, cell by cell.",
}

# ---- runs ----
RUNS = "All {count} runs"
RUNS_ALT = "Every run with its settings and all metrics."
DOWNLOAD = "Download as CSV"
RUNS_NOTE = (
    "Shares and areas lie in 0 … 1. `python -m abn study run` trains and measures all again, "
    "`python -m abn study report` summarizes. Each row's command makes that run alone."
)

# ---- cost ----
COST = "Cost of an attention branch"
NETWORK = "Network"
COST_NOTE = (
    "Dotted line: the baseline. Parameters, FLOPs (a multiply-add counts as two) and memory are counted. Times were "
    "measured on {threads} by `{command}`; compare only their ratios with other machines."
)
HERE = "On this machine"
VARIANT_TO_MEASURE = "Variant to measure"
BATCHES = "Images at once"
ONE, ONE_AND_MANY = "1", "1 and 32"
MEASURE = "Measure on this machine"
WAITING = "Waiting for a free processor …"
BEGINNING = "starting"
LEFT = "about {seconds:.0f} s left"
MEASURING = "Measuring {title}: {left}"
ESTIMATE = "Estimated: about {seconds} s on a free processor."
NO_ESTIMATE = "Takes some seconds."
COST_ALT = "Parameters, FLOPs, time and peak memory of each part."
COST_TABLE_NOTE = "Input: {size} × {size} pixels; FLOPs are for one image."
PART, PARAMETERS_COLUMN, FLOPS_COLUMN = "part", "parameters", "FLOPs"
TIME_COLUMN, MEMORY_COLUMN = "time, {images}", "peak memory, {images}"

# ---- published ----
PUBLISHED = "Published figures"
DISPUTE_PLAIN = "{backbone}, {dataset}: {plain:.2f} without attention branch, in [{source}]({url}): {remark}."
DISPUTE = (
    "{backbone}, {dataset}: {abn:.2f} with and {plain:.2f} without attention branch, in [{source}]({url}): {remark}."
)
PUBLISHED_NOTE = "Open marks: measured by others. No seeds are reported, so there are no intervals."


def images(count: int) -> str:
    """1 image, 32 images."""
    return f"{count} image{'' if count == 1 else 's'}"


def threads(count: int) -> str:
    """1 thread, 2 threads."""
    return f"{count} thread{'' if count == 1 else 's'}"
