"""Panels of the page Intervene."""
