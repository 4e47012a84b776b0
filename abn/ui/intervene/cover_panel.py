"""A picture to cover, and what each variant's map and heads make of it."""

import numpy as np
import streamlit as st

from abn import vocabulary
from abn.explanations.explanation import Explanation
from abn.explanations.interventions import AttendedImage, changed_pixel_share, cover_cells
from abn.images.decode import Picture
from abn.plots import color_limits, numbers
from abn.ui import maps, predictions
from abn.ui.components.painter import painter
from abn.ui.controls.choice_bar import Choice
from abn.ui.layout import escape_markdown
from abn.ui.state import state
from abn.variants.card import Card

COVER = ["rgb(128 128 128 / 0)", "rgb(128 128 128 / 1)"]  # of a cell that is open, and of one that is covered


def cover(choice: Choice, subject: AttendedImage) -> Picture:
    """The picture, to cover cells of; returns it as far as it is covered."""
    st.markdown("##### The picture")
    name = f"{choice.chosen.picture.sha256} {choice.fit} {subject.attention.shape}"
    of, cells, turn = state.covered
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
        state.covered = (name, (values > 0.5).astype(np.float32), turn)

    def uncover() -> None:
        state.covered = ("", None, turn + 1)

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
        colors=COVER,
        opacity=1.0,
        symbol="covered:",
    )
    if cells.any():
        hidden = cover_cells(choice.chosen.picture, subject.fitted, cells > 0.5)
        share = numbers.percent(changed_pixel_share(choice.chosen.picture, hidden))
        said = f"{share} of the whole picture is covered, by its mean color."
    else:
        said = "Drag a rectangle over the picture."
    st.caption(
        f"{said} The rectangle takes whole cells. A plain patch is a thing that no photograph has, and a network may "
        "name the patch: a changed answer tells that something was covered, not what was missed."
    )
    st.caption("All of each network runs again: both heads and the map follow.")
    st.button(
        "Uncover all",
        icon=":material/restart_alt:",
        disabled=not cells.any(),
        key="uncover",
        on_click=uncover,
    )
    return hidden if cells.any() else choice.chosen.picture


def follow(before: Explanation, after: Explanation, card: Card, choice: Choice) -> None:
    """One variant's map and both heads on the covered picture, against the picture as it was."""
    predictions.show_heading(after, card)
    span = color_limits.limits([before.attention, after.attention], "shared" if choice.view.scale != "raw" else "raw")[
        0
    ]
    maps.show_attention(after, card, choice.view, span, live=True)
    predictions.show_predictions(after)
    rows = []
    for head, name in vocabulary.HEADS.items():
        k = int(getattr(before, head).argmax())
        change = float(getattr(after, head)[k] - getattr(before, head)[k])
        rows.append(
            f"{name.split()[0]}: Δp of “{escape_markdown(numbers.short_label(before.labels[k]))}” {numbers.points(change)}"
        )
    rows.append(
        f"rank correlation of the map before and after: {maps.describe_correlation(before.attention, after.attention)}"
    )
    st.caption("  \n".join(rows))
