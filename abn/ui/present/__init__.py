"""Projector: large type without navigation, and a deck of saved views to walk through."""
