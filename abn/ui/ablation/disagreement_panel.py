"""Many pictures at once: a person chooses them, and waits or stops; `survey_rows` shows where answers part."""

import functools
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from abn.errors import ABNError
from abn.images import samples
from abn.images.archive import LIMIT, Refused, UnpackedFiles, unpack
from abn.images.display_name import display_name
from abn.ui.ablation import disagreement_rows
from abn.ui.ablation.disagreement_rows import AT_FIRST, Row, count
from abn.ui.components.strip import thumbnail
from abn.ui.controls import image_picker, selection, uploads
from abn.ui.layout import escape_markdown
from abn.ui.runtime import jobs, loading, models
from abn.ui.runtime.engine import get_engine
from abn.ui.state import state
from abn.variants.card import Card

if TYPE_CHECKING:  # it imports torch
    from abn.explanations.disagreement import ImageDisagreement

log = logging.getLogger(__name__)

GALLERY, OWN = "The gallery", "Your own pictures"
KINDS = "png jpg jpeg webp gif bmp tif tiff zip".split()
ROUNDS = 4  # outcomes that a session keeps
FILE_MB = 100  # of one file, which may be a zip
FILES_BYTES = 100_000_000  # of a session's files together, as they were given

Question = tuple[tuple[str, ...], tuple[tuple[str, str], ...], str]  # sha256 of the files, variants and theirs, fit


@dataclass(frozen=True)
class Given:
    """A person's own file: a picture, or a zip."""

    name: str
    data: bytes
    sha256: str


@dataclass
class Round:
    """The outcome for one question, as far as it has come."""

    of: int = 0  # pictures to go through
    found: "list[ImageDisagreement]" = field(default_factory=list)
    unread: list[Refused] = field(default_factory=list)  # pictures that turned out to be unreadable
    left_out: tuple[Refused, ...] = ()  # files that were none
    going: bool = True
    trouble: str = ""  # the sentence that it ended with
    shown: int = AT_FIRST

    @property
    def done(self) -> int:
        return len(self.found) + len(self.unread)

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do."""
        return not self.trouble and self.done == self.of and bool(self.of or self.left_out)

    def stop(self) -> None:
        self.going = False

    def more(self) -> None:
        self.shown += AT_FIRST


def show(cards: Sequence[Card], fit: str) -> None:
    """The whole section, for the variants that the page has chosen. To be called last, and not within a fragment: what
    is pressed in a fragment can't stop what goes on there."""
    st.caption(
        "Go through many pictures at once. First come those on which a network's two heads name different things, on "
        "which the networks differ, or on which the mechanism decides: the same weights, with the map applied as "
        "additive, multiplicative or not at all."
    )
    source = st.segmented_control(
        "Pictures to go through", (GALLERY, OWN), default=GALLERY, required=True, key="survey_source",
        persist_state="session",
    )  # fmt: skip
    given = _own_files() if source == OWN else ()
    if source == OWN and not given:
        st.info(f"Choose up to {LIMIT} pictures, or a zip of them.", icon=":material/arrow_upward:")
        return
    if not cards:
        st.info("Choose at least one network to ask.", icon=":material/arrow_upward:")
        return
    if not get_engine().ready:
        loading.show_status()
        return
    broken = models.find_broken(cards)
    for sentence in broken.values():
        st.warning(escape_markdown(sentence), icon=":material/warning:")
    sound = [card for card in cards if card.id not in broken]
    if not sound:
        return
    if source == GALLERY and selection.trained_on_other_kind(sound, "photograph"):
        titles = ", ".join(card.title for card in selection.trained_on_other_kind(sound, "photograph"))
        st.caption(escape_markdown(f"Never learned photographs, so what it says of these means little: {titles}."))
    files = tuple(one.sha256 for one in given) if source == OWN else tuple(_gallery())
    one = _round((files, tuple((card.id, card.sha256) for card in sound), fit), given, sound)
    if one is not None and not one.going:
        _outcome(one, {card.id: card.title for card in sound}, given)


@st.fragment  # so that another order draws the outcome alone and not the whole page
def _outcome(one: Round, titles: dict[str, str], given: Sequence[Given]) -> None:
    """Pictures in the order asked for, and the files that are not among them."""
    if one.found:
        disagreement_rows.show([_as_row(found, given) for found in one.found], titles, shown=one.shown, more=one.more)
    elif one.done or one.left_out:
        st.info("None of these files is a picture that can be read: choose others.", icon=":material/arrow_upward:")
    refused = [*one.left_out, *one.unread]
    if refused:
        with st.expander("Files that were left out", icon=":material/broken_image:"):
            st.markdown(
                "\n".join(f"- **{escape_markdown(name)}**: {escape_markdown(sentence)}" for name, sentence in refused)
            )


def _as_row(found: "ImageDisagreement", given: Sequence[Given]) -> Row:
    if given:
        key, pick = f"upload-{found.sha256}", partial(_adopt, found.sha256, given)
        return Row(found, found.name, f"Your picture {found.name}", key, pick)
    photo = _gallery()[found.sha256]
    return Row(found, photo.title, photo.alt, photo.id, partial(image_picker.choose_photo, photo.id))


