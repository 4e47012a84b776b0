"""What people give: it stays in memory, though the server below Streamlit would put files of more than 1 MB on disk
meanwhile; and where the server was started anew, a page still lists files that have gone with the old one.
"""

import streamlit as st
from starlette.formparsers import MultiPartParser

LOST = (
    "The server was started anew, and pictures that were here have gone with it: take them out of the list where you "
    "chose them, and bring them again."
)


def never_on_disk() -> None:
    """Have files of any size that is accepted received in memory."""
    MultiPartParser.spool_max_size = (st.get_option("server.maxUploadSize") + 1) * 2**20


def given(key: str) -> list:
    """The files that an uploader or a camera holds, as far as the server has them."""
    return [file for file in _listed(key) if hasattr(file, "getvalue")]


def lost(key: str) -> bool:
    """Whether the page lists a file that the server has not."""
    return len(given(key)) < len(_listed(key))


def _listed(key: str) -> list:
    held = st.session_state.get(key) or []
    return held if isinstance(held, list) else [held]  # one that has gone is a tuple
