"""The frame of every page: its title, the list of pages, and what is wrong with the variants."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas  # noqa: F401  whole before Plotly, in whatever session, finds it half imported by another thread
import streamlit as st
from PIL import Image

from abn.errors import ABNError
from abn.plots import class_bars
from abn.plots.color_maps import COLOR_MAPS, DEFAULT_COLORS
from abn.ui import url
from abn.ui.state import state
from abn.variants.store import find_problems

PAGES = {  # in the order of the list; the first is the first page
    "app.py": ("Compare", ":material/compare:"),
    "pages/Live.py": ("Live", ":material/videocam:"),
    "pages/Inside.py": ("Inside", ":material/account_tree:"),
    "pages/Ablation.py": ("Ablation", ":material/tune:"),
    "pages/Intervene.py": ("Intervene", ":material/brush:"),
    "pages/Measure.py": ("Measure", ":material/monitoring:"),
    "pages/Study.py": ("Study", ":material/science:"),
    "pages/Learn.py": ("Learn", ":material/school:"),
    "pages/Exercises.py": ("Exercises", ":material/quiz:"),
    "pages/Teach.py": ("Teach", ":material/co_present:"),
    "pages/Bring_your_own.py": ("Bring your own", ":material/upload_file:"),
}

BUSY = "The processor is busy: {others} before yours."
TEACH = "pages/Teach.py"

_GLOW = np.clip(1 - np.hypot(*np.mgrid[-1:1:64j, -1:1:64j]), 0, 1)
ICON = Image.fromarray(COLOR_MAPS[DEFAULT_COLORS][np.rint(255 * _GLOW).astype(int)])  # drawn: nothing is fetched

_STYLE = (Path(__file__).parent / "layout.css").read_text(encoding="utf-8")


def begin(title: str, line: str) -> None:
    """Draw the frame: to be called first by every page. `line` says in one sentence what the page is for."""
    st.set_page_config(page_title=f"{title} · ABN Explorer", page_icon=ICON, layout="wide")
    if state.page != title:  # widgets of another page begin anew, and some must know
        state.page, state.visit = title, state.visit + 1
    state.media_addresses = {}
    st.html(f"<style>{_STYLE}{class_bars.STYLE}</style>")
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="frame"):
        st.markdown(f"#### ABN Explorer · {title}", width="stretch")
        for path, (label, icon) in PAGES.items():
            if path != TEACH or not url.controls_hidden():  # its sheet holds the answers
                st.page_link(path, label=label, icon=icon)
    st.caption(line)
    state.queue_place = st.empty()
    for sentence in find_problems().values():
        st.warning(escape_markdown(sentence), icon=":material/warning:")


def show_queue_place(ahead: int) -> None:
    """Say at the top of the page that others compute first; 0 takes it away."""
    if ahead and state.queue_place:
        others = "one other computation is" if ahead == 1 else f"{ahead} other computations are"
        state.queue_place.info(BUSY.format(others=others), icon=":material/hourglass_top:")
    elif state.queue_place:
        state.queue_place.empty()


@contextmanager
def stop_page_on_error() -> Iterator[None]:
    """End the page with one sentence where something can't be computed."""
    try:
        yield
    except ABNError as error:
        st.error(escape_markdown(str(error)), icon=":material/error:")
        st.stop()


def escape_markdown(text: str) -> str:
    """Text that Markdown must not read, such as a file's name: every mark that could mean something is escaped."""
    return "".join("\\" + char if char in "\\`*_{}[]()<>#+-.!|~$:&" else char for char in " ".join(text.split()))
