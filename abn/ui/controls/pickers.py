"""What a person picks with: the picture, the variants, the mechanism and how maps are drawn.

The address bar holds these choices for the gallery's photographs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
from PIL import Image, ImageOps

from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.images.fit import FITS
from abn.plots.color_maps import COLOR_MAPS, DEFAULT_COLORS
from abn.plots.overlay import MARKS
from abn.ui import url
from abn.ui.components.strip import Thumbnail, strip, thumbnail
from abn.ui.controls import selection
from abn.ui.controls.lazy_picture import LazyPicture
from abn.ui.controls.uploads import held, refused
from abn.ui.layout import escape_markdown
from abn.ui.state import state
from abn.variants.card import NOTHING, Card
from abn.variants.own import is_own
from abn.vocabulary import AS_TRAINED

DISPLAY = 640  # pixels: the longest side of a picture as it is shown
SCALES = {"raw 0–1": "raw", "min–max per map": "each", "shared by the variants": "shared"}
CELLS = ("smooth", "raw grid")
LEARNED = {  # by the kind of a card
    "clothing": "Learned on items of clothing, gray on black",
    "photograph": "Learned on photographs",
    NOTHING: "Random weights, nothing learned yet",
}


@dataclass(frozen=True)
class Chosen:
    """The picture that the page is about."""

    picture: Picture
    display: Image.Image  # the same, no larger than a screen shows it
    title: str
    alt: str
    credit: str = ""  # author and license as Markdown; empty for a person's own
    source: str = ""  # where it was taken from
    kind: str = "photograph"  # as samples.Photo has it


@dataclass(frozen=True)
class View:
    """How all maps are drawn."""

    opacity: float
    colors: str
    scale: str  # one of render.SCALES
    smooth: bool
    top: int = 0  # percent of the cells that are marked as the brightest; 0: none
    mark: str = MARKS[0]  # how, one of render.MARKS


def picture() -> Chosen:
    """The strip of photographs and uploads, and the picture chosen in it."""
    gallery, uploads = samples.gallery(), held()
    chosen = state.photo or st.query_params.get("photo", "")
    state.photo = chosen = chosen if chosen in gallery or chosen in uploads else next(iter(gallery))
    items = [Thumbnail(key, upload.name, upload.thumbnail) for key, upload in reversed(uploads.items())]
    if not url.controls_hidden():
        strip([*items, *_gallery_thumbnails()], chosen, label="Photographs", key="strip", on_pick=choose_photo)
    for name, sentence in refused():
        st.error(f"{escape_markdown(name)}: {escape_markdown(sentence)}", icon=":material/broken_image:")
    url.sync_query_param("photo", chosen if chosen in gallery and chosen != next(iter(gallery)) else "", "")
    if state.opened is None or state.opened[0] != chosen:
        state.opened = (chosen, opened(chosen))
    return state.opened[1]


def variants(cards: Sequence[Card]) -> list[Card]:
    """One to four variants to compare."""
    by_id, titles = {card.id: card for card in cards}, [card.title for card in cards]
    if state.variants_visit != state.visit:
        state.variants_visit = state.visit
        if state.variants_before:  # Streamlit lets go of what nobody touched, unless it is said anew
            state.variant_ids = state.variant_ids or state.variants_before
    chosen = state.variant_ids
    if chosen is None or not by_id.keys() >= set(chosen):  # the first run, or a card has gone since
        named = st.query_params.get("variants", "") if chosen is None else ",".join(chosen)
        state.variant_ids = selection.known_variants(named, cards)
    if url.controls_hidden():
        picked = state.variant_ids
    else:
        with st.popover("Variants", icon=":material/view_column:"):
            picked = st.multiselect(
                "Networks side by side",
                list(by_id),
                format_func=lambda key: by_id[key].title if titles.count(by_id[key].title) == 1 else key,
                max_selections=selection.MOST,
                key="variant_ids",
                persist_state="session",
                help="One to four trained networks. Those of one family share one architecture and differ in how the "
                "attention map was applied while they were trained.",
            )
    shipped = [key for key in picked if not is_own(key)]  # an own variant is nobody else's business
    url.sync_query_param("variants", "" if shipped == selection.default_variants(cards) else ",".join(shipped), "")
    state.variants_before = picked
    return [by_id[key] for key in picked]


def mind_the_kind(chosen: Chosen, picked: Sequence[Card], cards: Sequence[Card]) -> None:
    """Where a network never learned this kind of picture: say so, and offer those that did."""
    strange = selection.strangers(picked, chosen.kind)
    if not strange:
        return
    told = [
        f"{LEARNED.get(kind, 'Learned on other pictures')}, so what it says of this picture means little: "
        f"{', '.join(card.title for card in strange if card.kind == kind)}."
        for kind in dict.fromkeys(card.kind for card in strange)
    ]
    knowing = selection.who_knows(cards, chosen.kind)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info("  \n".join(map(escape_markdown, told)), icon=":material/help:", width="stretch")
        if knowing:
            st.button("Show those that know it", on_click=_choose, args=(knowing,), icon=":material/swap_horiz:")


def mechanism() -> tuple[str, bool]:
    """The ablation toggle: the mechanism, and whether the weights stay."""
    chosen = url.shared_widget(
        st.segmented_control,
        "Mechanism",
        selection.MECHANISM_OPTIONS,
        key="mechanism",
        legal=selection.MECHANISM_OPTIONS,
        default=AS_TRAINED,
        required=True,
        help="How the attention map M reweighs the features g. Additive: (1 + M) · g. Multiplicative: M · g. "
        "None: g alone, the map is computed and not applied.",
    )
    same = url.shared_widget(
        st.toggle,
        "Same weights",
        key="same_weights",
        legal=(False, True),
        default=False,
        disabled=chosen == AS_TRAINED,
        help="Off: show the network that was trained with this mechanism. On: keep each network's weights and only "
        "swap the mechanism, an intervention that it was never trained for.",
    )
    return chosen or AS_TRAINED, same


def fit() -> str:
    """How the picture is fitted to the network's square input."""
    return url.shared_widget(
        st.segmented_control,
        "Fit to the input",
        FITS,
        key="fit",
        legal=FITS,
        default=FITS[0],
        required=True,
        help="Crop: the center, as the network is usually fed. Squash: all of it, out of proportion. "
        "Pad: all of it in proportion, on a plain ground.",
    )


