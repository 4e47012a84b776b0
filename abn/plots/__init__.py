"""Drawings made from arrays: overlays, charts, the network diagram, and formatted numbers."""
