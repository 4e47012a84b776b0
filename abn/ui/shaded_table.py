"""A table of texts whose cells are shaded by a value."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from abn.ui.layout import escape_markdown


def show_shaded_table(
    header: list[str], rows: Sequence[tuple[str, Sequence[str]]], shades: Sequence[Sequence[str]] = ()
) -> None:
    """`header` names the column of row names and the others; `shades` are the cells' grounds as CSS colors."""
    header = [escape_markdown(name) + "\u200b" * header[:k].count(name) for k, name in enumerate(header)]  # all differ
    table = pd.DataFrame([[escape_markdown(cell) for cell in (name, *texts)] for name, texts in rows], columns=header)
    if shades:
        styles = [["", *(f"background-color: {shade}" if shade else "" for shade in row)] for row in shades]
        table = table.style.apply(lambda _: pd.DataFrame(styles, table.index, table.columns), axis=None)
    st.table(table, border="horizontal", hide_index=True)
