"""How students find a room: its code, the link and the QR code."""

import base64
import html
from urllib.parse import urlsplit

import streamlit as st

from abn.teaching.qr_code import qr_svg
from abn.ui.for_teachers.links import base_address, is_local, make_link
from abn.ui.live_class import rooms, words

LARGE, SMALL = 480, 160  # pixels of the QR code


def student_link(code: str) -> str:
    """The address that opens the room as a student."""
    return make_link(base_address(), rooms.PAGE, room=code)


def short_address() -> str:
    """The address of the page without its scheme, to be typed."""
    parts = urlsplit(make_link(base_address(), rooms.PAGE))
    return f"{parts.netloc}{parts.path}"


def show_large(code: str) -> None:
    """Code, address and QR code, for the projector."""
    address = html.escape(short_address())
    local = f'<p class="room-local">{words.LOCAL}</p>' if is_local(base_address()) else ""
    st.html(
        f'<div class="room-invitation">{_code_image(code, LARGE)}<div><p>{words.JOIN_AT.format(address=address)}</p>'
        f'<p class="room-code" aria-label="{words.CODE_LABEL}">{code}</p>{local}</div></div>'
    )


def show_small(code: str) -> None:
    """The same beside the teacher's controls, with the link to copy."""
    st.html(
        f'<div class="room-invitation room-small">{_code_image(code, SMALL)}'
        f'<p class="room-code" aria-label="{words.CODE_LABEL}">{code}</p></div>'
    )
    st.code(student_link(code), language=None, wrap_lines=True)


def _code_image(code: str, pixels: int) -> str:
    address = student_link(code)
    data = base64.b64encode(qr_svg(address, pixels).encode()).decode()
    label = html.escape(words.QR_LABEL.format(address=address))
    return f'<img src="data:image/svg+xml;base64,{data}" alt="{label}" width="{pixels}">'
