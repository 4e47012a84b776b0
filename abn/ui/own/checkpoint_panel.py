"""Checkpoints to upload: each file becomes a variant of this session, or one sentence."""

import shlex
from collections.abc import Sequence
from functools import partial

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from abn.errors import ABNError, PickleError
from abn.images.display_name import display_name
from abn.ui.layout import escape_markdown
from abn.ui.own import session_variants
from abn.ui.own.retry import run_and_keep, show_error
from abn.ui.runtime import loading
from abn.ui.runtime.engine import get_engine
from abn.ui.state import state
from abn.variants import checkpoint, own
from abn.variants.checkpoint import Checkpoint, NamedFile, PartnerMissing


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
            elif get_engine().ready:
                work, keep = partial(own.load_checkpoint, outcome), session_variants.keep_variant
                run_and_keep(work, f"Reading {name}", state.own_outcomes, file.file_id, keep)
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
    if isinstance(outcome, Checkpoint):
        loading.show_status()
    elif isinstance(outcome, PartnerMissing):
        st.info(f"{title}: {escape_markdown(str(outcome))}", icon=":material/attach_file:")
    elif isinstance(outcome, ABNError):
        show_error(state.own_outcomes, key, outcome, f"{title}: ")
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
