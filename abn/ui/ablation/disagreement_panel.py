"""A batch of images, from the gallery or a person's own, on which heads, variants or mechanisms may disagree."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from abn.images import samples
from abn.images.archive import LIMIT, Refused, unpack
from abn.images.display_name import display_name
from abn.ui.ablation import disagreement_rows
from abn.ui.ablation.disagreement_rows import BatchImage, pluralize
from abn.ui.components.strip import thumbnail
from abn.ui.controls import selection, uploads
from abn.ui.elements import IN_SESSION, choose
from abn.ui.layout import escape_markdown
from abn.ui.runtime import jobs, models
from abn.ui.runtime.engine import page_turn
from abn.ui.state import state
from abn.variants.card import Card

if TYPE_CHECKING:  # it imports torch
    from abn.explanations.disagreement import ImageDisagreement

GALLERY, OWN = "The gallery", "Your own pictures"
FILE_TYPES = "png jpg jpeg webp gif bmp tif tiff zip".split()
FILE_MB = 100  # of one file, which may be a zip
FILES_BYTES = 100_000_000  # of a session's files together, as they were given
JOB = "disagreements"


@dataclass(frozen=True)
class Batch:
    """A person's own images, and the files that are none."""

    images: tuple[BatchImage, ...] = ()
    refused: tuple[Refused, ...] = ()
    too_large: tuple[str, ...] = ()  # names of files beyond `FILES_BYTES`


def show_batch(cards: Sequence[Card], fit: str) -> None:
    """The whole section. To be called last on a page, as the job runs here; not within a fragment, because a button in
    a fragment can't stop it."""
    st.caption(
        "Go through many pictures at once. First come those on which a network's two heads name different things, on "
        "which the networks differ, or on which the mechanism decides: the same weights, with the map applied as "
        "additive, multiplicative or not at all."
    )
    source = choose("Pictures to go through", (GALLERY, OWN), "batch_source", **IN_SESSION)
    batch = _choose_files() if source == OWN else _gallery_batch()
    if source == OWN and not batch.images and not batch.refused:
        st.info(f"Choose up to {LIMIT} pictures, or a zip of them.", icon=":material/arrow_upward:")
        return
    untrained = selection.trained_on_other_kind(cards, "photograph")
    if source == GALLERY and untrained:
        titles = ", ".join(card.title for card in untrained)
        st.caption(escape_markdown(f"Never learned photographs, so what it says of these means little: {titles}."))
    pieces = _create_pieces(batch.images, cards, fit)
    job = jobs.control(JOB, pieces, "Go through them", icon=":material/play_arrow:")
    if job.place is None:
        results = [result for result in jobs.results(JOB, pieces) if result is not None]
        if results or not batch.images:
            _show_results(results, batch, {card.id: card.title for card in cards})
    jobs.run_jobs(job)


def _create_pieces(images: Sequence[BatchImage], cards: Sequence[Card], fit: str) -> list[jobs.Piece]:
    variants = tuple((card.id, card.sha256) for card in cards)

    def compare(_progress: jobs.Progress, image: BatchImage) -> "ImageDisagreement | Refused":
        from abn.explanations.disagreement import find_disagreements

        files = [(image.name, image.data)]
        with page_turn():
            return next(find_disagreements(files, cards, fit=fit, load=models.load_network, keep=thumbnail))

    return [
        jobs.Piece((image.sha256, variants, fit), f"Picture {number} of {len(images)}", partial(compare, image=image))
        for number, image in enumerate(images, 1)
    ]


@st.fragment  # so that another order draws the results alone and not the whole page
def _show_results(results: Sequence["ImageDisagreement | Refused"], batch: Batch, titles: dict[str, str]) -> None:
    refused = [*batch.refused, *(result for result in results if isinstance(result, Refused))]
    compared = [result for result in results if not isinstance(result, Refused)]
    if compared:
        disagreement_rows.show_rows(compared, {image.sha256: image for image in batch.images}, titles)
    else:
        st.info("None of these files is a picture that can be read: choose others.", icon=":material/arrow_upward:")
    if refused:
        with st.expander("Files that were left out", icon=":material/broken_image:"):
            lines = [f"- **{escape_markdown(name)}**: {escape_markdown(reason)}" for name, reason in refused]
            st.markdown("\n".join(lines))


@functools.cache
def _gallery_batch() -> Batch:
    """The gallery's photographs, without the clothing."""
    photos = [photo for photo in samples.gallery().values() if photo.kind == "photograph"]
    return Batch(tuple(BatchImage(photo.title, photo.path.read_bytes(), photo) for photo in photos))


def _choose_files() -> Batch:
    """The uploader, and what the session holds of its files, also after the page was left."""
    chosen = st.file_uploader(
        "Choose pictures, or a zip of them",
        type=FILE_TYPES,
        accept_multiple_files=True,
        key="batch_files",
        on_change=_receive,
        max_upload_size=FILE_MB,
        help=f"Up to {LIMIT} pictures. They stay in this session, and are gone when you close the page.",
    )
    batch = state.batch or Batch()
    if batch.images and not chosen:
        with st.container(horizontal=True, vertical_alignment="center"):
            count = pluralize(len(batch.images), "picture")
            st.caption(f"{count} of yours still here; others take their place.", width="content")
            st.button("Remove them", icon=":material/delete:", key="batch_remove", on_click=_receive)
    for name in batch.too_large:
        sentence = f"{name}: These files are more than {FILES_BYTES // 10**6} MB together: choose fewer."
        st.error(escape_markdown(sentence), icon=":material/block:")
    return batch


def _receive() -> None:
    """Hold the images of the uploader's files, as far as a session may."""
    files, too_large, size = [], [], 0
    for file in uploads.uploaded_files("batch_files"):
        if size + file.size > FILES_BYTES:
            too_large.append(display_name(file.name, "file"))
        else:
            size += file.size
            files.append((file.name, file.getvalue()))
    unpacked = unpack(files)
    images = tuple(BatchImage(name, data) for name, data in unpacked.pictures)
    state.batch = Batch(images, unpacked.refused, tuple(too_large[:5]))
