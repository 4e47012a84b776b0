"""The variants that this session holds: the diagram of the network with their shapes in place of images, their cards,
and buttons to add them to Compare or to remove them.
"""

import streamlit as st

from abn.explanations.stages import STAGES
from abn.plots import network_diagram
from abn.ui import model_card
from abn.ui.components import network_path
from abn.ui.layout import escape_markdown
from abn.ui.own import session_variants, words
from abn.ui.own.session_variants import StoppedError
from abn.ui.state import state
from abn.variants import checkpoint
from abn.variants.card import UNTRAINED_KIND
from abn.variants.own import OwnVariant, Sketch
from abn.vocabulary import PARTS

DIAGRAM_WIDTH = 840  # pixels: all of it is in sight on a projector


def show_variants() -> None:
    """The variants that this session holds, each with its shapes, its card, and buttons to add or remove it."""
    st.markdown(f"##### {words.SESSION}")
    if not state.own_variants:
        st.caption(words.NOTHING.format(count=session_variants.MAX_VARIANTS))
    for key, variant in reversed(state.own_variants.items()):
        card, in_compare = variant.card, key in state.own_listed
        with st.container(border=True, key=f"card-{key.removeprefix(checkpoint.PREFIX)}"):
            heading = f"##### {escape_markdown(card.title)}"
            if card.kind == UNTRAINED_KIND:
                heading += f" :gray-badge[:material/casino: {words.RANDOM_BADGE}]"
            if in_compare:
                heading += f" :green-badge[:material/check: {words.IN_COMPARE}]"
            st.markdown(heading)
            if card.summary:
                st.caption(escape_markdown(card.summary))
            with st.expander(words.SHAPES, icon=":material/account_tree:", expanded=card.kind != UNTRAINED_KIND):
                show_shapes(variant, key)
            with st.container(horizontal=True, vertical_alignment="center"):
                if in_compare:
                    st.page_link("app.py", label=words.OPEN_COMPARE, icon=":material/compare:")
                else:
                    st.button(
                        words.ADD,
                        key=f"add-{key}",
                        type="primary",
                        icon=":material/add:",
                        on_click=session_variants.add_to_compare,
                        args=(key,),
                    )
                st.button(words.REMOVE, key=f"remove-{key}", icon=":material/delete:", on_click=_remove, args=(key,))
            model_card.show_card(card)
            st.caption(words.RANDOM_NOTE if card.kind == UNTRAINED_KIND else words.CLAIMS_NOTE)


def _remove(key: str) -> None:
    session_variants.remove_variant(key)
    for file, outcome in state.own_outcomes.items():
        if outcome == key:
            state.own_outcomes[file] = StoppedError(words.REMOVED)


def show_shapes(variant: Sketch | OwnVariant, key: str) -> None:
    """The diagram of Inside with the shapes of this variant in place of images, and the sizes of its parts."""
    card, shapes = variant.card, variant.shapes
    shapes = shapes | {
        "class maps": (shapes["auxiliary"][0], *shapes["A"][1:]),
        "auxiliary logits": shapes["auxiliary"],
        "g′": shapes["g"],
        "logits": shapes["perception"],
    }
    contents = {
        name: network_diagram.Content(" × ".join(map(str, shapes[name])), words=words.STAGES[name]) for name in STAGES
    }
    label = words.DIAGRAM.format(title=card.title)
    trained = card.kind != UNTRAINED_KIND
    with st.container(width=DIAGRAM_WIDTH):
        network_path.show(contents, card.mechanism, "", label=label, key=f"diagram-{key}", trained=trained)
    sizes = words.SIZES.format(
        parameters=", ".join(f"{PARTS[part]} {_format_count(number)}" for part, number in card.parameters.items()),
        gflops=f"{sum(card.flops.values()) / 1e9:.2g}",
        size=card.input.size,
        rows=card.map_size[0],
        columns=card.map_size[1],
    )
    st.caption(f"{sizes} {words.TRUNK.format(trunk=escape_markdown(card.trunk))}")


def _format_count(number: int) -> str:
    return f"{number / 1e6:.2f} M" if number >= 1e5 else f"{number:,}"
