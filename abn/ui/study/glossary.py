"""The study's data sets, arms and metrics in words."""

DATASETS = {
    "scenes": "EfficientNet-Lite0 with ImageNet weights, its branches trained further on objects pasted on "
    "photographs. “Right” is the answer that the untouched backbone gives to the clean object, so it is agreement and "
    "not truth. The feature extractor stays fixed: a seed changes the samples, their order and noise on the map head.",
    "cluttered-fashion": "ResNet-20 from scratch, for a short time, on Fashion-MNIST items lying among pieces of other "
    "items. “Right” is the item's label. A seed changes the first weights, the pictures and their order.",
}
ARMS = {
    "baseline": "the plain CNN: feature extractor and perception branch, and no attention branch",
    "matched": "the plain CNN made larger until it has about as many parameters as the Attention Branch Network: "
    "wider layers (cluttered Fashion-MNIST), or two perception branches averaged (scenes)",
    "none": "attention branch and both losses as in the paper, but the map is never applied, so that nothing trains "
    "the map head",
    "additive": "the paper's Eq. 2: the perception branch sees (1 + M) · g",
    "multiplicative": "the paper's Eq. 1: the perception branch sees M · g",
}
METRICS = {
    "right answers": "The share of pictures whose likeliest class is the right one. It says nothing of why.",
    "calibration error": "How far stated probabilities lie from the share of right answers among them, on average over "
    "15 bins; 0 is best. It hides errors that cancel within a bin, and says nothing of which answers are right.",
    "brightest cell on the object (pointing game)": "The share of pictures whose brightest cell lies on the object. It "
    "sees one cell only; two equally bright count as a miss, or a constant map would always hit.",
    "ROC-AUC": "The probability that a randomly chosen object pixel is brighter than a randomly chosen background "
    "pixel: 0.5 is chance, 1 is perfect. Finding the object isn't the same as using it.",
    "energy ÷ area": "The object's share of the map's sum over its share of the picture; a constant map gets 1. A "
    "sigmoid map never reaches zero, so that it can't get far above 1; CAM, whose evidence against the class counts as "
    "zero here, can.",
    "polarity": "2 · ROC-AUC − 1: 1 is bright on the object, −1 is dark on the object, 0 is neither.",
    "deletion and insertion": "The area under the probability of the network's answer while cells are painted in the "
    "mean color, or uncovered on a blurred copy. Both show the network pictures it never met, and another paint gives "
    "other areas: only the order of brightest, random and darkest says something.",
    "CAM": "Class activation mapping: the plain CNN's evidence for its first class, cell by cell. It belongs to a "
    "class; M belongs to none.",
}
