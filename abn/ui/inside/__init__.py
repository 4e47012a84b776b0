"""Panels of the page Inside."""
