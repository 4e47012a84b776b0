"""Panels of the page Room: the teacher's controls, the projector and the phones of a live class."""