def _adopt(sha256: str, given: Sequence[Given]) -> None:
    for name, data in _pictures(given).pictures:
        if hashlib.sha256(data).hexdigest() == sha256:
            uploads.adopt_picture(name, data)


# ---- a person's own files ----


def _own_files() -> tuple[Given, ...]:
    """The uploader, and what this session holds of it; also after the page was left."""
    here = st.file_uploader(
        "Choose pictures, or a zip of them",
        type=KINDS,
        accept_multiple_files=True,
        key="survey_files",
        on_change=_receive,
        max_upload_size=FILE_MB,
        help=f"Up to {LIMIT} pictures. They stay in this session, and are gone when you close the page.",
    )
    held = state.survey_held
    if held and not here:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{count(len(held), 'file')} of yours still here; others take their place.", width="content")
            st.button("Remove them", icon=":material/delete:", key="survey_remove", on_click=_receive)
    for name in state.survey_too_large:
        st.error(
            f"{escape_markdown(name)}: {escape_markdown(f'These files are more than {FILES_BYTES // 10**6} MB together: choose fewer.')}",
            icon=":material/block:",
        )
    return held


def _receive() -> None:
    """Hold what the uploader holds now, as far as a session may."""
    held, too_large, size = [], [], 0
    for file in uploads.uploaded_files("survey_files"):
        data = file.getvalue()
        if size + len(data) > FILES_BYTES:
            too_large.append(display_name(file.name, "file"))
            continue
        size += len(data)
        held.append(Given(file.name, data, hashlib.sha256(data).hexdigest()))
    state.survey_held, state.survey_too_large = tuple(held), too_large[:5]


@functools.cache
def _gallery() -> dict[str, samples.Photo]:
    """The gallery's photographs, without those made for networks that learned something else."""
    return {sha256: photo for sha256, photo in samples.gallery_by_sha256().items() if photo.kind == "photograph"}


def _pictures(given: Sequence[Given]) -> UnpackedFiles:
    """What is to be gone through: the pictures of these files, or of the gallery where there are none."""
    if given:
        return unpack([(one.name, one.data) for one in given])
    return UnpackedFiles(tuple((photo.title, photo.path.read_bytes()) for photo in _gallery().values()), ())


# ---- going through them ----


def _round(question: Question, given: Sequence[Given], cards: Sequence[Card]) -> Round | None:
    """The outcome for this question, or the button that begins it; what goes on is gone on with here."""
    rounds = state.survey_rounds
    one, place = rounds.get(question), st.empty()
    for other in rounds.values():
        if other is not one:
            other.stop()
    if one is not None and one.going:
        _go(one, place, given, cards, fit=question[2])
    if one is not None and one.ended:
        return one
    with place.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Go through them" if one is None else "Try again" if one.trouble else "Go on",
            key="survey_go",
            type="primary",
            icon=":material/play_arrow:",
            on_click=_begin,
            args=(question,),
        )
        if one is not None and one.trouble:
            st.error(escape_markdown(one.trouble), icon=":material/error:")
        elif one is not None:
            st.markdown(f"Stopped after {one.done} of {count(one.of, 'picture')}." if one.of else "Stopped.")
        elif any(files == question[0] for files, *_ in rounds):
            st.info("What was found before is for other variants, or another fit: go through them again.")
    return one


def _begin(question: Question) -> None:
    rounds = state.survey_rounds
    one = rounds.pop(question, None) or Round()
    one.going, one.trouble = True, ""
    rounds[question] = one  # the latest is the last
    for old in list(rounds)[:-ROUNDS]:
        del rounds[old]


def _go(one: Round, place: DeltaGenerator, given: Sequence[Given], cards: Sequence[Card], *, fit: str) -> None:
    """Look at one picture after the other, each in a turn of its own so that others get theirs. Whatever a person
    presses meanwhile draws the section anew, and this goes on where it was; "Stop" ends it."""
    from abn.explanations.disagreement import find_disagreements

    with place.container(horizontal=True, vertical_alignment="center"):
        st.button("Stop", key="survey_stop", icon=":material/stop_circle:", on_click=one.stop)  # first: it never moves
        bar = st.progress(0.0, "Opening the files …")
    try:
        bundle = jobs.run_in_background(
            partial(_pictures, given), lambda seconds: bar.progress(0.0, "Opening the files …")
        )
        one.of, one.left_out = len(bundle.pictures), bundle.refused
        networks = {card.id: models.load_network(card) for card in cards}
        looked = find_disagreements(
            bundle.pictures[one.done :], cards, fit=fit, load=lambda card: networks[card.id], keep=thumbnail
        )

        def tell(seconds: float = 0.0) -> None:
            bar.progress(one.done / one.of, f"Picture {one.done + 1} of {one.of}")

        while one.done < one.of:
            tell()
            told = jobs.run_in_background(partial(next, looked), tell)
            (one.unread if isinstance(told, Refused) else one.found).append(told)
    except ABNError as error:
        one.trouble = str(error)
    except Exception:  # not what Streamlit raises when a person presses something: then it goes on
        log.exception("the pictures could not be gone through")
        one.trouble = "Something went wrong here; the server's log says what."
    one.stop()
    place.empty()
