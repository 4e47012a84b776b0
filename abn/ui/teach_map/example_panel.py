"""The map to edit, as on Intervene and with masks besides, and the examples that were made of such maps."""

from html import escape

import numpy as np
import streamlit as st
from PIL import Image

from abn.errors import ABNError
from abn.explanations.interventions import AttendedImage
from abn.export.figures import MapStyle
from abn.images.fit import upsample
from abn.plots import numbers, overlay
from abn.training.map_teaching import examples as targets
from abn.ui import maps
from abn.ui.components.media import host
from abn.ui.controls.choice_bar import Choice
from abn.ui.intervene import edit_panels
from abn.ui.layout import escape_markdown, guard_session
from abn.ui.runtime import cached_inference
from abn.ui.state import state
from abn.ui.teach_map import session_examples, words
from abn.ui.teach_map.session_examples import MAX_EXAMPLES, KeptExample
from abn.variants.card import Card, class_names

SIDE = 88  # pixels of a map in a pair
SHARES = (10, 40, 20)  # % of the cells: min, max, default
HEIGHT = 160  # pixels of the examples, which scroll
KEEP = -1  # in place of a class


def edit_map(choice: Choice, card: Card, subject: AttendedImage) -> None:
    """Tools, board and history of Intervene, for the target map; an edit there is one here."""
    key, history = edit_panels.get_history(choice, card, subject)
    with st.container(key="cockpit"):
        tools, canvas = st.columns([5, 7], gap="medium")
    with tools:
        tool = edit_panels.show_tools()
        edit_panels.show_undo(subject, key, history)
        edit_panels.show_presets(choice, card, subject, key)
        _show_masks(choice, card, subject, key)
    with canvas:
        edit_panels.show_canvas(choice, card, subject, key, history, tool)
    guard_session("unseen-edit-guard")


