"""The panel of the page Camera."""
