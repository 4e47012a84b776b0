"""The shipped ImageNet variants: trained on scenes with soft targets of a frozen, pretrained backbone."""
