"""A picture to cover, and each variant's map and heads on the covered picture."""

import numpy as np
import streamlit as st

from abn import vocabulary
from abn.explanations.explanation import Explanation
from abn.explanations.interventions import AttendedImage, changed_pixel_share, cover_cells
from abn.images.decode import Picture
from abn.plots import color_limits, numbers
from abn.ui import maps, predictions
from abn.ui.components.painter import show_painter
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import choose
from abn.ui.layout import escape_markdown
from abn.ui.state import state
from abn.variants.card import Card

COVER_COLORS = ["rgb(128 128 128 / 0)", "rgb(128 128 128 / 1)"]  # of an open cell, of a covered one


def cover_picture(choice: Choice, subject: AttendedImage) -> Picture:
    """Draw the picture with cells to cover; returns the picture with the covered cells filled."""
    st.markdown("##### The picture")
    picture = choice.chosen.picture
    owner = f"{picture.sha256} {choice.fit} {subject.attention.shape}"
    stored_owner, stored_cells, resets = state.covered
    cells = np.zeros(subject.attention.shape, np.float32)
    if stored_owner == owner and stored_cells is not None:
        cells = stored_cells
    tool = choose("Rectangle", ("Cover", "Uncover"), "cover-tool", label_visibility="collapsed")

    def store_cells(values: np.ndarray) -> None:
        state.covered = (owner, (values > 0.5).astype(np.float32), resets)

    def uncover() -> None:
        state.covered = ("", None, resets + 1)

    show_painter(
        cells,
        subject.fitted.image,
        tool="Rectangle −" if tool == "Uncover" else "Rectangle +",
        strength=1.0,
        size=1,
        version=f"{owner} {resets}",
        label="The picture, to be covered. Arrow keys move, space sets one corner of a rectangle and then the other.",
        key="cover",
        on_paint=store_cells,
        colors=COVER_COLORS,
        opacity=1.0,
        symbol="covered:",
    )
    covered = cover_cells(picture, subject.fitted, cells > 0.5) if cells.any() else picture
    status = "Drag a rectangle over the picture."
    if cells.any():
        share = numbers.percent(changed_pixel_share(picture, covered))
        status = f"{share} of the whole picture is covered, by its mean color."
    st.caption(
        f"{status} The rectangle takes whole cells. A plain patch is a thing that no photograph has, and a network may "
        "name the patch: a changed answer tells that something was covered, not what was missed."
    )
    st.caption("All of each network runs again: both heads and the map follow.")
    icon = ":material/restart_alt:"
    st.button("Uncover all", icon=icon, disabled=not cells.any(), key="uncover", on_click=uncover)
    return covered


def show_covered(before: Explanation, after: Explanation, card: Card, choice: Choice) -> None:
    """One variant's map and both heads on the covered picture, against the picture as it was."""
    predictions.show_heading(after, card)
    scale = "raw" if choice.view.scale == "raw" else "shared"
    limits = color_limits.limits([before.attention, after.attention], scale)[0]
    maps.show_explanation(after, card, choice.view, limits)
    predictions.show_predictions(after)
    lines = []
    for head, name in vocabulary.HEADS.items():
        k = int(getattr(before, head).argmax())
        change = numbers.points(float(getattr(after, head)[k] - getattr(before, head)[k]))
        label = escape_markdown(numbers.short_label(before.labels[k]))
        lines.append(f"{name.split()[0]}: Δp of “{label}” {change}")
    correlation = maps.describe_correlation(before.attention, after.attention)
    lines.append(f"rank correlation of the map before and after: {correlation}")
    st.caption("  \n".join(lines))
