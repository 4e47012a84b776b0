"""A batch of images, from the gallery or a person's own, on which heads, variants or mechanisms may disagree."""

import functools
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from abn.errors import ABNError, PictureError
from abn.explanations.explanation import Prediction
from abn.images import samples
from abn.images.display_name import display_name
from abn.images.zip_files import LIMIT, Refused, unpack
from abn.plots import numbers
from abn.ui.ablation import words
from abn.ui.ablation.batch import Batch, BatchImage
from abn.ui.components.strip import make_thumbnail
from abn.ui.controls import image_picker, selection, uploads
from abn.ui.elements import IN_SESSION, choose
from abn.ui.layout import escape_markdown, fragment
from abn.ui.runtime import jobs, models
from abn.ui.runtime.turns import page_turn
from abn.ui.state import state
from abn.variants.card import Card

if TYPE_CHECKING:  # it imports torch
    from abn.explanations.disagreement import ImageDisagreement

FILE_MB = 100  # of one file, which may be a zip
FILES_BYTES = 100_000_000  # of a session's files together, as they were given
JOB = "disagreements"
HEADS, VARIANTS, MECHANISM = ORDERS = ("heads disagree", "variants disagree", "mechanism changes the prediction")
PER_STEP = 12  # more images at each press


def show_batch(cards: Sequence[Card], fit: str) -> None:
    """The whole section. To be called last on a page, as the job runs here; not within a fragment, because a button in
    a fragment can't stop it."""
    source = choose(words.BATCH_SOURCE, words.SOURCES, "batch_source", **IN_SESSION)
    batch = _choose_files() if source == words.OWN else _gallery_batch()
    if source == words.OWN and not batch.images and not batch.refused:
        st.info(words.NO_FILES.format(limit=LIMIT), icon=":material/arrow_upward:")
        return
    untrained = selection.trained_on_other_kind(cards, "photograph")
    if source == words.GALLERY and untrained:
        st.caption(escape_markdown(words.OTHER_KIND.format(titles=numbers.in_quotes(card.title for card in untrained))))
    pieces = _create_pieces(batch.images, cards, fit)
    st.caption(words.BATCH_HELP)
    job = jobs.control(JOB, pieces, words.RUN, icon=":material/play_arrow:")
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
        jobs.Piece(
            (image.sha256, variants, fit),
            words.PIECE.format(number=number, count=len(images)),
            partial(compare, image=image),
        )
        for number, image in enumerate(images, 1)
    ]


@fragment  # so that another order draws the results alone and not the whole page
def _show_results(results: Sequence["ImageDisagreement | Refused"], batch: Batch, titles: dict[str, str]) -> None:
    refused = [*batch.refused, *(result for result in results if isinstance(result, Refused))]
    compared = [result for result in results if not isinstance(result, Refused)]
    if compared:
        _show_rows(compared, {image.sha256: image for image in batch.images}, titles)
    else:
        st.info(words.ALL_REFUSED, icon=":material/arrow_upward:")
    if refused:
        with st.expander(words.REFUSED, icon=":material/broken_image:"):
            lines = [f"- **{escape_markdown(name)}**: {escape_markdown(reason)}" for name, reason in refused]
            st.markdown("\n".join(lines))


@functools.cache
def _gallery_batch() -> Batch:
    """The gallery's photos, without the clothing."""
    photos = [photo for photo in samples.gallery().values() if photo.kind == "photograph"]
    return Batch(tuple(BatchImage(photo.title, photo.path.read_bytes(), photo) for photo in photos))


