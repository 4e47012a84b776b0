"""Panels of the page Exercises."""
