"""A table of texts whose cells are shaded by a value."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from abn.ui.layout import escape_markdown


def show_shaded_table(
    header: list[str], rows: Sequence[tuple[str, Sequence[str]]], shades: Sequence[Sequence[str]] = ()
) -> None:
    """`header` names the column of row names and the others; `shades` are the cells' backgrounds as CSS colors."""
    columns = [escape_markdown(name) + "\u200b" * header[:k].count(name) for k, name in enumerate(header)]  # all differ
    table = pd.DataFrame([[escape_markdown(cell) for cell in (name, *texts)] for name, texts in rows], columns=columns)
    styles = [["", *(f"background-color: {shade}" if shade else "" for shade in row)] for row in shades]
    shaded = table.style.apply(lambda _: pd.DataFrame(styles, columns=columns), axis=None) if shades else table
    st.table(shaded, border="horizontal", hide_index=True)
