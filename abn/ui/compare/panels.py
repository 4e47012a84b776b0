"""Panels of Compare: the network's input, the columns of the variants, and the maps on the whole image."""

import html
from collections.abc import Sequence
from contextlib import nullcontext

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from abn.explanations.explanation import Explanation
from abn.export.figures import MapStyle
from abn.plots import class_bars
from abn.ui import maps, predictions
from abn.ui.compare import words
from abn.ui.components.media import media_url
from abn.ui.controls.image_picker import ChosenImage
from abn.ui.layout import escape_markdown
from abn.ui.maps import encode_once
from abn.variants.card import Card

Shown = Sequence[tuple[Explanation, Card]]
Limits = Sequence[tuple[float, float]]

NEARLY_ALL = 0.98  # of the image's area: the network input then shows the whole image


def create_columns(count: int, key: str = "compare") -> list:
    """Columns for the input and `count` variants; a single variant gets two, the second for its predictions. On a
    phone they stand in pairs. A column of Compare holds two containers, its heading and the rest: see compare.css."""
    with st.container(key=f"pairs-{key}"):
        return st.columns(max(count, 2) + 1, gap="medium")


def show_note(note: str) -> None:
    """What a choice leaves out."""
    if note:
        st.info(escape_markdown(note), icon=":material/school:")


def show_lessons(shown: Shown) -> None:
    """What variants made for a lesson teach; below the maps, so that predictions stay in sight."""
    for explanation, card in shown:
        if card.lesson:
            swapped = "" if explanation.applied == explanation.trained_with else f" {words.SEE_AS_TRAINED}"
            show_note(words.LESSON.format(title=card.title, lesson=card.lesson) + swapped)


def show_input(shown: Shown, chosen: ChosenImage, view: MapStyle, limits: Limits) -> None:
    """The input of the first variant, whose pixels these are; the color bar of all maps where they share one scale."""
    explanation, size = shown[0][0], shown[0][0].spec.size
    with st.container():
        st.markdown(f"##### {words.INPUT}")
        st.caption(words.INPUT_CAPTION.format(size=size, fit=words.FITS[explanation.fitted.fit]))
    with st.container():
        alt = words.INPUT_ALT.format(alt=chosen.alt)
        st.image(encode_once(explanation.fitted.image).data, width="stretch", alt=alt)
        if view.scale == "each":
            st.caption(words.OWN_SCALES)
        else:
            maps.show_color_bar(view.colors, *limits[0])
            st.caption(words.ONE_SCALE)
        maps.show_hint()
        captions = [words.CREDIT.format(credit=chosen.credit)] if chosen.credit else []
        captions += [escape_markdown(note) for note in chosen.picture.notes]
        for other, card in shown[1:]:
            if other.spec != explanation.spec:
                (h, w), title = other.attention.shape, escape_markdown(card.title)
                captions.append(words.OTHER_SIZE.format(title=title, size=other.spec.size, h=h, w=w))
        if captions:
            st.caption("\n\n".join(captions), help=chosen.source or None)


def show_variant(
    explanation: Explanation,
    card: Card,
    view: MapStyle,
    limits: tuple[float, float],
    beside: DeltaGenerator | None = None,
) -> None:
    """A column: the variant, its map and its predictions, or these `beside` it in another column, with more classes."""
    with st.container():
        predictions.show_heading(explanation, card)
    with st.container():
        maps.show_explanation(explanation, card, view, limits, bar=view.scale == "each")
        with beside.container() if beside else nullcontext():
            predictions.show_predictions(explanation)
            if beside:
                st.html(class_bars.legend())
                predictions.show_bars(explanation, card, len(class_bars.shared_classes(explanation)))


def show_help(explanation: Explanation, view: MapStyle) -> None:
    """How to read the page, in an expander; and in one line what a map is not."""
    h, w = explanation.attention.shape
    drawn = words.DRAWN_SMOOTH if view.smooth else words.DRAWN_AS_CELLS
    st.caption(words.LIMITS)
    with st.expander(words.HOW_TO_READ, icon=":material/help:"):
        st.markdown(words.HELP.format(h=h, w=w, cell=explanation.spec.size // w, drawn=drawn))


def show_top_classes(shown: Shown) -> None:
    """The most probable classes of both heads, variant beside variant, all with as many rows."""
    rows = max(len(class_bars.shared_classes(explanation)) for explanation, _ in shown)
    first, *columns = create_columns(len(shown), "bars")
    with first:
        st.html(class_bars.legend())
        st.caption(words.TOP_SCALE)
    for column, (explanation, card) in zip(columns, shown, strict=False):  # each below its map
        with column:
            st.caption(escape_markdown(card.title))
            predictions.show_bars(explanation, card, rows)


def show_whole_image(shown: Shown, chosen: ChosenImage, view: MapStyle, limits: Limits) -> None:
    """The maps at their place in the whole image; one sentence where the network input shows it all."""
    explanation = shown[0][0]
    width, height = explanation.fitted.original_size
    left, top, right, bottom = explanation.fitted.visible
    if (right - left) * (bottom - top) > NEARLY_ALL * width * height:
        st.caption(words.WHOLE_IS_INPUT)
        return
    first, *columns = create_columns(len(shown), "whole")
    with first:
        place = {"left": left / width, "top": top / height, "right": 1 - right / width, "bottom": 1 - bottom / height}
        style = "; ".join(f"{side}: {share:.3%}" for side, share in place.items())
        alt = html.escape(words.WHOLE_ALT.format(alt=chosen.alt))
        st.html(
            f'<div class="abn-framed"><img src="{media_url(encode_once(chosen.display))}" alt="{alt}">'
            f'<div style="{style}"></div></div>'
        )
        st.caption(words.WHOLE_CAPTION.format(width=width, height=height))
    for column, (own, card), span in zip(columns, shown, limits, strict=False):
        with column:
            maps.show_map_on_photograph(own, card, chosen.display, view, span)
