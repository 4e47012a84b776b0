"""The variants that this session holds: shapes, card, and buttons to add them to Compare or to remove them."""

import streamlit as st

from abn.ui import model_card
from abn.ui.layout import escape_markdown
from abn.ui.own import session_variants
from abn.ui.own.retry import REMOVED, StoppedError
from abn.ui.own.shape_diagram import show_shapes
from abn.ui.state import state
from abn.variants import checkpoint
from abn.variants.card import UNTRAINED_KIND, Card


def show_variants() -> None:
    """The variants that this session holds, each with its shapes, its card, and buttons to add or remove it."""
    st.markdown("##### In this session")
    if not state.own_variants:
        st.caption(f"Nothing yet. Up to {session_variants.MAX_VARIANTS} variants can be here; nobody else sees them.")
    for key, variant in reversed(state.own_variants.items()):
        card, in_compare = variant.card, key in state.own_listed
        with st.container(border=True, key=f"card-{key.removeprefix(checkpoint.PREFIX)}"):
            heading = f"##### {escape_markdown(card.title)}"
            if card.kind == UNTRAINED_KIND:
                heading += " :orange-badge[:material/casino: random weights]"
            if in_compare:
                heading += " :green-badge[:material/check: in Compare]"
            st.markdown(heading)
            if card.summary:
                st.caption(escape_markdown(card.summary))
            show_shapes(variant, key)
            with st.container(horizontal=True, vertical_alignment="center"):
                if in_compare:
                    st.page_link("app.py", label="See it in Compare", icon=":material/compare:")
                else:
                    st.button(
                        "Add to Compare",
                        key=f"add-{key}",
                        type="primary",
                        icon=":material/add:",
                        on_click=session_variants.add_to_compare,
                        args=(key,),
                    )
                st.button("Remove", key=f"remove-{key}", icon=":material/delete:", on_click=_remove, args=(key,))
            model_card.show_card(card)
            st.caption(_describe_sources(card))


def _describe_sources(card: Card) -> str:
    if card.kind == UNTRAINED_KIND:
        return "Shapes, parameters and FLOPs were counted here. Nothing was trained, so nothing else can be said."
    return (
        "Backbone, map, parameters, FLOPs and sha256 were counted here. What the card says of training, measures and "
        "license is its author's word."
    )


def _remove(key: str) -> None:
    session_variants.remove_variant(key)
    for file, outcome in state.own_outcomes.items():
        if outcome == key:
            state.own_outcomes[file] = StoppedError(REMOVED)
