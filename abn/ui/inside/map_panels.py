"""Maps of one class beside M, which belongs to none; and how M formed while the network was trained."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from abn.evaluation.metrics import rank_correlation
from abn.explanations.stages import Trace
from abn.export.figures import MapStyle
from abn.images.fit import DEFAULT_FIT
from abn.plots import channel_grid, history_chart, map_words, numbers
from abn.ui import maps, url
from abn.ui.controls import image_picker
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import IN_SESSION, choose_by_number, show_chart
from abn.ui.inside import traces
from abn.ui.layout import escape_markdown
from abn.ui.state import state
from abn.variants.card import Card, class_names
from abn.variants.history import MapHistory

if TYPE_CHECKING:
    from abn.explanations.cam import ClassMap

LIMITS_OF_MAPS = (
    "**What these can and can't say.** M is made before the network answers and belongs to no class: it shows what is "
    "weighed, not what speaks for a class. The class map belongs to the attention branch and explains the auxiliary "
    "head alone. CAM and Grad-CAM belong to a class of the perception head, but are asked afterwards and have the "
    "coarser cells of its last layer. None of them says why the network answers as it does."
)


def show_class_maps(trace: Trace, card: Card, choice: Choice) -> None:
    """M, the attention branch's class map, CAM and Grad-CAM, at one size with one reading."""
    st.markdown("##### Maps of one class")
    labels = class_names(card)
    key = f"one_class {card.classes if isinstance(card.classes, str) else card.id}"  # each list of classes has its own
    predicted, tooltip = int(trace.logits.argmax()), "Type a part of its name to find it."
    k = choose_by_number("Class", labels, "the network's answer", predicted, key=key, name="class", help=tooltip)
    name, (h, w) = numbers.short_label(labels[k]), trace.attention.shape
    image, view = traces.input_image(trace, card), choice.view
    columns = st.columns(4, gap="medium")
    with columns[0]:
        st.markdown("**M, the attention map**  \nof no class")
        maps.show_attention(image, trace.attention, view, title=f"Attention map of {card.title}", key="class-M")
        st.caption(
            f"{h} × {w} cells, made on the way to the answer: {_milliseconds(trace.seconds)} from the picture on"
        )
    with columns[1]:
        st.markdown(f"**Class map**  \nof the attention branch, for {escape_markdown(name)}")
        values = trace.class_maps[k]
        _show_class_map(image, values, view, f"class map of the attention branch for {name}", "class map", "class")
        mean, logit = numbers.fixed(values.mean(dtype=float)), numbers.fixed(trace.aux_logits[k])
        st.caption(
            f"{_describe_colors(values)}The mean of its {h} × {w} cells is **{mean}**; the auxiliary logit of this "
            f"class is **{logit}**. {h} × {w} cells, made with M"
        )
    for place, method in zip(columns[2:], traces.METHODS, strict=True):
        with place:
            st.markdown(f"**{method}**  \nof the perception head, for {escape_markdown(name)}")
            result = show_cam(choice, card, method, k, "class")
            if result:
                rows, across = result.values.shape
                st.caption(
                    f"{_describe_colors(result.values)}{rows} × {across} cells of the layer "
                    f"“{escape_markdown(result.layer)}”, asked afterwards: {_milliseconds(result.seconds)} from the "
                    "picture on"
                )
    st.caption(LIMITS_OF_MAPS)


def show_cam(choice: Choice, card: Card, method: str, k: int, group: str) -> "ClassMap | None":
    """CAM or Grad-CAM of class `k` over the network's input; a sentence and None where the network has none. `group`
    begins the element's key."""
    picture, name = choice.chosen.picture, numbers.short_label(class_names(card)[k])
    result = traces.get_class_map(picture, card, choice.fit, method, k)
    if isinstance(result, str):
        st.info(escape_markdown(result), icon=":material/block:")
        return None
    image = traces.input_image(traces.get_trace(picture, card, choice.fit), card)
    title = f"{method} of the perception head for {name}"
    _show_class_map(image, result.values, choice.view, title, method, group)
    return result


def _show_class_map(
    image: Image.Image, values: np.ndarray, view: MapStyle, title: str, method: str, group: str
) -> None:
    """A map of a class over the picture: signed ones around zero, others from zero on."""
    colors, low, high = channel_grid.color_range(values, view.colors)
    digits = 2 if high >= 0.5 else 4
    span = f"from {values.min():.{digits}f} to {values.max():.{digits}f}, highest {map_words.brightest_place(values)}"
    alt, key = f"{title}: {span}.", f"{group}-{method}"
    maps.show_map(image, values, view, (low, high), alt=alt, key=key, symbol=method, colors=colors, digits=digits)


