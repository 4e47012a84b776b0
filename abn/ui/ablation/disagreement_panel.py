"""A batch of images, from the gallery or a person's own, on which heads, variants or mechanisms may disagree."""

import functools
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from abn.errors import ABNError
from abn.explanations.explanation import Prediction
from abn.images import samples
from abn.images.display_name import display_name
from abn.images.zip_files import LIMIT, Refused, unpack
from abn.plots import numbers
from abn.ui.ablation.batch import Batch, BatchImage
from abn.ui.components.strip import make_thumbnail
from abn.ui.controls import image_picker, selection, uploads
from abn.ui.elements import IN_SESSION, choose
from abn.ui.layout import escape_markdown
from abn.ui.runtime import jobs, models
from abn.ui.runtime.turns import page_turn
from abn.ui.state import state
from abn.variants.card import Card

if TYPE_CHECKING:  # it imports torch
    from abn.explanations.disagreement import ImageDisagreement

GALLERY, OWN = "The gallery", "Your own pictures"
FILE_TYPES = "png jpg jpeg webp gif bmp tif tiff zip".split()
FILE_MB = 100  # of one file, which may be a zip
FILES_BYTES = 100_000_000  # of a session's files together, as they were given
JOB = "disagreements"
HEADS, VARIANTS, MECHANISM = ORDERS = ("heads disagree", "variants disagree", "mechanism flips the answer")
PER_STEP = 12  # more images at each press


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
            return next(find_disagreements(files, cards, fit=fit, load=models.load_runner, keep=make_thumbnail))

    return [
        jobs.Piece((image.sha256, variants, fit), f"Picture {number} of {len(images)}", partial(compare, image=image))
        for number, image in enumerate(images, 1)
    ]


@st.fragment  # so that another order draws the results alone and not the whole page
def _show_results(results: Sequence["ImageDisagreement | Refused"], batch: Batch, titles: dict[str, str]) -> None:
    refused = [*batch.refused, *(result for result in results if isinstance(result, Refused))]
    compared = [result for result in results if not isinstance(result, Refused)]
    if compared:
        _show_rows(compared, {image.sha256: image for image in batch.images}, titles)
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
            count = _pluralize(len(batch.images), "picture")
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


# ---- its images, those with the largest disagreement first, each with what every variant predicts ----


def _show_rows(rows: Sequence["ImageDisagreement"], images: dict[str, BatchImage], titles: dict[str, str]) -> None:
    """At least one row, in the order that a person chooses; `images` are the batch's by sha256, `titles` the variants'
    by id."""
    from abn.explanations import disagreement

    heads, variants, mechanisms = (sum(not disagreement.ORDERS[order](row)[0] for row in rows) for order in ORDERS)
    comparable = any(row.js_divergence is not None for row in rows)
    others = f"the variants disagree on {variants}, " if comparable else ""
    st.markdown(
        f"**Of {_pluralize(len(rows), 'picture')}, heads disagree on {heads}, {others}and the mechanism flips the "
        f"answer on {mechanisms}.**"
    )
    order = choose(
        "What comes first",
        ORDERS,
        "batch_order",
        help="Those on which they differ come first, and among these the ones furthest apart. Heads and variants are "
        "compared over all classes, by the Jensen–Shannon divergence in bits; mechanisms by how much they change the "
        "probability of a network's own first class, on the same weights.",
        **IN_SESSION,
    )
    if order == VARIANTS and not comparable:
        st.caption("Variants are compared where they know the same classes: choose two such variants.")
    if order == MECHANISM:
        st.caption(
            "A swap changes how strongly features reach the perception branch, too, and its weights never learned "
            "that: this alone can flip an answer."
        )
    shown = sorted(rows, key=disagreement.ORDERS[order])[: state.batch_shown]
    for k in range(0, len(shown), 2):
        for column, (place, row) in enumerate(zip(st.columns(2), shown[k : k + 2], strict=False)):
            with place, st.container(border=True):
                _show_row(row, images[row.sha256], titles, key=f"batch-open-{k + column}")
    rest = min(len(rows) - len(shown), PER_STEP)
    if rest:
        show_more = partial(setattr, state, "batch_shown", state.batch_shown + PER_STEP)
        st.button(f"Show {rest} more", key="batch_more", icon=":material/expand_more:", on_click=show_more)


def _show_row(result: "ImageDisagreement", image: BatchImage, titles: dict[str, str], *, key: str) -> None:
    is_open = state.photo == image.key
    with st.container(horizontal=True, vertical_alignment="center"):
        st.image(result.thumbnail, width=104, alt=image.photo.alt if image.photo else f"Your picture {result.name}")
        st.markdown(f"**{escape_markdown(result.name)}**  \n{_badges(result)}", width="stretch")
    st.table(_predictions(result, titles), border="horizontal", hide_index=True, alt=f"Predictions for {result.name}")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(_figures(result), width="stretch")
        pressed = st.button(
            "Opened" if is_open else "Open",
            key=key,
            icon=":material/check:" if is_open else ":material/open_in_full:",
            disabled=is_open,
            help="Make it the picture of all pages.",
        )
    if pressed:
        try:
            if image.photo:
                image_picker.choose_photo(image.photo.id)
            else:
                uploads.adopt_picture(image.name, image.data)
        except ABNError as error:
            st.error(escape_markdown(str(error)), icon=":material/block:")
        else:
            st.rerun()  # the whole page, which is about this image now


def _badges(result: "ImageDisagreement") -> str:
    badges = {
        ":orange-badge[:material/call_split: heads disagree]": result.heads_disagree,
        ":violet-badge[:material/alt_route: variants disagree]": result.variants_disagree,
        ":red-badge[:material/swap_horiz: mechanism flips]": result.changes_prediction,
    }
    return " ".join(badge for badge, applies in badges.items() if applies) or ":green-badge[:material/check: all agree]"


def _figures(result: "ImageDisagreement") -> str:
    """The largest disagreement between heads, variants and mechanisms."""
    change = max((prediction.change for prediction in result.predictions), key=abs)
    parts = [
        f"Heads {max(prediction.js_divergence for prediction in result.predictions):.2f} bit apart",
        *([] if result.js_divergence is None else [f"variants {result.js_divergence:.2f} bit apart"]),
        f"mechanism changes the answer's probability by {numbers.points(change)} points",
    ]
    return ", ".join(parts) + (", each at most." if len(result.predictions) > 1 else " at most.")


def _predictions(result: "ImageDisagreement", titles: dict[str, str]) -> list[dict[str, str]]:
    """A variant in each row; bold where a head or a mechanism predicts another class than the variant."""
    rows = []
    for prediction in result.predictions:
        swapped = [f"{name}: **{_class(prediction.mechanisms[name])}**" for name in prediction.changes_prediction]
        auxiliary = _class(prediction.auxiliary)
        rows.append(
            {
                "network": escape_markdown(titles[prediction.variant]),
                "auxiliary": auxiliary if prediction.heads_agree else f"**{auxiliary}**",
                "perception": _class(prediction.perception),
                "swapped to": ", ".join(swapped) or "same answer",
            }
        )
    return rows


def _class(top: Prediction) -> str:
    return escape_markdown(f"{numbers.short_label(top.label)} {numbers.percent(top.probability)}")


def _pluralize(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
