"""Panels of the page Intervene: paint the attention map, replace it or cover the image, and compare the predictions."""
