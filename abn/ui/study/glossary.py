"""The study's data sets, arms and metrics in words."""

DATASETS = {
    "cifar100": "The paper's own data and network: ResNet-20 from scratch on part of CIFAR-100's training images, one "
    "cycle of the learning rate to a flat end. The label is the image's own, of 100 classes. No masks of the objects "
    "are known, so the map isn't measured against them. A seed changes the initial weights and the order, mirroring "
    "and shifts of the images.",
    "caltech101": "EfficientNet-Lite0 with ImageNet weights and a frozen feature extractor, its branches trained "
    "further on 30 labeled photographs a class. The label is the photograph's own. Its maps are measured on "
    "photographs with masks of another data set. A seed changes the new classifiers, the order of the photographs, "
    "and noise on the map head or between two averaged branches.",
    "cluttered-fashion": "ResNet-20 from scratch, for a short time, on Fashion-MNIST items among pieces of other "
    "items. The label is the item's. Each item's mask is known. A seed changes the initial weights, the images and "
    "their order.",
}
ARMS = {
    "baseline": "the plain CNN: feature extractor and perception branch, and no attention branch",
    "matched": "the plain CNN made larger until it has about as many parameters as the Attention Branch Network: wider "
    "layers for networks from scratch, two averaged perception branches for Caltech-101",
    "none": "attention branch and both losses as in the paper, but the map is never applied, so that nothing trains "
    "the map head",
    "additive": "the paper's Eq. 2: the perception branch gets (1 + M) · g",
    "multiplicative": "the paper's Eq. 1: the perception branch gets M · g",
}
METRICS = {
    "accuracy": "The share of images whose most probable class is the label. It doesn't tell why.",
    "calibration error": "How far predicted probabilities lie from the accuracy at that probability, on average over "
    "15 bins; 0 is best. It hides errors that cancel within a bin, and doesn't tell which predictions are correct.",
    "brightest cell on the object (pointing game)": "The share of images whose brightest cell lies on the object. It "
    "uses one cell only. Two equally bright cells count as a miss, or a constant map would always hit.",
    "ROC-AUC": "The probability that a randomly chosen object pixel is brighter than a randomly chosen background "
    "pixel: 0.5 is chance, 1 is perfect. Finding the object isn't the same as using it.",
    "energy ÷ area": "The object's share of the map's sum over its share of the image; a constant map gets 1. A "
    "sigmoid map never reaches zero, so it can't get far above 1. CAM can: its evidence against the class counts as "
    "zero here.",
    "polarity": "2 · ROC-AUC − 1: 1 is bright on the object, −1 is dark on the object, 0 is neither.",
    "deletion and insertion": "The area under the curve of the predicted class's probability, while cells are filled "
    "with the mean color, or uncovered on a blurred copy. Both give the network out-of-distribution images, and "
    "another fill value gives other areas. So only the order of brightest, random and darkest first counts.",
    "CAM": "Class activation mapping: the plain CNN's evidence for its predicted class, cell by cell. It belongs to a "
    "class; M belongs to none.",
}
