"""A person's own images: they live in the session's state alone; of the address bar only their number enters.

The uploader and the camera are ways in. While a page is open, an image that is taken out of them goes; on another page
both begin empty, and what they held stays with the session until it is removed.
"""

import hashlib
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, cast

import streamlit as st

from abn.errors import PictureError
from abn.images.decode import MAX_BYTES, open_picture
from abn.ui.components.strip import make_thumbnail
from abn.ui.controls import words
from abn.ui.controls.lazy_picture import LazyPicture
from abn.ui.controls.session_pictures import ADOPTED, Upload, Uploads
from abn.ui.layout import escape_markdown
from abn.ui.runtime.turns import page_turn
from abn.ui.state import state

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile


def show_refused() -> None:
    """What the last upload brought in vain, until a person closes it or goes to another page."""
    sentences = refused_files()
    if not sentences:
        return
    with st.container(horizontal=True, key="refused"):
        with st.container():
            for names, sentence in sentences:
                st.error(f"{escape_markdown(names)}: {escape_markdown(sentence)}", icon=":material/broken_image:")
        st.button(words.CLOSE, icon=":material/close:", on_click=state.refused.clear, key="close-refused")


def refused_files() -> list[tuple[str, str]]:
    """Each sentence on files that the last upload brought in vain, after their names: all of them, or three and how
    many more."""
    names: dict[str, list[str]] = {}
    for name, sentence in state.refused:
        names.setdefault(sentence, []).append(name)
    return [
        (", ".join(given) if len(given) <= 3 else _first_three(given), sentence) for sentence, given in names.items()
    ]


def _first_three(names: list[str]) -> str:
    return words.MORE_FILES.format(names=", ".join(names[:3]), count=len(names) - 3)


def uploaded_files(key: str) -> "list[UploadedFile]":
    """The files that an uploader or a camera holds, as far as the server has them."""
    return [cast("UploadedFile", file) for file in _listed_files(key) if isinstance(file, BytesIO)]


def are_files_lost() -> bool:
    """Whether the page lists images that were lost with a server that ran before."""
    keys = ("files", "camera") if state.camera_on else ("files",)
    return any(len(uploaded_files(key)) < len(_listed_files(key)) for key in keys)


def _listed_files(key: str) -> list:
    held = st.session_state.get(key) or []
    return held if isinstance(held, list) else [held]


def show_uploaders() -> None:
    """Upload and camera. On another visit than before they begin empty: what they held stays."""
    if state.uploads_visit != state.visit:
        state.uploads_visit = state.visit
        state.received = set()
        state.uploads.update({key: replace(upload, file=ADOPTED) for key, upload in state.uploads.items()})
    st.file_uploader(
        words.UPLOAD,
        accept_multiple_files=True,
        key="files",
        on_change=_receive,
        max_upload_size=MAX_BYTES // 10**6,
        help=words.UPLOAD_HELP,
    )
    if {file.file_id for file in uploaded_files("files")} - state.received:
        _receive()  # they came with the first run on a server that was started again, which tells of no change
        st.rerun()
    if st.toggle(
        words.CAMERA,
        key="camera_on",
        on_change=_receive,
        help=words.CAMERA_HELP,
    ):
        st.camera_input(words.TAKE_PHOTO, key="camera", on_change=_receive)
    stay = {key: upload for key, upload in state.uploads.items() if upload.file == ADOPTED}
    if stay:
        st.markdown(words.IN_SESSION)
    for key, upload in stay.items():
        st.button(
            words.REMOVE.format(name=escape_markdown(upload.picture.name)),
            icon=":material/delete:",
            key=f"remove-{key}",
            on_click=_remove,
            args=(key,),
        )


def _remove(key: str) -> None:
    state.uploads.pop(key, None)


def _receive() -> None:
    """Take in what the uploader and the camera hold now: good images become thumbnails, bad ones a sentence."""
    uploads = state.uploads
    camera = uploaded_files("camera") if state.camera_on else []
    files = [*uploaded_files("files"), *camera]
    present = {file.file_id for file in files}
    known = state.received
    for key in [key for key, upload in uploads.items() if upload.file in known - present]:
        del uploads[key]
    state.refused = []
    for file in files:
        if any(upload.file == file.file_id for upload in uploads.values()):
            continue
        try:
            key = _add(uploads, words.CAMERA_PHOTO if file in camera else file.name, file.getvalue(), file.file_id)
        except PictureError as error:
            if file.file_id not in known:  # else it was told when it came, and still is in the list
                state.refused.append((file.name[:80], str(error)))
        else:
            if file.file_id not in known:
                state.photo = key
    state.received = present


def adopt_picture(name: str, data: bytes) -> None:
    """Make an image that came some other way the image of all pages, beside the uploads of the session; where these
    are as many as it holds, those adopted earlier leave. Raises `PictureError`."""
    state.photo = _add(state.uploads, name, data, ADOPTED)


def _add(uploads: Uploads, name: str, data: bytes, file: str) -> str:
    """Open an image and hold it; returns its key. Raises `PictureError`."""
    key = f"upload-{hashlib.sha256(data).hexdigest()}"
    if file != ADOPTED or key not in uploads:
        uploads.make_room(len(data))
        with page_turn():  # many at once would take much memory
            picture = LazyPicture(open_picture(data, name=name), lambda: data)
        uploads[key] = Upload(picture, data, file, make_thumbnail(picture.image), next(uploads.numbers))
    return key
