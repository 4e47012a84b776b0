"""The CNNs of the paper's experiments: ResNet, ResNeXt, DenseNet-BC and Wide ResNet."""
