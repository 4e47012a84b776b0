"""Panels of the page Teach."""
