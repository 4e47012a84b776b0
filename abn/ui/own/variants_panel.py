"""The variants that this session holds: the network's diagram with their shapes in place of images, their cards, and
buttons to add them to Compare or to remove them.
"""

import streamlit as st

from abn.explanations.stages import STAGES
from abn.plots import network_diagram
from abn.ui import model_card
from abn.ui.components import network_path
from abn.ui.layout import escape_markdown
from abn.ui.own import session_variants
from abn.ui.own.session_variants import REMOVED, StoppedError
from abn.ui.state import state
from abn.variants import checkpoint
from abn.variants.card import UNTRAINED_KIND
from abn.variants.own import OwnVariant, Sketch

STAGE_WORDS = {  # where *Inside* shows a picture
    "x": ("picture",),
    "g": ("features",),
    "A": ("trunk's", "response"),
    "class maps": ("one a class",),
    "auxiliary logits": ("auxiliary", "head"),
    "M": ("attention", "map"),
    "g′": ("what the", "perception", "branch gets"),
    "logits": ("perception", "head"),
}


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
            if card.kind == UNTRAINED_KIND:
                st.caption(
                    "Shapes, parameters and FLOPs were counted here. Nothing was trained, so nothing else can be said."
                )
            else:
                st.caption(
                    "Backbone, map, parameters, FLOPs and sha256 were counted here. What the card says of training, "
                    "measures and license is its author's word."
                )


def _remove(key: str) -> None:
    session_variants.remove_variant(key)
    for file, outcome in state.own_outcomes.items():
        if outcome == key:
            state.own_outcomes[file] = StoppedError(REMOVED)


def show_shapes(variant: Sketch | OwnVariant, key: str) -> None:
    """The network's diagram with the shapes of this variant, and the parameters of each part."""
    card, shapes = variant.card, variant.shapes
    shapes = shapes | {
        "class maps": (shapes["auxiliary"][0], *shapes["A"][1:]),
        "auxiliary logits": shapes["auxiliary"],
        "g′": shapes["g"],
        "logits": shapes["perception"],
    }
    contents = {
        name: network_diagram.Content(" × ".join(map(str, shapes[name])), words=STAGE_WORDS[name]) for name in STAGES
    }
    label = f"The network {card.title} with its shapes"
    network_path.show(contents, card.mechanism, "", label=label, key=f"diagram-{key}")
    parts = ", ".join(f"{part.replace('_', ' ')} {_format_count(number)}" for part, number in card.parameters.items())
    st.caption(
        f"Parameters: {parts}. A map of {card.map_size[0]} × {card.map_size[1]} cells. The attention branch's trunk is "
        f"{escape_markdown(card.trunk)}. {sum(card.flops.values()) / 1e9:.2g} GFLOPs for a picture of "
        f"{card.input.size} × {card.input.size} pixels."
    )


def _format_count(number: int) -> str:
    return f"{number / 1e6:.2f} M" if number >= 1e5 else f"{number:,}"
