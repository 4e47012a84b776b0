"""Panels of the page Bring your own, and the variants of a session: checkpoints, and CNNs with random weights."""
