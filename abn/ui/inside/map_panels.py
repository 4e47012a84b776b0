"""Maps of one class beside M, which belongs to none; and how M formed while the network was trained."""

import numpy as np
import streamlit as st
from PIL import Image

from abn.evaluation.metrics import rank_correlation
from abn.explanations.first_view import FIT
from abn.explanations.stages import Trace
from abn.images import samples
from abn.plots import channel_grid, color_limits, history_chart, map_words, numbers
from abn.ui import maps, url
from abn.ui.controls.choice_bar import Choice
from abn.ui.inside import traces
from abn.ui.layout import escape_markdown
from abn.ui.state import state
from abn.variants.card import Card, class_names
from abn.variants.history import MapHistory

LIMITS_OF_MAPS = (
    "**What these can and can't say.** M is made before the network answers and belongs to no class: it shows what is "
    "weighed, not what speaks for a class. The class map belongs to the attention branch and explains the auxiliary "
    "head alone. CAM and Grad-CAM belong to a class of the perception head, but are asked afterwards and have the "
    "coarser cells of its last layer. None of them says why the network answers as it does."
)


def show_class_maps(trace: Trace, card: Card, choice: Choice) -> None:
    """M, the attention branch's class map, CAM and Grad-CAM, at one size with one reading."""
    st.markdown("##### Maps of one class")
    k, labels = _choose_class(trace, card), class_names(card)
    name, (h, w) = numbers.short_label(labels[k]), trace.attention.shape
    image, picture = traces.input_image(trace, card), choice.chosen.picture
    columns = st.columns(4, gap="medium")
    with columns[0]:
        st.markdown("**M, the attention map**  \nof no class")
        limits = color_limits.limits([trace.attention], choice.view.scale)[0]
        alt = maps.describe_map(trace.attention, f"Attention map of {card.title}")
        maps.show_map(image, trace.attention, choice.view, limits, alt=alt, key="class-M")
        st.caption(
            f"{h} × {w} cells, made on the way to the answer: {_milliseconds(trace.seconds)} from the picture on"
        )
    with columns[1]:
        st.markdown(f"**Class map**  \nof the attention branch, for {escape_markdown(name)}")
        values = trace.class_maps[k]
        meaning = _show_class_map(image, values, choice, name, "class map", "the attention branch")
        mean, logit = numbers.fixed(values.mean(dtype=float)), numbers.fixed(trace.aux_logits[k])
        st.caption(
            f"{meaning}The mean of its {h} × {w} cells is **{mean}**; the auxiliary logit of this class is "
            f"**{logit}**. "
            f"{h} × {w} cells, made with M"
        )
    for place, method in zip(columns[2:], traces.METHODS, strict=True):
        with place:
            st.markdown(f"**{method}**  \nof the perception head, for {escape_markdown(name)}")
            result = traces.get_class_map(picture, card, choice.fit, method, k)
            if isinstance(result, str):
                st.info(escape_markdown(result), icon=":material/block:")
                continue
            meaning = _show_class_map(image, result.values, choice, name, method, "the perception head")
            rows, across = result.values.shape
            st.caption(
                f"{meaning}{rows} × {across} cells of the layer “{escape_markdown(result.layer)}”, asked afterwards: "
                f"{_milliseconds(result.seconds)} from the picture on"
            )
    st.caption(LIMITS_OF_MAPS)


def _choose_class(trace: Trace, card: Card) -> int:
    """The chosen class: the predicted one until a person chooses another."""
    labels, answer = class_names(card), int(trace.logits.argmax())
    legal, key = range(-1, len(labels)), f"one_class {card.classes if isinstance(card.classes, str) else card.id}"
    url.initial_choice(key, "class", legal, -1)
    chosen = st.selectbox(
        "Class",
        legal,
        format_func=lambda k: labels[k] if k >= 0 else "the network's answer",
        key=key,  # another list of classes has a choice of its own
        persist_state="session",
        help="Type a part of its name to find it.",
    )
    url.sync_query_param("class", chosen + 1, 0)
    return answer if chosen < 0 else chosen


def _show_class_map(image: Image.Image, values: np.ndarray, choice: Choice, name: str, method: str, of: str) -> str:
    """A map of a class over the picture: signed ones around zero, others from zero on; returns what colors mean."""
    colors, low, high = channel_grid.color_range(values, choice.view.colors)
    digits = 2 if high >= 0.5 else 4
    span = f"from {values.min():.{digits}f} to {values.max():.{digits}f}, highest {map_words.brightest_place(values)}"
    maps.show_map(
        image,
        values,
        choice.view,
        (low, high),
        alt=f"{method} of {of} for {name}: {span}.",
        key=f"class-{method}",
        symbol=method,
        colors=colors,
        digits=digits,
    )
    return "Red speaks for the class, blue against it.  \n" if low < 0 else ""


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
        image = (
            traces.input_image(trace, card)
            if is_chosen and choice.fit == FIT
            else traces.recorded_image(history, index, card)
        )
        title = _title(history, index)
        alt = maps.describe_map(values, f"Attention map on {title} after {history.steps[moment]} steps")
        limits = color_limits.limits([values], choice.view.scale)[0]
        maps.show_map(image, values, choice.view, limits, alt=alt, key="life-map")
        st.caption(maps.describe_range(values))
    with right:
        st.markdown(_describe_moment(history, moment, rank_correlation(values, last)))
        if history_chart.history_metrics(history):
            st.plotly_chart(
                history_chart.history_chart(history, moment),
                key="course",
                config={"displayModeBar": False},
                alt=history_chart.history_in_words(history, moment),
            )
            st.caption(_describe_metrics(history))


def _choose_recorded(history: MapHistory) -> tuple[int, bool]:
    """Which of the recorded pictures is shown, and whether it is the one chosen for the page; else a person picks."""
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
            persist_state="session",
            width=360,
        )
        if history.pictures is None:
            st.button("Choose it for the whole page", on_click=_choose, args=(picked,), icon=":material/arrow_upward:")
    return history.ids.index(picked), False


def _choose(photo: str) -> None:
    state.photo = photo


def _title(history: MapHistory, index: int) -> str:
    photo = next((photo for photo in samples.photographs() if photo.id == history.ids[index]), None)
    return photo.title if photo else history.ids[index]


def _choose_moment(history: MapHistory) -> int:
    """The moment that a person slides to; the last one at first."""
    steps = history.steps.tolist()
    url.initial_choice("moment", "moment", steps, steps[-1])
    chosen = st.select_slider(
        "Training steps done",
        steps,
        key="moment",
        persist_state="session",
        help="Moments at which the network was looked at: most of them early, when most happens.",
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
