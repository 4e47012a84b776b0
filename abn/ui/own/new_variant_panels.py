"""New variants of this session: from uploaded checkpoints, or a CNN of timm with random weights.

Stopped work leaves an error as its outcome, with a button to try again.
"""

import shlex
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from abn.errors import ABNError, PickleError
from abn.images.display_name import display_name
from abn.ui.elements import IN_SESSION, choose
from abn.ui.layout import escape_markdown
from abn.ui.own import session_variants, words
from abn.ui.own.session_variants import StoppedError
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
    """The uploader; below it one sentence per file (its variant is shown by `variants_panel`)."""
    megabytes, millions = checkpoint.MAX_BYTES // 10**6, own.MAX_PARAMETERS // 10**6
    files = st.file_uploader(
        words.UPLOAD,
        accept_multiple_files=True,
        key="own_files",
        max_upload_size=megabytes,
        help=words.UPLOAD_HELP.format(megabytes=megabytes, millions=millions),
    )
    st.caption(words.UPLOAD_NOTE)
    _read_files(files)
    for file in files:
        name = display_name(file.name, "file")
        outcome = state.own_outcomes[file.file_id]
        if isinstance(outcome, Checkpoint):
            if outcome.id in state.own_variants:
                state.own_outcomes[file.file_id] = outcome.id
            else:
                work, keep = partial(own.load_checkpoint, outcome), session_variants.keep_variant
                _run_and_keep(work, words.READING.format(name=name), state.own_outcomes, file.file_id, keep)
        _show_outcome(file.file_id, name)


def _read_files(files: Sequence[UploadedFile]) -> None:
    """Read the files into `state.own_outcomes`, once until the choice of files changes."""
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
    """The outcome of a file in one sentence."""
    outcome, title = state.own_outcomes[key], escape_markdown(name)
    if isinstance(outcome, PartnerMissing):
        st.info(f"{title}: {escape_markdown(str(outcome))}", icon=":material/attach_file:")
    elif isinstance(outcome, ABNError):
        _show_error(state.own_outcomes, key, outcome, f"{title}: ")
    elif outcome in state.own_variants:
        variant = escape_markdown(state.own_variants[outcome].card.title)
        st.success(words.READ.format(name=title, title=variant), icon=":material/check:")
    if isinstance(outcome, PickleError):
        st.caption(words.CONVERT)
        st.code(words.CONVERT_COMMAND.format(name=shlex.quote(name)), "bash", wrap_lines=True)


def show_random_weights() -> None:
    """A CNN of timm: its shapes at once; its network when a person asks for it."""
    models.load_torch()
    from abn.network.backbone import list_backbones

    names = list_backbones()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        backbone = st.selectbox(
            words.BACKBONE,
            names,
            index=names.index(DEFAULT_BACKBONE),
            key="own_backbone",
            width=300,
            help=words.BACKBONE_HELP,
            **IN_SESSION,
        )
        classes = st.number_input(words.CLASSES, 2, 1000, 10, key="own_classes", width=130, **IN_SESSION)
        seed = st.number_input(
            words.SEED, 0, MAX_SEED, 0, key="own_seed", width=130, help=words.SEED_HELP, **IN_SESSION
        )
        mechanism = choose(
            words.MECHANISM, MECHANISMS, "own_mechanism", default=ADDITIVE, width="content", **IN_SESSION
        )
        button = st.empty()
    key = f"shapes of {backbone} {classes}"
    if key not in state.own_sketch:  # the latest is kept
        state.own_sketch = {}
        sketch_random = partial(own.sketch_random, backbone, num_classes=classes)
        _run_and_keep(sketch_random, words.COMPUTING_SHAPES.format(backbone=backbone), state.own_sketch, key)
    outcome = state.own_sketch[key]
    if isinstance(outcome, ABNError):
        _show_error(state.own_sketch, key, outcome)
        return
    sketch = own.with_seed(outcome, mechanism=mechanism, seed=seed)
    refusal = own.too_large(sketch)
    if refusal:
        st.error(escape_markdown(refusal), icon=":material/block:")
    show_shapes(sketch, "sketch")
    exists = sketch.card.id in state.own_variants
    pressed = button.button(
        words.CREATED if exists else words.CREATE,
        key="own_make",
        icon=":material/casino:",
        type="primary",
        disabled=bool(refusal) or exists,
        help=words.CREATE_HELP,
    )
    if pressed:
        work, label = partial(own.draw_weights, sketch), words.CREATING.format(backbone=backbone)
        try:
            session_variants.keep_variant(jobs.run_with_stop(work, label, key=sketch.card.id, on_stop=lambda: None))
        except ABNError as error:
            st.error(escape_markdown(str(error)), icon=":material/block:")
        else:
            st.rerun()  # the button was drawn before


# ---- work that can be stopped ----


def _run_and_keep(
    work: Callable[[], T], label: str, outcomes: dict, key: str, keep: Callable[[T], object] = lambda result: result
) -> None:
    """Run `work` beside the page, with a button that stops it. `outcomes[key]` becomes `keep(result)`, or an error."""

    def record_stop() -> None:
        outcomes[key] = StoppedError(words.STOPPED)

    try:
        outcomes[key] = keep(jobs.run_with_stop(work, label, key=key, on_stop=record_stop))
    except ABNError as error:
        outcomes[key] = error


def _show_error(outcomes: dict, key: str, error: ABNError, prefix: str = "") -> None:
    """An error in one sentence; after a stop, with a button to try again."""
    st.error(f"{prefix}{escape_markdown(str(error))}", icon=":material/block:")
    if isinstance(error, StoppedError):
        st.button(words.RETRY, key=f"again-{key}", icon=":material/replay:", on_click=_retry, args=(outcomes, key))


def _retry(outcomes: dict, key: str) -> None:
    del outcomes[key]
    state.own_given = None  # files are read again
