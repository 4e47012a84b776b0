"""Panels of the page Live class: the teacher's controls, the projector and the phones of a live class."""
