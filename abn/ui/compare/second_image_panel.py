"""One variant on two images, side by side on Compare: the image and a variation of it, or another image."""

from collections.abc import Sequence

import streamlit as st

from abn.explanations.explanation import Explanation
from abn.images import samples
from abn.images.decode import Picture
from abn.images.variations import VARIATIONS, vary
from abn.plots import color_limits
from abn.ui import maps, predictions
from abn.ui.compare import words
from abn.ui.controls import image_picker
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import choose
from abn.ui.layout import escape_markdown
from abn.ui.maps import encode_once
from abn.ui.runtime import cached_inference
from abn.ui.state import state
from abn.variants.card import Card


def show_second_image(shown: Sequence[tuple[Explanation, Card]], choice: Choice) -> None:
    """Choose a second image and a variant; the variant's map and predictions on both."""
    by_id = {card.id: (explanation, card) for explanation, card in shown}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        labels = {"": words.NO_SECOND, **words.VARIATIONS, "other": words.OTHER_IMAGE}
        which = choose(words.SECOND_CHOICE, list(labels), "second_image", format_func=labels.get)
        if not which:
            return
        variant = shown[0][1].id
        if len(by_id) > 1:
            titles = {key: escape_markdown(card.title) for key, (_, card) in by_id.items()}
            variant = choose(words.SECOND_VARIANT, list(titles), "second_variant", format_func=titles.get)
        title, picture = _second(choice, which)
    before, card = by_id.get(variant, shown[0])
    explanations = cached_inference.explain_image(picture, [card], fit=choice.fit, mechanism=before.applied)
    if not explanations:
        return
    after = explanations[0]
    limits = color_limits.limits([before.attention, after.attention], choice.view.scale)
    same = before.top("perception", 1)[0].label == after.top("perception", 1)[0].label
    st.markdown(f"**{words.AGREEMENT[same]}**")
    with st.container(key="pairs-second"):
        columns = st.columns(4, gap="medium")
    sides = ((choice.chosen.title, before, "first"), (title, after, "second"))
    for number, ((name, explanation, side), span) in enumerate(zip(sides, limits, strict=True)):
        with columns[2 * number]:
            st.caption(escape_markdown(name))
            alt = words.INPUT_ALT.format(alt=name)
            st.image(encode_once(explanation.fitted.image).data, width="stretch", alt=alt)
        with columns[2 * number + 1]:
            st.caption(escape_markdown(card.title))
            maps.show_explanation(explanation, card, choice.view, span, key=f"{side}-{card.id}")
            predictions.show_predictions(explanation)


def _second(choice: Choice, which: str) -> tuple[str, Picture]:
    """Title and image of the second image."""
    if which in VARIATIONS:
        return f"{choice.chosen.title}, {words.VARIATIONS[which]}", vary(choice.chosen.picture, which)
    titles = {key: upload.picture.name for key, upload in state.uploads.items()}
    titles |= {key: photo.title for key, photo in samples.gallery().items()}
    others = [key for key in titles if key != state.photo]
    chosen = st.selectbox(words.WHICH_IMAGE, others, format_func=lambda key: titles.get(key, ""), key="second_photo")
    picture = state.uploads[chosen].picture if chosen in state.uploads else image_picker.open_photo(chosen).picture
    return titles[chosen], picture
