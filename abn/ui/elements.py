"""Streamlit's elements as all pages draw them: one of several options, a chart, and a table shaded by values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from abn.plots import theme
from abn.ui import url
from abn.ui.layout import escape_markdown
from abn.ui.state import state

if TYPE_CHECKING:  # no first view waits for it
    import plotly.graph_objects as go

# how long a widget keeps its value: until the session ends, and in the address bar as well
IN_SESSION: dict[str, Any] = {"persist_state": "session"}
IN_ADDRESS: dict[str, Any] = {"bind": "query-params", "persist_state": "session"}

ON_PROJECTOR = 1.25  # how much larger the texts of a chart are there

Option = TypeVar("Option")


def choose(label: str, options: Sequence[Option], key: str, *, default: Option | None = None, **more: Any) -> Option:
    """One of several options, the first by default; `more` goes to `st.segmented_control`."""
    initial = options[0] if default is None else default
    return st.segmented_control(label, options, default=initial, required=True, key=key, **more)


def choose_by_number(
    label: str, names: Sequence[str], automatic: str, default: int, *, key: str, name: str, **more: Any
) -> int:
    """An index of `names`, by a list to search; `default` until a person leaves the `automatic` choice. The address
    holds it under `name`, counted from 1."""
    legal = range(-1, len(names))
    url.initial_choice(key, name, legal, -1)
    chosen = st.selectbox(
        label, legal, format_func=lambda k: names[k] if k >= 0 else automatic, key=key, **IN_SESSION, **more
    )
    url.sync_query_param(name, chosen + 1, 0)
    return default if chosen < 0 else chosen


def show_chart(figure: "go.Figure", words: str, key: str) -> None:
    """A Plotly figure without its toolbar, with its content in words; its texts are larger on a projector."""
    if state.presenting:
        theme.enlarge(figure, ON_PROJECTOR)
    st.plotly_chart(figure, key=key, config={"displayModeBar": False}, alt=words)


def show_shaded_table(
    header: list[str], rows: Sequence[tuple[str, Sequence[str]]], shades: Sequence[Sequence[str]] = ()
) -> None:
    """`header` names the column of row names and the others; `shades` are the cells' backgrounds as CSS colors."""
    import pandas as pd  # takes half a second, and no first view shows a table

    columns = [escape_markdown(name) + "\u200b" * header[:k].count(name) for k, name in enumerate(header)]  # all differ
    table = pd.DataFrame([[escape_markdown(cell) for cell in (name, *texts)] for name, texts in rows], columns=columns)
    styles = [["", *(f"background-color: {shade}" if shade else "" for shade in row)] for row in shades]
    shaded = table.style.apply(lambda _: pd.DataFrame(styles, columns=columns), axis=None) if shades else table
    st.table(shaded, border="horizontal", hide_index=True)
