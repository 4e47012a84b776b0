"""Links that open a page with chosen content, as an address and as a QR code."""

import base64
import html
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from abn.explanations.stages import STAGES
from abn.images import samples
from abn.images.fit import FITS
from abn.plots.color_maps import COLOR_MAPS, DEFAULT_COLORS
from abn.teaching.exercises import SETS
from abn.teaching.lessons import CLOSE, STEPS
from abn.teaching.qr_code import qr_svg
from abn.ui.controls import selection
from abn.ui.controls.view_settings import CELLS, SCALES
from abn.ui.for_teachers import papers, words
from abn.ui.inside.stage_panels import FIRST_STAGE
from abn.ui.layout import PAGES, escape_markdown
from abn.ui.runtime import models
from abn.ui.state import state
from abn.variants.own import is_own
from abn.vocabulary import AS_TRAINED

WITH_IMAGE = (
    "app.py",
    "pages/Inside.py",
    "pages/Ablation.py",
    "pages/Intervene.py",
    "pages/Teach_the_map.py",
    "pages/Measure.py",
)
LESSON, EXERCISES = "pages/Learn.py", "pages/Exercises.py"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
VIEW_DEFAULTS = {"colors": DEFAULT_COLORS, "scale": next(iter(SCALES)), "cells": CELLS[0], "opacity": 55, "top": 0}
SMALL = 208  # pixels of a QR code on the page
LARGE = 1000  # pixels of a QR code on a projector, at most: it is as high as the screen


def make_link(base: str, page: str, **parameters: str) -> str:
    """The address of a page beside the one at `base`, with its query parameters; empty ones are left out."""
    scheme, host, base_path, *_ = urlsplit(base)
    folder = base_path.rpartition("/")[0]  # a server may serve the app below a path
    path = f"{folder}/" if page == "app.py" else f"{folder}/{page.removeprefix('pages/').removesuffix('.py')}"
    query = urlencode({name: value for name, value in parameters.items() if value}, safe=",")
    return urlunsplit((scheme, host, path, query, ""))


def base_address() -> str:
    """The address by which this page was opened."""
    return st.context.url or "http://localhost:8501"


