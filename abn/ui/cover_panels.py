"""A picture to cover, and what each variant's map and heads make of it."""

import numpy as np
import streamlit as st

from abn import render
from abn.explanation import Explanation
from abn.intervene import Subject
from abn.metrics import rank_correlation
from abn.ui import panels
from abn.ui.bar import Choice
from abn.ui.frame import plain
from abn.ui.painter import painter
from abn.variants import Card

COVER = ["rgb(128 128 128 / 0)", "rgb(128 128 128 / 1)"]  # of a cell that is open, and of one that is covered


def cover(choice: Choice, subject: Subject) -> np.ndarray | None:
    """A picture to cover cells of; returns the covered cells (h, w) bool, None while none is."""
    st.markdown("##### The picture")
    name = f"{choice.chosen.picture.sha256} {choice.fit} {subject.attention.shape}"
    of, cells, turn = st.session_state.get("covered", ("", None, 0))
    if of != name:
        cells = np.zeros(subject.attention.shape, np.float32)
    tool = st.segmented_control(
        "Rectangle",
        ("Cover", "Uncover"),
        default="Cover",
        required=True,
        key="cover-tool",
        label_visibility="collapsed",
    )

    def painted(values: np.ndarray) -> None:
        st.session_state.covered = (name, (values > 0.5).astype(np.float32), turn)

    painter(
        cells,
        subject.fitted.image,
        tool="Rectangle −" if tool == "Uncover" else "Rectangle +",
        strength=1.0,
        size=1,
        version=f"{name} {turn}",
        label="The picture, to be covered. Arrow keys move, space sets one corner of a rectangle and then the other.",
        key="cover",
        on_paint=painted,
        colours=COVER,
        opacity=1.0,
        symbol="covered",
    )
    share = float(cells.mean())
    st.caption(
        (
            f"{100 * share:.0f} % covered, by the picture's mean colour. "
            if share
            else "Drag a rectangle over the picture. "
        )
        + "All of each network runs again: both heads and the map follow."
    )
    st.button(
        "Uncover all",
        icon=":material/restart_alt:",
        disabled=not share,
        key="uncover",
        on_click=lambda: st.session_state.update(covered=("", None, turn + 1)),
    )
    return cells > 0.5 if share else None


def follow(before: Explanation, after: Explanation, card: Card, choice: Choice) -> None:
    """One variant's map and both heads on the covered picture, against the picture as it was."""
    panels.heading(after, card)
    panels.attention(after, card, choice.view, (0.0, 1.0), live=True)
    panels.answers(after)
    rows = []
    for head, name in render.HEADS.items():
        k = int(getattr(before, head).argmax())
        change = float(getattr(after, head)[k] - getattr(before, head)[k])
        rows.append(f"{name.split()[0]}: Δp of “{plain(render.short_label(before.labels[k]))}” {render.points(change)}")
    alike = rank_correlation(before.attention, after.attention)
    rows.append(f"map before and after: rank correlation {alike:.2f}".replace("-", "−"))
    st.caption("  \n".join(rows))
