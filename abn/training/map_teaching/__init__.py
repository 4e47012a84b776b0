"""Teach the map: fine-tune a variant with attention maps that people edited."""