def show_link_builder() -> None:
    """Choose a page and its content; the link to copy, and its QR code."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        pages = [*WITH_IMAGE, LESSON, EXERCISES, "pages/Study.py"]
        page = st.selectbox(words.PAGE, pages, format_func=lambda key: PAGES[key][0], key="link_page")
        parameters: dict[str, str] = {}
        if page == LESSON:
            step = st.selectbox(words.STEP, range(1, CLOSE + 1), format_func=_name_step, key="link_step")
            parameters["step"] = str(step) if step > 1 else ""
        elif page == EXERCISES:
            seed = papers.chosen_set()
            number = st.number_input(words.SET, SETS[0], SETS[-1], seed, key=f"link_set-{seed}", help=words.SET_HELP)
            parameters["set"] = str(number)
        elif page in WITH_IMAGE:
            parameters = _choose_content(page, right)
    with right:
        _show_address(make_link(base_address(), page, **parameters))


def _name_step(number: int) -> str:
    if number == CLOSE:
        return words.CLOSE_OPTION
    return words.STEP_OPTION.format(number=number, title=STEPS[number - 1].title)


def _show_address(address: str) -> None:
    _show_code(address, SMALL)
    st.code(address, language=None, wrap_lines=True)
    with st.container(horizontal=True):
        st.button(
            words.SHOW_LARGE, icon=":material/fullscreen:", on_click=_open_large, args=(address,), key="link-large"
        )
        st.link_button(words.OPEN, address, icon=":material/open_in_new:")
    if state.link_shown == address:
        state.link_shown = ""
        _show_large(address)
    warn_if_local(address)
    st.caption(words.LINK_NOTE)


def is_local(address: str) -> bool:
    """Whether no other computer can open an address."""
    return urlsplit(address).hostname in LOCAL_HOSTS


def warn_if_local(address: str) -> None:
    """Say where no other computer can open an address."""
    if is_local(address):
        st.info(words.LOCAL, icon=":material/lan:")


def _open_large(address: str) -> None:
    state.link_shown = address


@st.dialog(words.DIALOG, width="large")
def _show_large(address: str) -> None:
    """The QR code and the address for a projector: as large as the screen allows, beside each other if it is wide."""
    with st.container(horizontal=True, vertical_alignment="center", key="link-on-projector"):
        _show_code(address, LARGE)
        st.html(f'<p class="teach-address">{html.escape(address)}</p>')


def _show_code(address: str, pixels: int) -> None:
    label, source = (
        html.escape(words.QR_LABEL.format(address=address)),
        base64.b64encode(qr_svg(address, pixels).encode()),
    )
    st.html(
        f'<img class="teach-code" src="data:image/svg+xml;base64,{source.decode()}" alt="{label}" width="{pixels}">'
    )


def _choose_content(page: str, notes: DeltaGenerator) -> dict[str, str]:
    """The query parameters of a page about an image, without its defaults; where the link will show other variants
    than those chosen, `notes` gets a sentence."""
    photos, cards = samples.gallery(), models.list_cards()
    photo = st.selectbox(words.IMAGE, list(photos), format_func=lambda key: photos[key].title, key="link_photo")
    by_id = {card.id: card for card in cards if not is_own(card.id)}
    default = selection.default_variants(cards)
    variants = st.multiselect(
        words.VARIANTS,
        list(by_id),
        default,
        format_func=lambda key: by_id[key].title,
        max_selections=selection.MAX_VARIANTS,
        key="link_variants",
    )
    mechanism, same_weights, stage = AS_TRAINED, False, FIRST_STAGE
    left, right = st.columns(2, gap="medium", vertical_alignment="bottom")
    fit = left.selectbox(words.FIT, FITS, key="link_fit")
    if page == "app.py":
        mechanism = right.selectbox(words.MECHANISM, selection.MECHANISM_OPTIONS, key="link_mechanism")
        same_weights = right.toggle(words.SAME_WEIGHTS, disabled=mechanism == AS_TRAINED, key="link_same")
        applied = selection.apply_mechanism([by_id[key] for key in variants], mechanism, same_weights)
        if [card.id for card in applied.cards] != variants:
            shown = escape_markdown(", ".join(card.title for card in applied.cards) or words.NO_VARIANT)
            notes.caption(words.SHOWS.format(shown=shown, note=escape_markdown(applied.note)))
    elif page == "pages/Inside.py":
        first = list(STAGES).index(FIRST_STAGE)
        stage = right.selectbox(words.STAGE, list(STAGES), index=first, key="link_stage", help=words.STAGE_HELP)
    view = _choose_view()
    hide = left.toggle(words.HIDE, key="link_hide", help=words.HIDE_HELP)
    return {
        "photo": "" if photo == next(iter(photos)) else photo,
        "variants": "" if variants == default else ",".join(variants),
        "mechanism": "" if mechanism == AS_TRAINED else mechanism,
        "same_weights": "true" if same_weights and mechanism != AS_TRAINED else "",
        "stage": "" if stage == FIRST_STAGE else stage,
        "fit": "" if fit == FITS[0] else fit,
        **{name: "" if value == VIEW_DEFAULTS[name] else str(value) for name, value in view.items()},
        "hide": "controls" if hide else "",
    }


def _choose_view() -> dict[str, str | int]:
    """How the maps are drawn, by the names that the address has."""
    with st.expander(words.VIEW, icon=":material/palette:"):
        left, middle, right = st.columns(3, gap="medium")
        return {
            "colors": left.selectbox(words.COLORS, list(COLOR_MAPS), key="link_colors"),
            "scale": middle.selectbox(words.SCALE, list(SCALES), key="link_scale"),
            "cells": right.selectbox(words.CELLS, CELLS, key="link_cells"),
            "opacity": left.slider(words.OPACITY, 0, 100, 55, 5, key="link_opacity"),
            "top": middle.slider(words.TOP, 0, 50, 0, 5, key="link_top"),
        }
