"""Untrusted bytes to an upright sRGB image, and from there to a network's input and back."""
