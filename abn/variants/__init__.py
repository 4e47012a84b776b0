"""Trained networks on disk: model cards, verified weights, and checkpoints that come from anybody."""
