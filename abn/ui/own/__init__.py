"""Panels of the page Bring your own, and the variants that a session holds: checkpoints, and CNNs with random weights."""
