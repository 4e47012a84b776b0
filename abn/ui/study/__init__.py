"""Panels of the page Study."""
