"""What people give stays in memory: the server below Streamlit would put files of more than 1 MB on disk meanwhile."""

import streamlit as st
from starlette.formparsers import MultiPartParser


def never_on_disk() -> None:
    """Have files of any size that is accepted received in memory."""
    MultiPartParser.spool_max_size = (st.get_option("server.maxUploadSize") + 1) * 2**20
