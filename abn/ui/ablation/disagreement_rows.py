"""The images of a batch, those with the largest disagreement first, each with what every variant predicts."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import streamlit as st

from abn.errors import ABNError
from abn.explanations.explanation import Prediction
from abn.images import samples
from abn.plots import numbers
from abn.ui.controls import image_picker, uploads
from abn.ui.elements import IN_SESSION, choose
from abn.ui.layout import escape_markdown
from abn.ui.state import state

if TYPE_CHECKING:  # it imports torch
    from abn.explanations.disagreement import ImageDisagreement

HEADS, VARIANTS, MECHANISM = ORDERS = ("heads disagree", "variants disagree", "mechanism flips the answer")
PER_STEP = 12  # more images at each press


@dataclass(frozen=True)
class BatchImage:
    """An image of the batch, not yet decoded."""

    name: str
    data: bytes
    photo: samples.Photo | None = None  # of the gallery; None for a person's own

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def key(self) -> str:
        """Of this image in the session's state."""
        return self.photo.id if self.photo else f"upload-{self.sha256}"

    def choose(self) -> None:
        """Make it the image of all pages. Raises an `ABNError` where it can't be held."""
        if self.photo:
            image_picker.choose_photo(self.photo.id)
        else:
            uploads.adopt_picture(self.name, self.data)


def show_rows(rows: Sequence["ImageDisagreement"], images: dict[str, BatchImage], titles: dict[str, str]) -> None:
    """At least one row, in the order that a person chooses; `images` are the batch's by sha256, `titles` the variants'
    by id."""
    from abn.explanations import disagreement

    heads, variants, mechanisms = (sum(not disagreement.ORDERS[order](row)[0] for row in rows) for order in ORDERS)
    comparable = any(row.js_divergence is not None for row in rows)
    others = f"the variants disagree on {variants}, " if comparable else ""
    st.markdown(
        f"**Of {pluralize(len(rows), 'picture')}, heads disagree on {heads}, {others}and the mechanism flips the "
        f"answer on {mechanisms}.**"
    )
    order = choose(
        "What comes first",
        ORDERS,
        "batch_order",
        help="Those on which they differ come first, and among these the ones furthest apart. Heads and variants are "
        "compared over all classes, by the Jensen–Shannon divergence in bits; mechanisms by how much they change the "
        "probability of a network's own first class, on the same weights.",
        **IN_SESSION,
    )
    if order == VARIANTS and not comparable:
        st.caption("Variants are compared where they know the same classes: choose two such variants.")
    if order == MECHANISM:
        st.caption(
            "A swap changes how strongly features reach the perception branch, too, and its weights never learned "
            "that: this alone can flip an answer."
        )
    shown = sorted(rows, key=disagreement.ORDERS[order])[: state.batch_shown]
    for k in range(0, len(shown), 2):
        for column, (place, row) in enumerate(zip(st.columns(2), shown[k : k + 2], strict=False)):
            with place, st.container(border=True):
                _show_row(row, images[row.sha256], titles, key=f"batch-open-{k + column}")
    rest = min(len(rows) - len(shown), PER_STEP)
    if rest:
        st.button(f"Show {rest} more", key="batch_more", icon=":material/expand_more:", on_click=_show_more)


def _show_more() -> None:
    state.batch_shown += PER_STEP


def _show_row(result: "ImageDisagreement", image: BatchImage, titles: dict[str, str], *, key: str) -> None:
    is_open = state.photo == image.key
    with st.container(horizontal=True, vertical_alignment="center"):
        st.image(result.thumbnail, width=104, alt=image.photo.alt if image.photo else f"Your picture {result.name}")
        st.markdown(f"**{escape_markdown(result.name)}**  \n{_badges(result)}", width="stretch")
    st.table(_predictions(result, titles), border="horizontal", hide_index=True, alt=f"Predictions for {result.name}")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(_figures(result), width="stretch")
        pressed = st.button(
            "Opened" if is_open else "Open",
            key=key,
            icon=":material/check:" if is_open else ":material/open_in_full:",
            disabled=is_open,
            help="Make it the picture of all pages.",
        )
    if pressed:
        try:
            image.choose()
        except ABNError as error:
            st.error(escape_markdown(str(error)), icon=":material/block:")
        else:
            st.rerun()  # the whole page, which is about this image now


def _badges(result: "ImageDisagreement") -> str:
    badges = {
        ":orange-badge[:material/call_split: heads disagree]": result.heads_disagree,
        ":violet-badge[:material/alt_route: variants disagree]": result.variants_disagree,
        ":red-badge[:material/swap_horiz: mechanism flips]": result.changes_prediction,
    }
    return " ".join(badge for badge, applies in badges.items() if applies) or ":green-badge[:material/check: all agree]"


def _figures(result: "ImageDisagreement") -> str:
    """The largest disagreement between heads, variants and mechanisms."""
    change = max((prediction.change for prediction in result.predictions), key=abs)
    parts = [
        f"Heads {max(prediction.js_divergence for prediction in result.predictions):.2f} bit apart",
        *([] if result.js_divergence is None else [f"variants {result.js_divergence:.2f} bit apart"]),
        f"mechanism changes the answer's probability by {numbers.points(change)} points",
    ]
    return ", ".join(parts) + (", each at most." if len(result.predictions) > 1 else " at most.")


def _predictions(result: "ImageDisagreement", titles: dict[str, str]) -> list[dict[str, str]]:
    """A variant in each row; bold where a head or a mechanism predicts another class than the variant."""
    rows = []
    for prediction in result.predictions:
        swapped = [f"{name}: **{_class(prediction.mechanisms[name])}**" for name in prediction.changes_prediction]
        auxiliary = _class(prediction.auxiliary)
        rows.append(
            {
                "network": escape_markdown(titles[prediction.variant]),
                "auxiliary": auxiliary if prediction.heads_agree else f"**{auxiliary}**",
                "perception": _class(prediction.perception),
                "swapped to": ", ".join(swapped) or "same answer",
            }
        )
    return rows


def _class(top: Prediction) -> str:
    return escape_markdown(f"{numbers.short_label(top.label)} {numbers.percent(top.probability)}")


def pluralize(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