def _describe_colors(values: np.ndarray) -> str:
    return "Red speaks for the class, blue against it.  \n" if values.min() < 0 else ""


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


# ---- how M forms ----


def show_history(trace: Trace, card: Card, choice: Choice) -> None:
    """M of one picture at moments of the training."""
    st.markdown("##### How M forms")
    history = traces.get_history(card)
    if history is None:
        recorded = [f"“{escape_markdown(c.title)}”" for c in choice.cards if traces.get_history(c)]
        note = f"It was recorded for: {', '.join(recorded)}." if recorded else "It was recorded for none."
        st.caption(f"How the map of this variant formed was not recorded. {note}")
        return
    index, is_chosen = _choose_recorded(history)
    left, right = st.columns([1, 2], gap="medium")
    with right:
        moment = _choose_moment(history)
    values, last = history.maps[moment, index], history.maps[-1, index]
    with left:
        shown = is_chosen and choice.fit == DEFAULT_FIT
        image = traces.input_image(trace, card) if shown else traces.recorded_image(history, index, card)
        title = f"Attention map on {_title(history, index)} after {history.steps[moment]} steps"
        maps.show_attention(image, values, choice.view, title=title, key="life-map")
        st.caption(maps.describe_range(values))
    with right:
        st.markdown(_describe_moment(history, moment, rank_correlation(values, last)))
        if history_chart.history_metrics(history):
            words = history_chart.history_in_words(history, moment)
            show_chart(history_chart.history_chart(history, moment), words, "course")
            st.caption(_describe_metrics(history))


def _choose_recorded(history: MapHistory) -> tuple[int, bool]:
    """The index of the recorded picture that is shown, and whether it is the one chosen for the page; else a person
    picks one."""
    if history.pictures is None and state.photo in history.ids:
        return history.ids.index(state.photo), True
    st.caption("The chosen picture was not watched while this network was trained. These were:")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if state.recorded not in history.ids:
            state.recorded = history.ids[0]
        picked = st.selectbox(
            "Recorded picture",
            history.ids,
            format_func=lambda key: _title(history, history.ids.index(key)),
            key="recorded",
            width=360,
            **IN_SESSION,
        )
        if history.pictures is None:
            label, icon = "Choose it for the whole page", ":material/arrow_upward:"
            st.button(label, on_click=image_picker.choose_photo, args=(picked,), icon=icon, key="choose-recorded")
    return history.ids.index(picked), False


def _title(history: MapHistory, index: int) -> str:
    photo = traces.recorded_photo(history, index)
    return photo.title if photo else history.ids[index]


def _choose_moment(history: MapHistory) -> int:
    """The moment that a person slides to; the last one at first."""
    steps = history.steps.tolist()
    url.initial_choice("moment", "moment", steps, steps[-1])
    chosen = st.select_slider(
        "Training steps done",
        steps,
        key="moment",
        help="Moments at which the network was looked at: most of them early, when most happens.",
        **IN_SESSION,
    )
    url.sync_query_param("moment", chosen, steps[-1])
    return steps.index(chosen)


def _describe_moment(history: MapHistory, moment: int, correlation: float) -> str:
    when = f"After **{history.steps[moment]} of {history.total} steps**"
    when = f"**Before training** (0 of {history.total} steps)" if history.steps[moment] == 0 else when
    if moment == len(history.steps) - 1:
        return f"{when}: this is the final M."
    if np.isnan(correlation):
        return f"{when}: the map is constant, so that it has no order of cells to compare with the final M."
    return (
        f"{when}: rank correlation with the final M **{numbers.fixed(correlation)}**. 1 means the same order of cells, "
        "0 none in common, −1 the opposite order."
    )


def _describe_metrics(history: MapHistory) -> str:
    names = history_chart.history_metrics(history)
    count = f" ({int(history.metrics['count'][0])} pictures)" if "count" in history.metrics else ""
    if names[0] in ("pointing", "roc_auc"):
        return (
            f"On a small test set{count}. Pointing: how often the brightest cell lies on the object. ROC-AUC: the "
            "probability that a random pixel of the object is brighter than a random background pixel; 0.5 is chance."
        )
    return f"On a small test set{count}: how often each head is right."
