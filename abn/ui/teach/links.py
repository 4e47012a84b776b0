"""Links that open a page with chosen content: picture, variants, mechanism, step, set, and hidden controls."""

from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from abn.images import samples
from abn.images.fit import FITS
from abn.teaching.lessons import STEPS
from abn.ui.controls import selection
from abn.ui.layout import PAGES, escape_markdown
from abn.ui.runtime import models
from abn.vocabulary import AS_TRAINED

WITH_PICTURE = ("app.py", "pages/Inside.py", "pages/Ablation.py", "pages/Intervene.py", "pages/Measure.py")
LESSON, EXERCISES = "pages/Learn.py", "pages/Exercises.py"


def make_link(base: str, page: str, **parameters: str) -> str:
    """The address of a page beside the one at `base`, with its query parameters; empty ones are left out."""
    scheme, host, base_path, *_ = urlsplit(base)
    folder = base_path.rpartition("/")[0]  # a server may serve the app below a path
    path = f"{folder}/" if page == "app.py" else f"{folder}/{page.removeprefix('pages/').removesuffix('.py')}"
    query = urlencode({name: value for name, value in parameters.items() if value}, safe=",")
    return urlunsplit((scheme, host, path, query, ""))


def show_link_builder() -> None:
    """Choose a page and its content; the link to copy."""
    left, right = st.columns(2, gap="large")
    with left:
        pages = [*WITH_PICTURE, LESSON, EXERCISES, "pages/Study.py"]
        page = st.selectbox("Page", pages, format_func=lambda key: PAGES[key][0], key="link_page")
        parameters: dict[str, str] = {}
        if page == LESSON:
            step = st.selectbox(
                "Step", range(1, len(STEPS) + 1), format_func=lambda n: f"{n}. {STEPS[n - 1].title}", key="link_step"
            )
            parameters["step"] = str(step) if step > 1 else ""
        elif page == EXERCISES:
            parameters["set"] = str(st.number_input("Set", 1, 9999, 1, key="link_set"))
        elif page in WITH_PICTURE:
            parameters = _choose_content(page, right)
    with right:
        address = make_link(st.context.url or "http://localhost:8501", page, **parameters)
        st.markdown("**The link**")
        st.code(address, language=None, wrap_lines=True)
        st.link_button("Open it", address, icon=":material/open_in_new:")
        if urlsplit(address).hostname in ("localhost", "127.0.0.1", "::1"):
            st.info(
                "This address is of this computer alone. For a class, start the app with `--server.address=0.0.0.0`, "
                "open it yourself by the address that the others will use, and make the link there.",
                icon=":material/lan:",
            )
        st.caption(
            "Who opens it sees this, whatever they looked at before. What a link names and this app doesn't have falls "
            "back to what the page shows by itself. Pictures of one's own never enter a link."
        )


def _choose_content(page: str, notes: DeltaGenerator) -> dict[str, str]:
    """The query parameters of a page about a picture, without its defaults; where the link will show other variants
    than those chosen, `notes` gets a sentence."""
    photos, cards = samples.gallery(), models.list_cards()
    photo = st.selectbox("Picture", list(photos), format_func=lambda key: photos[key].title, key="link_photo")
    by_id = {card.id: card for card in cards if not card.id.startswith("own")}
    default = selection.default_variants(cards)
    variants = st.multiselect(
        "Variants",
        list(by_id),
        default,
        format_func=lambda key: by_id[key].title,
        max_selections=selection.MAX_VARIANTS,
        key="link_variants",
    )
    mechanism, same_weights = AS_TRAINED, False
    if page == "app.py":
        mechanism = st.selectbox("Mechanism", selection.MECHANISM_OPTIONS, key="link_mechanism")
        same_weights = st.toggle("Same weights", disabled=mechanism == AS_TRAINED, key="link_same")
        applied = selection.apply_mechanism([by_id[key] for key in variants], mechanism, same_weights)
        if [card.id for card in applied.cards] != variants:
            shown = ", ".join(card.title for card in applied.cards) or "nothing"
            notes.caption(
                f":orange-badge[The page will show: {escape_markdown(shown)}] {escape_markdown(applied.note)}"
            )
    fit = st.selectbox("Fit to the input", FITS, key="link_fit")
    hide = st.toggle("Hide the controls", key="link_hide", help="They can be shown again by one button.")
    return {
        "photo": "" if photo == next(iter(photos)) else photo,
        "variants": "" if variants == default else ",".join(variants),
        "mechanism": "" if mechanism == AS_TRAINED else mechanism,
        "same_weights": "true" if same_weights and mechanism != AS_TRAINED else "",
        "fit": "" if fit == FITS[0] else fit,
        "hide": "controls" if hide else "",
    }
