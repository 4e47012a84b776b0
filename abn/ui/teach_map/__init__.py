"""Panels of the page Teach the map: examples with edited maps, the fine-tuning, and what it changed."""
