"""The words of “Copy as Python”."""

COPY = "Copy as Python"
NOTEBOOK = "Notebook (.ipynb)"
NO_FILE = "Variants with random weights have no file, so no code can load them. Choose other variants."
