"""A Jupyter notebook (nbformat 4.5) of a Python program: equal programs give equal files."""

import json


def notebook(code: str, address: str) -> str:
    """The file of a program whose first line is a comment on what it shows: that sentence with the `address` of the
    view, then a cell for each part of the code between blank lines."""
    about, *parts = code.strip().split("\n", 1)
    sentence = about.removeprefix("#").strip()
    cells = [_cell("markdown", 0, f"{sentence}\n\nThis view in ABN Explorer: {address}")]
    for number, part in enumerate("".join(parts).split("\n\n"), 1):
        cells.append(_cell("code", number, part) | {"execution_count": None, "outputs": []})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _cell(kind: str, number: int, source: str) -> dict[str, object]:
    return {
        "cell_type": kind,
        "id": f"cell-{number}",
        "metadata": {},
        "source": source.strip("\n").splitlines(keepends=True),
    }
