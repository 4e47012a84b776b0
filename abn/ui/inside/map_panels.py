"""Maps of one class beside M, which belongs to none; and how M formed while the network was trained."""

import numpy as np
import streamlit as st
from PIL import Image

from abn.evaluation.metrics import rank_correlation
from abn.explanations.class_map import METHODS, ClassMap
from abn.explanations.stages import Trace
from abn.export.figures import MapStyle
from abn.images.fit import DEFAULT_FIT
from abn.plots import channel_grid, color_limits, history_chart, map_words, numbers
from abn.ui import maps, url
from abn.ui.components import timeline
from abn.ui.components.timeline import Moment
from abn.ui.controls import image_picker
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import IN_SESSION, choose_by_number
from abn.ui.inside import traces, words
from abn.ui.layout import escape_markdown
from abn.ui.state import state
from abn.variants.card import Card, class_names
from abn.variants.history import MapHistory


def show_class_maps(trace: Trace, card: Card, choice: Choice) -> None:
    """M, the attention branch's class map, CAM and Grad-CAM, at one size with one reading."""
    st.markdown(f"##### {words.CLASS_HEADING}", help=words.CLASS_COLORS)
    labels = class_names(card)
    key = f"one_class {card.classes if isinstance(card.classes, str) else card.id}"  # each list of classes has its own
    predicted = int(trace.logits.argmax())
    k = choose_by_number(
        words.CLASS_LABEL, labels, words.CLASS_AUTOMATIC, predicted, key=key, name="class", help=words.CLASS_HELP
    )
    name, (h, w) = numbers.short_label(labels[k]), trace.attention.shape
    image, view, shown = traces.input_image(trace, card), choice.view, escape_markdown(name)
    columns = st.container(key="pairs-class").columns(4, gap="medium")
    with columns[0]:
        st.markdown(words.CLASS_M)
        title = words.CLASS_M_TITLE.format(variant=card.title)
        maps.show_attention(image, trace.attention, view, title=title, key="class-M")
        st.caption(words.CLASS_M_NOTE.format(h=h, w=w, time=_milliseconds(trace.seconds)))
    with columns[1]:
        st.markdown(words.CLASS_MAP.format(label=shown))
        values = trace.class_maps[k]
        title = words.CLASS_MAP_TITLE.format(label=name)
        _show_class_map(image, values, view, title, words.CLASS_MAP_SYMBOL, "class")
        mean, logit = numbers.fixed(values.mean(dtype=float)), numbers.fixed(trace.aux_logits[k])
        st.caption(words.CLASS_MAP_NOTE.format(mean=mean, logit=logit, h=h, w=w))
    for place, method in zip(columns[2:], METHODS, strict=True):
        with place:
            st.markdown(words.CAM_HEADING.format(method=method, label=shown))
            result = show_cam(choice, card, method, k, "class")
            if result:
                rows, across = result.values.shape
                layer, time = escape_markdown(result.layer), _milliseconds(result.seconds)
                st.caption(words.CAM_NOTE.format(h=rows, w=across, layer=layer, time=time))
    with st.expander(words.LIMITS_LABEL):
        st.markdown(words.LIMITS_OF_MAPS)


def show_cam(choice: Choice, card: Card, method: str, k: int, group: str) -> ClassMap | None:
    """CAM or Grad-CAM of class `k` over the network's input; a sentence and None where the network has none. `group`
    begins the element's key."""
    picture, name = choice.chosen.picture, numbers.short_label(class_names(card)[k])
    result = traces.get_class_map(picture, card, choice.fit, method, k)
    if isinstance(result, str):
        st.info(escape_markdown(result), icon=":material/block:")
        return None
    image = traces.input_image(traces.get_trace(picture, card, choice.fit), card)
    title = words.CAM_TITLE.format(method=method, label=name)
    _show_class_map(image, result.values, choice.view, title, method, group)
    return result


def _show_class_map(
    image: Image.Image, values: np.ndarray, view: MapStyle, title: str, method: str, group: str
) -> None:
    """A map of a class over the input: signed ones around zero, others from zero on."""
    colors, low, high = channel_grid.color_range(values, view.colors)
    digits = 2 if high >= 0.5 else 4
    place = map_words.brightest_place(values)
    alt = words.CLASS_ALT.format(
        title=title, low=f"{values.min():.{digits}f}", high=f"{values.max():.{digits}f}", place=place
    )
    key = f"{group}-{method}"
    maps.show_map(image, values, view, (low, high), alt=alt, key=key, symbol=method, colors=colors, digits=digits)


def _milliseconds(seconds: float) -> str:
    return words.MILLISECONDS.format(value=1000 * seconds)


# ---- how M forms ----


