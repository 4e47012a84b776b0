"""Panels of *Bring your own*: checkpoints to upload, any CNN with random weights, and the variants of this session."""

import shlex
from collections.abc import Sequence
from functools import partial
from typing import TypeVar

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from abn.errors import ABNError, PickleError
from abn.explanations.stages import STAGES
from abn.images.display_name import display_name
from abn.plots import network_diagram
from abn.ui import model_card
from abn.ui.components import network_path
from abn.ui.layout import escape_markdown
from abn.ui.own import session_variants
from abn.ui.runtime import jobs, loading
from abn.ui.runtime.engine import get_engine
from abn.ui.state import state
from abn.variants import checkpoint, own
from abn.variants.card import UNTRAINED_KIND, Card
from abn.variants.checkpoint import Checkpoint, NamedFile, PartnerMissing
from abn.variants.own import OwnVariant, Sketch
from abn.vocabulary import ADDITIVE, MECHANISMS

DEFAULT_BACKBONE = "resnet18"
MAX_SEED = 2**31 - 1
STOPPED = "Stopped, and nothing was kept."
REMOVED = "Removed from this session."
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


T = TypeVar("T")


class StoppedError(ABNError):
    """A person stopped the work or removed its result: it can be tried again."""


# ---- checkpoints ----


def show_upload() -> None:
    """The uploader; of each file one sentence, and its variant in `show_variants`."""
    st.markdown("##### A checkpoint of yours")
    st.caption(
        "A variant's `.safetensors` file, as `train`, `distil` and `convert` of this app's command line write it. "
        "Older ones need their `.json` card beside them."
    )
    files = st.file_uploader(
        "Choose checkpoints",
        accept_multiple_files=True,
        key="own_files",
        max_upload_size=checkpoint.MAX_BYTES // 10**6,
        help=f"Up to {checkpoint.MAX_BYTES // 10**6} MB and {own.MAX_PARAMETERS // 10**6} million parameters each. The "
        "header is read first, and weights must fit the network exactly. They stay in this session, and are gone when "
        "you close the page.",
    )
    _read_files(files)
    for file in files:
        name = display_name(file.name, "file")
        outcome = state.own_outcomes[file.file_id]
        if isinstance(outcome, Checkpoint):
            if outcome.id in state.own_variants:
                state.own_outcomes[file.file_id] = outcome.id
            elif get_engine().ready:
                _load_checkpoint(file.file_id, outcome, name)
        _show_outcome(file.file_id, name)


def _read_files(files: Sequence[UploadedFile]) -> None:
    """Put what each file is into `state.own_outcomes`; they are read once, until the files change."""
    keys = [file.file_id for file in files]
    if state.own_given == keys:
        return
    named = {file.file_id: NamedFile(display_name(file.name, "file"), file.getvalue()) for file in files}
    outcomes = state.own_outcomes
    for key, content in checkpoint.read_files(named).items():
        outcome = outcomes.get(key)
        if isinstance(outcome, PartnerMissing) or not isinstance(outcome, ABNError | str):
            outcomes[key] = content
    state.own_given = keys


def _load_checkpoint(key: str, content: Checkpoint, name: str) -> None:
    """Load a checkpoint and hold its variant; its outcome becomes the variant's id, or an error."""
    outcomes = state.own_outcomes
    try:
        variant = jobs.run_with_stop(
            partial(own.load_checkpoint, content), f"Reading {name}", key=key, on_stop=partial(_stop, outcomes, key)
        )
        outcomes[key] = session_variants.keep_variant(variant)
    except ABNError as error:
        outcomes[key] = error


