"""Panels of the page Measure."""
