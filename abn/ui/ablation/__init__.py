"""Panels of the page Ablation."""