def _show_outcome(key: str, name: str) -> None:
    """One sentence on a file."""
    outcome, title = state.own_outcomes[key], escape_markdown(name)
    if isinstance(outcome, Checkpoint):
        loading.show_status()
    elif isinstance(outcome, PartnerMissing):
        st.info(f"{title}: {escape_markdown(str(outcome))}", icon=":material/attach_file:")
    elif isinstance(outcome, ABNError):
        _show_error(state.own_outcomes, key, outcome, f"{title}: ")
    elif outcome in state.own_variants:
        variant = escape_markdown(state.own_variants[outcome].card.title)
        st.success(f"{title}: read as “{variant}”, see below.", icon=":material/check:")
    if isinstance(outcome, PickleError):
        st.caption(
            "A checkpoint of the authors' code can be converted on your own computer, where it is opened in a way that "
            "runs nothing; then bring the file that this command writes:"
        )
        st.code(
            f"python -m abn convert {shlex.quote(name)} --arch ARCH --num-classes K --out NAME", "bash", wrap_lines=True
        )


def _stop(outcomes: dict[str, T | ABNError], key: str) -> None:
    outcomes[key] = StoppedError(STOPPED)


def _show_error(outcomes: dict[str, T], key: str, error: ABNError, prefix: str = "") -> None:
    """Why something can't be had; after a stop, with a button to try again."""
    st.error(f"{prefix}{escape_markdown(str(error))}", icon=":material/block:")
    if isinstance(error, StoppedError):
        st.button("Try again", key=f"again-{key}", icon=":material/replay:", on_click=_retry, args=(outcomes, key))


def _retry(outcomes: dict[str, T], key: str) -> None:
    del outcomes[key]
    state.own_given = None  # files are read again


# ---- random weights ----


def show_random_weights() -> None:
    """Any CNN of timm: its shapes at once, its network on request."""
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
        persist_state="session",
        help="timm's convolutional networks and the paper's small ResNets. Type to search; no weights are fetched.",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        classes = st.number_input("Classes", 2, 1000, 10, key="own_classes", persist_state="session", width=130)
        seed = st.number_input("Seed", 0, MAX_SEED, 0, key="own_seed", persist_state="session", width=130)
        mechanism = st.segmented_control(
            "Mechanism",
            MECHANISMS,
            default=ADDITIVE,
            required=True,
            key="own_mechanism",
            persist_state="session",
        )
    key = f"shapes of {backbone} {classes}"
    outcome = _get_sketch(key, backbone, classes)
    if isinstance(outcome, ABNError):
        _show_error(state.own_sketch, key, outcome)
        return
    sketch = own.with_seed(outcome, mechanism=mechanism or ADDITIVE, seed=seed)
    _show_diagram(sketch, "sketch")
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


def _get_sketch(key: str, backbone: str, classes: int) -> Sketch | ABNError:
    """The shapes of a network, or why there are none; the session keeps the latest."""
    if key not in state.own_sketch:
        state.own_sketch = {}
        sketches = state.own_sketch
        work, label = partial(own.sketch_random, backbone, num_classes=classes), f"Looking at {backbone}"
        try:
            sketches[key] = jobs.run_with_stop(work, label, key=key, on_stop=partial(_stop, sketches, key))
        except ABNError as error:
            sketches[key] = error
    return state.own_sketch[key]


# ---- the variants of this session ----


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
            _show_diagram(variant, key)
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


def _show_diagram(variant: Sketch | OwnVariant, key: str) -> None:
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
    wide, narrow = (
        network_diagram.draw(contents, card.mechanism, narrow=narrow, pressable=False) for narrow in (False, True)
    )
    network_path.path(wide, narrow, "", label=f"The network {card.title} with its shapes", key=f"diagram-{key}")
    parts = ", ".join(f"{part.replace('_', ' ')} {_format_count(number)}" for part, number in card.parameters.items())
    st.caption(
        f"Parameters: {parts}. A map of {card.map_size[0]} × {card.map_size[1]} cells. The attention branch's trunk is "
        f"{escape_markdown(card.trunk)}. {sum(card.flops.values()) / 1e9:.2g} GFLOPs for a picture of "
        f"{card.input.size} × {card.input.size} pixels."
    )


def _format_count(number: int) -> str:
    return f"{number / 1e6:.2f} M" if number >= 1e5 else f"{number:,}"
