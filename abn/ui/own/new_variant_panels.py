"""New variants of this session: from uploaded checkpoints, or any CNN of timm with random weights.

Work that a person stopped leaves an error as its outcome, with a button to try again.
"""

import shlex
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.uploaded_file_manager import UploadedFile

from abn.errors import ABNError, PickleError
from abn.images.display_name import display_name
from abn.ui.elements import IN_SESSION, choose
from abn.ui.layout import escape_markdown
from abn.ui.own import session_variants
from abn.ui.own.session_variants import STOPPED, StoppedError
from abn.ui.own.variants_panel import show_shapes
from abn.ui.runtime import jobs, models
from abn.ui.state import state
from abn.variants import checkpoint, own
from abn.variants.checkpoint import Checkpoint, NamedFile, PartnerMissing
from abn.vocabulary import ADDITIVE, MECHANISMS

DEFAULT_BACKBONE = "resnet18"
MAX_SEED = 2**31 - 1

T = TypeVar("T")


def show_upload() -> None:
    """The uploader; of each file one sentence (its variant is shown by `variants_panel`)."""
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
            else:
                work, keep = partial(own.load_checkpoint, outcome), session_variants.keep_variant
                _run_and_keep(work, f"Reading {name}", state.own_outcomes, file.file_id, keep)
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


def _show_outcome(key: str, name: str) -> None:
    """One sentence on a file."""
    outcome, title = state.own_outcomes[key], escape_markdown(name)
    if isinstance(outcome, PartnerMissing):
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
        command = f"python -m abn convert {shlex.quote(name)} --arch ARCH --num-classes K --out NAME"
        st.code(command, "bash", wrap_lines=True)


def show_random_weights(place: DeltaGenerator) -> None:
    """Any CNN of timm: its shapes at once, in `place`; its network on request."""
    st.markdown("##### Any CNN, with random weights")
    models.load_torch()
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
        _run_and_keep(sketch_random, f"Looking at {backbone}", state.own_sketch, key)
    outcome = state.own_sketch[key]
    if isinstance(outcome, ABNError):
        _show_error(state.own_sketch, key, outcome)
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


# ---- work that can be stopped ----


def _run_and_keep(
    work: Callable[[], T], label: str, outcomes: dict, key: str, keep: Callable[[T], object] = lambda result: result
) -> None:
    """Do `work` beside the page with a button that stops it. Its outcome at `key` becomes what `keep` makes of its
    result, or an error."""

    def record_stop() -> None:
        outcomes[key] = StoppedError(STOPPED)

    try:
        outcomes[key] = keep(jobs.run_with_stop(work, label, key=key, on_stop=record_stop))
    except ABNError as error:
        outcomes[key] = error


def _show_error(outcomes: dict, key: str, error: ABNError, prefix: str = "") -> None:
    """Why something can't be had; after a stop, with a button to try again."""
    st.error(f"{prefix}{escape_markdown(str(error))}", icon=":material/block:")
    if isinstance(error, StoppedError):
        st.button("Try again", key=f"again-{key}", icon=":material/replay:", on_click=_retry, args=(outcomes, key))


def _retry(outcomes: dict, key: str) -> None:
    del outcomes[key]
    state.own_given = None  # files are read again