def view() -> View:
    """How all maps are drawn, behind one button."""

    def one_of(label: str, options: Sequence[str], default: str, key: str, says: str | None = None) -> str:
        return url.shared_widget(
            st.segmented_control, label, options, key=key, legal=options, default=default, required=True, help=says
        )

    def percent(label: str, most: int, default: int, key: str, says: str | None = None) -> int:
        steps = range(0, most + 1, 5)
        return url.shared_widget(
            st.slider, label, 0, most, step=5, format="%d %%", key=key, legal=steps, default=default, help=says
        )

    with st.container() if url.controls_hidden() else st.popover("View", icon=":material/palette:"):
        opacity = percent("Opacity of the map", 100, 55, "opacity")
        colors = one_of(
            "Colors",
            list(COLOR_MAPS),
            DEFAULT_COLORS,
            "colors",
            "Inferno and viridis are uniform: equal steps of M look equally large. JET, which the paper uses, "
            "draws borders where there are none.",
        )
        scale = one_of(
            "Scale of the colors",
            list(SCALES),
            next(iter(SCALES)),
            "scale",
            "Raw shows M as it is. Min–max stretches each map to the whole color bar, so colors of different "
            "maps can't be compared; shared stretches all maps alike, so they can.",
        )
        cells = one_of(
            "Cells",
            CELLS,
            CELLS[0],
            "cells",
            "The map has few cells. Smooth blends between their centers; the raw grid shows them as they are.",
        )
        top = percent(
            "Mark the brightest",
            50,
            0,
            "top",
            "Which part of the picture the brightest cells make up: 0 marks nothing. The caption below each map says "
            "from which M on a cell belongs to it.",
        )
        mark = one_of("Mark it by", MARKS, MARKS[0], "mark")
    return View(opacity / 100, colors, SCALES[scale], cells == CELLS[0], top, mark)


def one_variant(cards: Sequence[Card]) -> Card:
    """Which of the variants a page looks into, where it looks into one at a time."""
    titles = {card.id: card.title for card in cards}
    if state.one_variant not in titles:
        named = st.query_params.get("variant", "")
        state.one_variant = named if named in titles else cards[0].id
    if len(cards) > 1:
        st.segmented_control(
            "Variant",
            list(titles),
            format_func=lambda key: escape_markdown(titles[key]),
            default=state.one_variant,  # on another page the widget is another one, and begins unset
            required=True,
            key="one_variant",
            persist_state="session",
            help="One of the variants that you chose above.",
        )
    chosen = next((card for card in cards if card.id == state.one_variant), cards[0])
    url.sync_query_param("variant", chosen.id if chosen is not cards[0] and not is_own(chosen.id) else "", "")
    return chosen


def _choose(variants: list[str]) -> None:
    state.variant_ids = variants


def choose_photo(photo: str) -> None:
    """Make a photograph of the gallery, or an upload, the picture of all pages."""
    state.photo = photo


def opened(chosen: str) -> Chosen:
    """A photograph of the gallery by its id, or an upload by its key."""
    upload, found = held().get(chosen), state.decoded
    state.decoded = None
    if upload is None:
        photo = samples.gallery()[chosen]
        found = open_picture(photo.path.read_bytes(), name=photo.file)
        credit, source = (
            f"{escape_markdown(photo.author)} · {escape_markdown(photo.license)}",
            escape_markdown(photo.source),
        )
        kept = LazyPicture(found, photo.path.read_bytes)
        return Chosen(kept, _display(found.image), photo.title, photo.alt, credit, source, photo.kind)
    if found is None or chosen != f"upload-{found.sha256}":
        found = open_picture(upload.data, name=upload.name)
    kept = LazyPicture(found, lambda: upload.data)
    return Chosen(kept, _display(found.image), found.name, f"Your picture {found.name}")


def _display(image: Image.Image) -> Image.Image:
    """No larger than a screen shows it; and large enough to be framed and drawn on."""
    if max(image.size) < DISPLAY // 4:
        times = DISPLAY // 2 // max(image.size)
        return image.resize((image.width * times, image.height * times), Image.Resampling.BICUBIC)
    if max(image.size) <= DISPLAY:
        return image
    coarse = image.reduce(max(1, max(image.size) // DISPLAY))  # many pixels at once
    return ImageOps.contain(coarse, (DISPLAY, DISPLAY), Image.Resampling.BILINEAR)


@st.cache_data(show_spinner=False, max_entries=1)
def _gallery_thumbnails() -> list[Thumbnail]:
    return [
        Thumbnail(key, photo.title, thumbnail(Image.open(photo.path).convert("RGB")))
        for key, photo in samples.gallery().items()
    ]
