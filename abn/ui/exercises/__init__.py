"""Panels of the page Exercises: questions to answer before the map is shown, kept as one attempt a set."""