def _show_masks(choice: Choice, card: Card, subject: AttendedImage, key: str) -> None:
    """Maps made of a rectangle, or of the brightest part of another variant's map."""
    height, width = cells = subject.attention.shape
    if state.mask_refused:
        st.warning(escape_markdown(state.mask_refused), icon=":material/warning:")
        state.mask_refused = ""
    with st.popover(words.MASK, key="masks-popover", help=words.MASK_HELP, width="content"):
        rows = st.slider(words.ROWS, 1, height, (1 + height // 4, height - height // 4), key=f"mask-rows-{height}")
        columns = st.slider(words.COLUMNS, 1, width, (1 + width // 4, width - width // 4), key=f"mask-columns-{width}")

        def use_rectangle() -> None:
            (top, bottom), (left, right) = rows, columns  # counted from 1, as people do
            box = targets.rectangle_map(cells, (top - 1, bottom - 1), (left - 1, right - 1))
            edit_panels.add_edit(key, words.RECTANGLE, box)

        st.button(words.USE_RECTANGLE, on_click=use_rectangle, key="mask-rectangle", width="stretch")
        low, high, default = SHARES
        percent = st.slider(words.SHARE, low, high, default, 5, key="mask-share")
        for other in choice.cards:
            if other.id != card.id and other.kind == card.kind:
                st.button(
                    escape_markdown(other.title),
                    on_click=_use_brightest,
                    args=(choice, other, percent, key, cells),
                    key=f"mask-{other.id}",
                    width="stretch",
                )


def _use_brightest(choice: Choice, other: Card, percent: int, key: str, cells: tuple[int, int]) -> None:
    try:
        attention = cached_inference.get_subject(choice.chosen.picture, other, choice.fit).attention
    except ABNError as error:
        state.mask_refused = words.MASK_REFUSED.format(title=other.title, reason=error)
        return
    name = words.BRIGHTEST.format(percent=percent, title=other.title)
    edit_panels.add_edit(key, name, targets.brightest_map(attention, percent / 100, cells))


def show_new_example(choice: Choice, card: Card, subject: AttendedImage) -> None:
    """The label of the image, and the button that makes it an example with its edited map."""
    labels, picture = class_names(card), choice.chosen.picture
    predicted = cached_inference.predict(picture, card, choice.fit, [subject.attention])[0]
    first = int(predicted.argmax())
    keep = words.KEEP.format(
        label=numbers.short_label(labels[first]), probability=numbers.percent(float(predicted[first]))
    )
    label = st.selectbox(
        words.LABEL,
        range(KEEP, len(labels)),
        format_func=lambda k: labels[k] if k >= 0 else keep,
        key=f"teach-label-{picture.sha256[:12]}-{card.num_classes}",
        help=words.LABEL_HELP,
    )

    def add() -> None:
        history = edit_panels.find_history(choice, card)
        target = history.current.attention if history else subject.attention
        try:
            given = label if label is not None and label >= 0 else None
            session_examples.add_example(choice, card, target, subject.attention, given)
        except ABNError as error:
            state.example_refused = str(error)

    st.button(words.ADD, icon=":material/add_photo_alternate:", on_click=add, key="add-example", help=words.ADD_HELP)
    if state.example_refused:
        st.error(escape_markdown(state.example_refused), icon=":material/error:")
        state.example_refused = ""


def show_examples(choice: Choice, card: Card) -> None:
    """Each example with the variant's own map and the target side by side, and a button that removes it."""
    examples = session_examples.list_examples()
    with st.container(horizontal=True, vertical_alignment="center", key="examples-heading"):
        st.markdown(
            words.EXAMPLES.format(count=len(examples), limit=MAX_EXAMPLES), help=words.PAIR_HELP, width="content"
        )
        if len(examples) > 1:
            st.button(words.REMOVE_ALL, on_click=_remove_all, key="remove-examples", type="tertiary")
    with st.container(height=HEIGHT, key="examples", border=False):
        if not examples:
            st.markdown(words.NO_EXAMPLES_YET)
        with st.container(horizontal=True, gap="small"):
            for example in examples:
                _show_example(choice, card, example)


def _remove_all() -> None:
    state.taught_examples = []


def _show_example(choice: Choice, card: Card, example: KeptExample) -> None:
    picture = session_examples.find_image(example.photo)
    assert picture is not None  # else it is not listed
    subject = cached_inference.get_subject(picture, card, example.fit)
    target = targets.resize_target(example.target, card.map_size)
    source = _draw_pair(
        f"{example.sha256} {card.id} {card.sha256} {example.digest!r}",
        subject.fitted.image,
        subject.attention,
        target,
        choice.view,
    )
    before, after = (
        maps.describe_map(attention, title)
        for attention, title in ((subject.attention, words.BEFORE_ALT), (target, words.TARGET_ALT))
    )
    alt = words.PAIR_ALT.format(title=example.title, before=before, target=after)
    label = words.KEPT_LABEL if example.label is None else numbers.short_label(_label_of(card, example))
    title, caption = escape(example.title), escape(words.CAPTION.format(label=label))
    with st.container(width=2 * SIDE, gap=None, key=f"example-{example.sha256[:12]}"):
        st.html(
            f'<figure class="abn-pair"><img src="{host(source)}" alt="{escape(alt)}">'
            f'<figcaption title="{title}">{title}<br>{caption}</figcaption></figure>'
        )
        st.button(
            words.REMOVE.format(title=escape_markdown(example.title)),
            icon=":material/close:",
            on_click=session_examples.remove_example,
            args=(example.sha256,),
            key=f"remove-example-{example.sha256[:12]}",
        )


def _label_of(card: Card, example: KeptExample) -> str:
    """The label of an example in words; its number where the variant has other classes."""
    assert example.label is not None
    legal = example.classes == session_examples.classes_of(card) and example.label < card.num_classes
    return class_names(card)[example.label] if legal else str(example.label)


@st.cache_data(show_spinner=False, max_entries=4 * MAX_EXAMPLES, scope="session")
def _draw_pair(key: str, _image: Image.Image, _before: np.ndarray, _target: np.ndarray, view: MapStyle) -> str:
    """Two maps over the same image side by side, as a data: URL; drawn once for each key and look."""
    return draw_maps(_image, [_before, _target], view, SIDE)


def draw_maps(image: Image.Image, attentions: list[np.ndarray], view: MapStyle, side: int) -> str:
    """Maps (h, w) from 0 to 1 over the same image side by side, as a data: URL."""
    small = image.resize((side, side), Image.Resampling.BILINEAR)
    drawn = Image.new("RGB", (side * len(attentions) + 2 * (len(attentions) - 1), side), "gray")
    for k, attention in enumerate(attentions):
        values = upsample(attention, (side, side), view.smooth)
        part = overlay.overlay(small, values, opacity=view.opacity, color_map=view.colors)
        drawn.paste(part, (k * (side + 2), 0))
    return overlay.data_url(drawn, quality=85)
