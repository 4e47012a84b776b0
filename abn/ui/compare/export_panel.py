"""Keep what the page shows, and open what was kept: an export given back sets the page as it was, and its numbers are
compared with those that come out now.

A file is made only when somebody asks for it, beside the page. What is shown from store while the networks load has
fewer digits, so it can't be kept.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import PurePath

import streamlit as st

from abn.errors import ManifestError
from abn.explanations.explanation import Explanation
from abn.export import archive
from abn.export.figures import Drawing, Record, npy
from abn.export.html_report import report_page
from abn.export.manifest import MAX_BYTES, Manifest, read_manifest
from abn.export.reproduce import card_of, verdict
from abn.files import safe_stems
from abn.images import samples
from abn.ui.controls import selection, uploads
from abn.ui.controls.pickers import CELLS, SCALES, Chosen, View, choose_photo
from abn.ui.controls.uploads import held
from abn.ui.layout import escape_markdown
from abn.ui.runtime import models
from abn.ui.runtime.engine import background_turn, get_engine
from abn.ui.state import state
from abn.variants.card import Card
from abn.vocabulary import AS_TRAINED, TRAINED

PRIVATE = "Pictures are drawn anew from their pixels: no place, time or camera of a photograph is in these files."
BINARY = "application/octet-stream"


@dataclass(frozen=True)
class Opened:
    """An export that was given back."""

    manifest: Manifest | None  # None where it can't be read
    notes: tuple[str, ...]  # what is not as it was, a sentence each


def keep(shown: Sequence[tuple[Explanation, Card]], chosen: Chosen, view: View, mechanism: str) -> None:
    """The row of files to keep, and the way back; then what is to be said of an export that was opened."""
    record, alive, stem = _record(shown, chosen, view, mechanism), get_engine().ready, stem_of(chosen)
    button = partial(save_button, disabled=not alive)
    st.markdown("##### Keep this", help=PRIVATE)
    with st.container(horizontal=True, vertical_alignment="center"):
        button("Everything as zip", partial(archive.bundle, record), f"{stem}.zip", "application/zip", "folder_zip")
        button("Report (HTML)", partial(report_page, record), f"{stem}.html", "text/html", "article")
        button("Predictions (CSV)", partial(_predictions, record), f"{stem}.csv", "text/csv", "table")
        with st.popover("Maps", icon=":material/image:"):
            for place, (explanation, card) in enumerate(shown):
                name = f"{stem}--{archive.file_names(record.cards)[place]}"
                st.markdown(f"**{escape_markdown(card.title)}**")
                with st.container(horizontal=True):
                    button("Picture (PNG)", partial(archive.panel, record, place), f"{name}.png", "image/png", "image")
                    button("Raw map (npy)", partial(npy, explanation), f"{name}.npy", BINARY, "grid_on")
        with st.popover("Open an export", icon=":material/folder_open:"):
            st.file_uploader(
                "The zip of an export, or the manifest.json in it",
                type=["zip", "json"],
                key="export_file",
                on_change=_open,
                max_upload_size=MAX_BYTES // 10**6,
                help="Sets the picture, the variants and the view as they were, and compares the numbers.",
            )
            told = st.container()
    if not alive:
        st.caption("As soon as the networks are loaded, this can be kept.")
    with told:  # where a person looks who has just opened one
        _tell(record)


def stem_of(chosen: Chosen) -> str:
    """What the names of all files about a picture begin with."""
    return f"abn-{safe_stems([PurePath(chosen.picture.name).stem])[0]}"


def save_button(
    label: str, make: Callable[[], str | bytes], name: str, mime: str, icon: str, *, disabled: bool = False
) -> None:
    """A button that saves a file, which is made once somebody presses it."""
    st.download_button(
        label,
        partial(_in_turn, background_turn(), make),
        name,
        mime,
        key=f"keep-{name}",
        on_click="ignore",
        disabled=disabled,
        icon=f":material/{icon}:",
    )


def _record(shown: Sequence[tuple[Explanation, Card]], chosen: Chosen, view: View, mechanism: str) -> Record:
    key = state.photo
    photo = samples.gallery().get(key)
    return Record(
        chosen.picture,
        [explanation for explanation, _ in shown],
        [card for _, card in shown],
        mechanism,
        Drawing(view.opacity, view.colors, view.scale, view.smooth, view.top, view.mark),
        title=chosen.title,
        alt=chosen.alt,
        credit=f"{photo.author} · {photo.license} · {photo.source}" if photo else "",
        photo=photo.id if photo else None,
        date=date.today().isoformat(),
    )


def _in_turn(turns, make: Callable[[], str | bytes]) -> bytes:
    """What Streamlit calls in a thread of its own, once somebody presses the button."""
    with turns:
        made = make()
    return made.encode() if isinstance(made, str) else made


def _predictions(record: Record) -> bytes:
    return archive.predictions(record.explanations, record.cards).encode("utf-8-sig")


# ---- an export given back ----


def _open() -> None:
    """Set what an export says, before the page is drawn again; what is not here is told and stays as it is."""
    state.opened_export = None
    files = uploads.uploaded_files("export_file")
    if not files:
        return
    try:
        manifest = read_manifest(files[0].getvalue())
    except ManifestError as error:
        state.opened_export = Opened(None, (str(error),))
        return
    picture = _key(manifest)
    if picture:
        choose_photo(picture)
    notes = [*_choose_variants(manifest), *manifest.notes]
    swapped, drawing = manifest.mechanism != TRAINED, manifest.drawing
    st.session_state.update(
        fit=manifest.fit,
        mechanism=manifest.mechanism if swapped else AS_TRAINED,
        same_weights=swapped,
        opacity=5 * round(20 * drawing.opacity),
        colors=drawing.colors,
        scale=next(label for label, scale in SCALES.items() if scale == drawing.scale),
        cells=CELLS[0] if drawing.smooth else CELLS[1],
        top=5 * round(drawing.top / 5),
        mark=drawing.mark,
    )
    state.opened_export = Opened(manifest, tuple(notes))


def _key(manifest: Manifest) -> str | None:
    """The picture of an export among the session's own and the gallery's; None where it is in neither."""
    own = f"upload-{manifest.sha256}"
    if own in held():
        return own
    photo = samples.gallery().get(manifest.photo or "")
    same = photo and hashlib.sha256(photo.path.read_bytes()).hexdigest() == manifest.sha256
    return photo.id if same else None


def _choose_variants(manifest: Manifest) -> list[str]:
    """Choose the variants of an export as far as they are here; a sentence for each that isn't, or isn't the same."""
    cards, notes, ids = {card.id: card for card in models.list_cards()}, [], []
    for result in manifest.results:
        try:
            card_of(result, cards)
        except ManifestError as error:
            notes.append(str(error))
        if result.variant in cards:
            ids.append(result.variant)
    if len(ids) > selection.MOST:
        notes.append(f"The export has {len(ids)} variants; the first {selection.MOST} are shown.")
    if ids:
        state.variant_ids = list(dict.fromkeys(ids))[: selection.MOST]
    else:
        notes.append("None of its variants is here: those that were chosen stay.")
    return notes


def _tell(record: Record) -> None:
    """Whether the numbers are those of the export that was opened, while the page shows what it shows; and what is
    missing, while the uploader holds it."""
    opened: Opened | None = state.opened_export
    if opened is None:
        return
    manifest = opened.manifest
    if state.export_file:
        for sentence in opened.notes:
            st.warning(escape_markdown(sentence), icon=":material/warning:")
        if manifest and _key(manifest) is None:
            sentence = (
                f"The export is of the picture {manifest.name}, which isn't here: add its file under “Your pictures”, "
                "and the numbers are compared."
            )
            st.info(escape_markdown(sentence), icon=":material/add_photo_alternate:")
    if manifest and get_engine().ready and _asked(record) == _wanted(manifest):
        same, sentence = verdict(manifest, record.explanations)
        if same:
            st.success(escape_markdown(sentence), icon=":material/check:")
        else:
            st.warning(escape_markdown(sentence), icon=":material/difference:")


def _asked(record: Record) -> tuple:
    weights = tuple((card.id, card.sha256) for card in record.cards)
    return record.picture.sha256, record.fit, record.mechanism, weights


def _wanted(manifest: Manifest) -> tuple:
    weights = tuple((result.variant, result.weights) for result in manifest.results)
    return manifest.sha256, manifest.fit, manifest.mechanism, weights
