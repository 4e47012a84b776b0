"""What was found in many pictures: those on which answers part first, each with what every network says of it."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from abn.errors import ABNError
from abn.explanations.explanation import Prediction
from abn.plots import numbers
from abn.ui.layout import escape_markdown
from abn.ui.state import state

if TYPE_CHECKING:  # it imports torch
    from abn.explanations.disagreement import ImageDisagreement

HEADS, VARIANTS, MECHANISM = ORDERS = ("heads disagree", "variants disagree", "mechanism flips the answer")
AT_FIRST = 12  # pictures shown before a person asks for more


@dataclass(frozen=True)
class Row:
    """One picture of the outcome, and how to see it on every page."""

    found: "ImageDisagreement"
    title: str
    alt: str
    key: str  # of this picture in the session's state
    pick: Callable[[], None]  # makes it the picture of all pages, or raises an `ABNError`


def show(rows: Sequence[Row], titles: dict[str, str], *, shown: int, more: Callable[[], None]) -> None:
    """The first `shown` of at least one row in the order that a person chooses; `titles` are the variants' by id."""
    from abn.explanations import disagreement

    heads, variants, mechanism = (
        sum(not key(row.found)[0] for row in rows) for key in map(disagreement.ORDERS.get, ORDERS)
    )
    comparable = any(row.found.js_divergence is not None for row in rows)
    others = f"the variants disagree on {variants}, " if comparable else ""
    st.markdown(
        f"**Of {count(len(rows), 'picture')}, heads disagree on {heads}, {others}and the mechanism flips the answer on "
        f"{mechanism}.**"
    )
    order = st.segmented_control(
        "What comes first",
        ORDERS,
        default=HEADS,
        required=True,
        key="survey_order",
        persist_state="session",
        help="Those on which they differ come first, and among these the ones furthest apart. Heads and variants are "
        "compared over all classes, by the Jensen–Shannon divergence in bits; mechanisms by how much they change the "
        "probability of a network's own first class, on the same weights.",
    )
    if order == VARIANTS and not comparable:
        st.caption("Variants are compared where they know the same classes: choose two such variants.")
    if order == MECHANISM:
        st.caption(
            "A swap changes how strongly features reach the perception branch, too, and its weights never learned that: "
            "this alone can flip an answer."
        )
    ordered = sorted(rows, key=lambda row: disagreement.ORDERS[order](row.found))
    for start in range(0, min(shown, len(rows)), 2):
        for k, place in enumerate(st.columns(2), start):
            if k < min(shown, len(rows)):
                with place, st.container(border=True):
                    _draw(ordered[k], titles, key=f"survey-open-{k}")
    rest = min(len(rows) - shown, AT_FIRST)
    if rest > 0:
        st.button(f"Show {rest} more", key="survey_more", icon=":material/expand_more:", on_click=more)


def _draw(row: Row, titles: dict[str, str], *, key: str) -> None:
    """What makes a picture telling, what each network says, and the way to see it on every page."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.image(row.found.thumbnail, width=104, alt=row.alt)
        st.markdown(f"**{escape_markdown(row.title)}**  \n{_badges(row.found)}", width="stretch")
    st.html(_table(row.found, titles))
    here = state.photo == row.key
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(_numbers(row.found), width="stretch")
        pressed = st.button(
            "Opened" if here else "Open",
            key=key,
            icon=":material/check:" if here else ":material/open_in_full:",
            disabled=here,
            help="Make it the picture of all pages.",
        )
    if pressed:
        try:
            row.pick()
        except ABNError as error:
            st.error(escape_markdown(str(error)), icon=":material/block:")
        else:
            st.rerun()  # the whole page, which is about this picture now


def _badges(found: "ImageDisagreement") -> str:
    badges = {
        ":orange-badge[:material/call_split: heads disagree]": found.heads_disagree,
        ":violet-badge[:material/alt_route: variants disagree]": found.variants_disagree,
        ":red-badge[:material/swap_horiz: mechanism flips]": found.changes_prediction,
    }
    return " ".join(badge for badge, seen in badges.items() if seen) or ":green-badge[:material/check: all agree]"


def _numbers(found: "ImageDisagreement") -> str:
    change = max((answer.change for answer in found.predictions), key=abs)
    parts = [
        f"Heads {max(answer.js_divergence for answer in found.predictions):.2f} bit apart",
        *([] if found.js_divergence is None else [f"variants {found.js_divergence:.2f} bit apart"]),
        f"mechanism changes the answer's probability by {numbers.points(change)} points",
    ]
    return ", ".join(parts) + (", each at most." if len(found.predictions) > 1 else " at most.")


def _table(found: "ImageDisagreement", titles: dict[str, str]) -> str:
    """Each network's answers in a line, bold where a head or a mechanism names something else than the network."""
    widths = {"network": "auto", "auxiliary": "auto", "perception": "auto", "swapped to": "34%"}
    head = "".join(f"<th scope='col' style='width: {width}'>{name}</th>" for name, width in widths.items())
    body = ""
    for answer in found.predictions:
        flips = "<br>".join(f"{name}: <b>{_said(answer.mechanisms[name])}</b>" for name in answer.changes_prediction)
        auxiliary = _said(answer.auxiliary) if answer.heads_agree else f"<b>{_said(answer.auxiliary)}</b>"
        cells = (auxiliary, _said(answer.perception), flips or "same answer")
        cells = "".join(f"<td>{cell}</td>" for cell in cells)
        body += f"<tr><th scope='row'>{html.escape(titles[answer.variant])}</th>{cells}</tr>"
    return f'<table class="abn-card"><tr>{head}</tr>{body}</table>'


def _said(top: Prediction) -> str:
    label = html.escape(numbers.short_label(top.label))
    share = html.escape(numbers.percent(top.probability)).replace(" ", "\u00a0")
    return f'<span title="{html.escape(top.label)}">{label}</span> {share}'


def count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
