"""Any CNN of timm with random weights: its shapes first, then a variant of this session."""

from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from abn.errors import ABNError
from abn.ui.elements import IN_SESSION, choose
from abn.ui.layout import escape_markdown
from abn.ui.own import session_variants
from abn.ui.own.retry import run_and_keep, show_error
from abn.ui.own.variants_panel import show_shapes
from abn.ui.runtime import jobs, loading
from abn.ui.runtime.engine import get_engine
from abn.ui.state import state
from abn.variants import own
from abn.vocabulary import ADDITIVE, MECHANISMS

DEFAULT_BACKBONE = "resnet18"
MAX_SEED = 2**31 - 1


def show_random_weights(place: DeltaGenerator) -> None:
    """Any CNN of timm: its shapes at once, in `place`; its network on request."""
    st.markdown("##### Any CNN, with random weights")
    if not get_engine().ready:
        loading.show_status()
        return
    from abn.network.backbone import list_backbones

    names = list_backbones()
    backbone = st.selectbox(
        "Backbone",
        names,
        index=names.index(DEFAULT_BACKBONE),
        key="own_backbone",
        help="timm's convolutional networks and the paper's small ResNets. Type to search; no weights are fetched.",
        **IN_SESSION,
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        classes = st.number_input("Classes", 2, 1000, 10, key="own_classes", width=130, **IN_SESSION)
        seed = st.number_input("Seed", 0, MAX_SEED, 0, key="own_seed", width=130, **IN_SESSION)
        mechanism = choose("Mechanism", MECHANISMS, "own_mechanism", default=ADDITIVE, **IN_SESSION)
    key = f"shapes of {backbone} {classes}"
    if key not in state.own_sketch:  # the latest is kept
        state.own_sketch = {}
        sketch_random = partial(own.sketch_random, backbone, num_classes=classes)
        run_and_keep(sketch_random, f"Looking at {backbone}", state.own_sketch, key)
    outcome = state.own_sketch[key]
    if isinstance(outcome, ABNError):
        show_error(state.own_sketch, key, outcome)
        return
    sketch = own.with_seed(outcome, mechanism=mechanism, seed=seed)
    with place:
        show_shapes(sketch, "sketch")
    refusal = own.too_large(sketch)
    if refusal:
        st.error(escape_markdown(refusal), icon=":material/block:")
    made = sketch.card.id in state.own_variants
    pressed = st.button(
        "Made, see below" if made else "Make it",
        key="own_make",
        icon=":material/casino:",
        disabled=bool(refusal) or made,
        help="Draws the weights, from the seed. Its answers and its map mean nothing until it is trained.",
    )
    if pressed:
        work, label = partial(own.draw_weights, sketch), f"Making {backbone}"
        try:
            session_variants.keep_variant(jobs.run_with_stop(work, label, key=sketch.card.id, on_stop=lambda: None))
        except ABNError as error:
            st.error(escape_markdown(str(error)), icon=":material/block:")
        else:
            st.rerun()  # for the button, which was drawn before