def show_history(trace: Trace, card: Card, choice: Choice) -> None:
    """M of one image at recorded steps of the training, on a time axis that can be played."""
    st.markdown(f"##### {words.HISTORY_HEADING}")
    history = traces.get_history(card)
    if history is None:
        titles = [words.QUOTED.format(title=escape_markdown(c.title)) for c in choice.cards if traces.get_history(c)]
        recorded = words.RECORDED_FOR.format(titles=", ".join(titles)) if titles else words.RECORDED_FOR_NONE
        st.caption(words.NO_HISTORY.format(recorded=recorded))
        return
    index, is_chosen = _choose_recorded(history)
    moment = _choose_moment(history)
    left, right = st.columns([1, 2], gap="medium")
    name = f"{card.sha256} {history.ids[index]}"
    with left:
        shown = is_chosen and choice.fit == DEFAULT_FIT
        image = traces.input_image(trace, card) if shown else traces.recorded_image(history, index, card)
        maps.show_attention(
            image,
            history.maps[moment, index],
            choice.view,
            title=_map_title(history, index, moment),
            key="life-map",
            limits=color_limits.limits([history.maps[:, index]], choice.view.scale)[0],  # one scale for all steps
            follows=name,
        )
    with right:

        def pick(moment: int) -> None:
            state.moment = int(history.steps[moment])

        has_metrics = bool(history_chart.history_metrics(history))
        timeline.show(
            [_describe_moment(history, index, m, card) for m in range(len(history.steps))],
            moment,
            history_chart.history_chart(history),
            name=name,
            label=words.TIMELINE,
            alt=history_chart.history_in_words(history) if has_metrics else "",
            axis=words.TIMELINE_AXIS,
            controls=words.TIMELINE_CONTROLS,
            key="course",
            on_pick=pick,
        )
        if has_metrics:
            st.caption(_describe_metrics(history))


def _choose_recorded(history: MapHistory) -> tuple[int, bool]:
    """The index of the recorded image that is shown, and whether it is the one chosen for the page; else a person
    picks one."""
    if history.pictures is None and state.photo in history.ids:
        return history.ids.index(state.photo), True
    st.caption(words.OTHER_IMAGE)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if state.recorded not in history.ids:
            state.recorded = history.ids[0]
        picked = st.selectbox(
            words.RECORDED_LABEL,
            history.ids,
            format_func=lambda key: _title(history, history.ids.index(key)),
            key="recorded",
            width=360,
            **IN_SESSION,
        )
        if history.pictures is None:
            icon = ":material/arrow_upward:"
            args = (picked,)
            st.button(
                words.CHOOSE_RECORDED, on_click=image_picker.choose_photo, args=args, icon=icon, key="choose-recorded"
            )
    return history.ids.index(picked), False


def _title(history: MapHistory, index: int) -> str:
    photo = traces.recorded_photo(history, index)
    return photo.title if photo else history.ids[index]


def _map_title(history: MapHistory, index: int, moment: int) -> str:
    return words.HISTORY_MAP.format(image=_title(history, index), step=history.steps[moment])


def _choose_moment(history: MapHistory) -> int:
    """The index of the recorded step that is shown; the last one at first."""
    steps = history.steps.tolist()
    if state.moment is None or url.went_back():
        given = url.whole_numbers("moment")
        state.moment = given[0] if len(given) == 1 else steps[-1]
    chosen = state.moment if state.moment in steps else steps[-1]
    url.sync_query_param("moment", chosen, steps[-1])
    return steps.index(chosen)


def _describe_moment(history: MapHistory, index: int, moment: int, card: Card) -> Moment:
    """A recorded map for the timeline, with what it is in words."""
    step, values, final = int(history.steps[moment]), history.maps[moment, index], history.maps[-1, index]
    correlation = rank_correlation(values, final)
    if moment == len(history.steps) - 1:
        facts = words.STEP_LAST
    elif np.isnan(correlation):
        facts = words.STEP_FLAT
    else:
        facts = words.STEP_CORRELATION.format(value=numbers.fixed(correlation))
    text = f"{words.STEP.format(step=step, total=history.total)}: {facts}."
    if step == 0:
        text += f" {words.STEP_ZERO_WARM if _is_warm_started(card) else words.STEP_ZERO_RANDOM}"
    return Moment(
        step=step,
        position=history_chart.positions(history)[moment],
        attention=values,
        alt=maps.describe_map(values, _map_title(history, index, moment)),
        value=words.STEP_VALUE.format(step=step, total=history.total),
        text=text,
    )


def _is_warm_started(card: Card) -> bool:
    """Whether the training began with the pretrained backbone's weights, as distillation does."""
    return " distil " in f"{card.trained.get('command', '')} "


def _describe_metrics(history: MapHistory) -> str:
    count = int(history.metrics["count"][0]) if "count" in history.metrics else 0
    images = words.TEST_SET_COUNT.format(count=count) if count else words.TEST_SET
    on_object = history_chart.history_metrics(history)[0] in ("pointing", "roc_auc")
    return (words.METRICS_ON_OBJECT if on_object else words.METRICS_OF_HEADS).format(images=images)