def _choose_files() -> Batch:
    """The uploader, the images that the session holds already, and what came by this uploader, also after the page was
    left. Like the other uploader it takes any file: decoding decides."""
    held = list(state.uploads.values())
    if held:
        st.caption(words.FROM_SESSION.format(photos=words.photos(len(held))))
    chosen = st.file_uploader(
        words.UPLOADER,
        accept_multiple_files=True,
        key="batch_files",
        on_change=_receive,
        max_upload_size=FILE_MB,
        help=words.UPLOADER_HELP.format(limit=LIMIT),
    )
    batch = state.batch or Batch()
    if batch.images and not chosen:
        label = words.REMOVE.format(count=words.photos(len(batch.images)))
        st.button(label, icon=":material/delete:", key="batch_remove", on_click=_receive)
    for name in batch.too_large:
        sentence = words.TOO_LARGE.format(name=name, megabytes=FILES_BYTES // 10**6)
        st.error(escape_markdown(sentence), icon=":material/block:")
    return batch.with_uploads(held)


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
    refused = unpacked.refused
    try:
        state.uploads.hold_batch(sum(len(image.data) for image in images))
    except PictureError as error:
        refused = (*refused, *(Refused(image.name, str(error)) for image in images))
        images = ()
    state.batch = Batch(images, refused, tuple(too_large[:5]))


# ---- its images, those with the largest disagreement first, each with what every variant predicts ----


def _show_rows(rows: Sequence["ImageDisagreement"], images: dict[str, BatchImage], titles: dict[str, str]) -> None:
    """At least one row, in the order that a person chooses; `images` are the batch's by sha256, `titles` the variants'
    by id."""
    from abn.explanations import disagreement

    heads, variants, mechanisms = (sum(not disagreement.ORDERS[order](row)[0] for row in rows) for order in ORDERS)
    comparable = any(row.js_divergence is not None for row in rows)
    parts = [
        words.HEADS_DISAGREE.format(count=heads),
        *([words.VARIANTS_DISAGREE.format(count=variants)] if comparable else []),
        words.MECHANISM_FLIPS.format(count=mechanisms),
    ]
    st.markdown(words.SUMMARY.format(count=len(rows), parts=", ".join(parts)))
    order = choose(words.ORDER, ORDERS, "batch_order", help=words.ORDER_HELP, **IN_SESSION)
    if order == VARIANTS and not comparable:
        st.caption(words.NOT_COMPARABLE)
    if order == MECHANISM:
        st.caption(words.SWAP_LIMITS)
    shown = sorted(rows, key=disagreement.ORDERS[order])[: state.batch_shown]
    for k in range(0, len(shown), 2):
        for column, (place, row) in enumerate(zip(st.columns(2), shown[k : k + 2], strict=False)):
            with place, st.container(border=True):
                _show_row(row, images[row.sha256], titles, key=f"batch-open-{k + column}")
    rest = min(len(rows) - len(shown), PER_STEP)
    if rest:
        show_more = partial(setattr, state, "batch_shown", state.batch_shown + PER_STEP)
        label = words.SHOW_MORE.format(count=rest)
        st.button(label, key="batch_more", icon=":material/expand_more:", on_click=show_more)


def _show_row(result: "ImageDisagreement", image: BatchImage, titles: dict[str, str], *, key: str) -> None:
    is_open = state.photo == image.key
    with st.container(horizontal=True, vertical_alignment="center", wrap=False):
        alt = image.photo.alt if image.photo else words.UPLOAD_ALT.format(name=result.name)
        st.image(result.thumbnail, width=104, alt=alt)
        st.markdown(f"**{escape_markdown(result.name)}**  \n{_badges(result)}", width="stretch")
    alt = words.PREDICTIONS_ALT.format(name=result.name)
    st.table(_predictions(result, titles), border="horizontal", hide_index=True, alt=alt)
    with st.container(horizontal=True, vertical_alignment="center", wrap=False):
        st.caption(_figures(result), width="stretch")
        pressed = st.button(
            words.OPENED if is_open else words.OPEN,
            key=key,
            icon=":material/check:" if is_open else ":material/open_in_full:",
            disabled=is_open,
            help=words.OPEN_HELP,
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
    applies = {
        "heads": result.heads_disagree,
        "variants": result.variants_disagree,
        "mechanism": result.changes_prediction,
    }
    return " ".join(badge for name, badge in words.BADGES.items() if applies[name]) or words.ALL_AGREE


def _figures(result: "ImageDisagreement") -> str:
    """The largest disagreement between heads, variants and mechanisms."""
    predictions = result.predictions
    change = max((prediction.change for prediction in predictions), key=abs)
    margin = max(prediction.margin for prediction in predictions)
    parts = [
        words.FIGURE_HEADS.format(bits=max(prediction.js_divergence for prediction in predictions)),
        *([] if result.js_divergence is None else [words.FIGURE_VARIANTS.format(bits=result.js_divergence)]),
        words.FIGURE_CHANGE.format(change=numbers.points(change)),
        *([words.FIGURE_MARGIN.format(margin=numbers.fixed(100 * margin, 1))] if margin else []),
    ]
    return (words.FIGURE_MAXIMUM if len(predictions) > 1 else "") + ", ".join(parts)


def _predictions(result: "ImageDisagreement", titles: dict[str, str]) -> list[dict[str, str]]:
    """A variant in each row; bold where a head or a mechanism predicts another class than the variant."""
    rows = []
    for prediction in result.predictions:
        swapped = [
            words.SWAPPED.format(mechanism=name, prediction=_class(prediction.mechanisms[name]))
            for name in prediction.changes_prediction
        ]
        auxiliary = _class(prediction.auxiliary)
        cells = (
            escape_markdown(titles[prediction.variant]),
            auxiliary if prediction.heads_agree else f"**{auxiliary}**",
            _class(prediction.perception),
            ", ".join(swapped) or words.UNCHANGED,
        )
        rows.append(dict(zip(words.COLUMNS, cells, strict=True)))
    return rows


def _class(top: Prediction) -> str:
    probability = numbers.percent(top.probability).replace(" ", "&nbsp;")
    return f"{escape_markdown(numbers.short_label(top.label))} {probability}"
