"""The panel of the page Live."""
