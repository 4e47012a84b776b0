"""The interactive part of each step of the lesson; each returns whether the task is done.

Each step has its own image and variants, so that its text fits whatever is chosen on other pages. What a map or a
prediction shows is computed here and never claimed by a text.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import streamlit as st

from abn.evaluation.metrics import cell_order
from abn.explanations.class_map import METHODS
from abn.export.figures import MapStyle
from abn.images.fit import DEFAULT_FIT
from abn.plots import channel_grid, numbers
from abn.plots.cell_product import product
from abn.plots.network_diagram import TITLES
from abn.ui import maps, predictions
from abn.ui.components import network_path
from abn.ui.components.strip import show_strip
from abn.ui.elements import IN_SESSION, choose
from abn.ui.inside import traces
from abn.ui.layout import escape_markdown
from abn.ui.learn import lesson_basis as basis
from abn.ui.learn import lesson_experiments as experiments
from abn.ui.learn import words
from abn.ui.state import state
from abn.variants.card import class_names
from abn.variants.store import find_variant
from abn.vocabulary import ADDITIVE, HEADS, MECHANISMS

TOP_SHARE = 0.1  # of the cells: what counts as bright in the step on the two equations


def show_class_maps() -> bool:
    """M beside CAM and Grad-CAM of a class that a person chooses; done once another class than the predicted one is
    chosen and the maps that changed are marked."""
    card, trace = basis.trace_image()
    labels, predicted = class_names(card), int(trace.logits.argmax())
    panel = st.container(key="lesson-classes")
    chooser, question = panel.columns([3, 2], gap="medium")
    with chooser:
        k = st.selectbox(
            words.CLASS,
            range(len(labels)),
            index=predicted,
            format_func=lambda k: labels[k],
            key="lesson-class",
            **IN_SESSION,
        )
    with question:
        options, right = [words.MAP, *METHODS], set(METHODS)
        answer = set(st.pills(words.CHANGED, options, selection_mode="multi", key="lesson-changed", **IN_SESSION))
    with panel.container(key="lesson-hint"):
        hint = _choose_hint(answer, right) if k != predicted else words.CHOOSE_OTHER
        st.markdown(words.PREDICTED.format(label=escape_markdown(numbers.short_label(labels[predicted])), hint=hint))
    with panel.container(key="lesson-result"), st.container(key="lesson-three"):
        left, *rest = st.columns(3, gap="small")
    picture, image = basis.open_image(basis.PHOTO), traces.input_image(trace, card)
    label = numbers.short_label(labels[k])
    with left, st.container(key="lesson-square-M"):
        st.markdown(words.MAP_TITLE)
        maps.show_attention(image, trace.attention, basis.VIEW, title=words.MAP_ALT, key="lesson-M")
    for place, method in zip(rest, METHODS, strict=True):
        with place, st.container(key=f"lesson-square-{method}"):
            title = words.METHOD_TITLE.format(method=method, label=label)
            st.markdown(words.METHOD_TITLE.format(method=method, label=escape_markdown(label)))
            own, result = (traces.get_class_map(picture, card, DEFAULT_FIT, method, index) for index in (predicted, k))
            if isinstance(own, str) or isinstance(result, str):
                st.info(escape_markdown(str(result)), icon=":material/block:")
                continue
            both = np.stack([own.values, result.values])  # one scale, or a weaker map would look as strong
            colors, low, high = channel_grid.color_range(both, basis.VIEW.colors)
            alt, digits = title.replace("*", ""), 2 if high >= 0.5 else 4
            maps.show_map(
                image,
                result.values,
                basis.VIEW,
                (low, high),
                alt=alt,
                key=f"lesson-{method}",
                symbol=method,
                colors=colors,
                digits=digits,
            )
    basis.reveal("result", (k, answer))
    return k != predicted and answer == right


def _choose_hint(answer: set[str], right: set[str]) -> str:
    """What to do next about the maps that are marked as changed, once another class is chosen."""
    if answer - right:
        return words.CHOOSE_AGAIN
    if answer == right:
        return words.ALL_MARKED
    return words.MARK_MORE if answer else words.MARK


def show_parts() -> bool:
    """The network diagram; done once M, g′ and the logits were pressed."""
    card, trace = basis.trace_image()
    chosen = state.lesson_stage

    def press(stage: str) -> None:
        state.lesson_stages_seen.add(stage)
        state.lesson_stage = stage

    shape = " × ".join(map(str, trace.stage(chosen).shape))
    with st.container(key="lesson-stage"):
        st.markdown(words.STAGE.format(name=TITLES.get(chosen, chosen), shape=shape, meaning=words.MEANINGS[chosen]))
    contents = traces.get_contents(basis.open_image(basis.PHOTO), card, DEFAULT_FIT, basis.VIEW)
    with st.container(key="lesson-diagram"):
        network_path.show(contents, card.mechanism, chosen, label=words.PATH_LABEL, key="lesson-path", on_pick=press)
    return {"M", "g′", "logits"} <= state.lesson_stages_seen


def show_equations() -> bool:
    """M to pick a cell of; g, M · g and (1 + M) · g of its strongest channel on one scale; done at a bright cell."""
    from abn.engine.runner import reweight
    from abn.explanations.trace import cell_products

    card, trace = basis.trace_image()
    row, column = cell = state.lesson_cell

    def pick(row: int, column: int) -> None:
        state.lesson_cell = row, column

    image, channel = traces.input_image(trace, card), trace.strongest_channel(row, column)
    order = cell_order(trace.attention)
    rank, value = int(np.flatnonzero(order == row * trace.attention.shape[1] + column)[0]) + 1, trace.attention[cell]
    where = {"row": row + 1, "column": column + 1, "value": f"{value:.2f}", "rank": rank, "count": order.size}
    where["top"] = int(TOP_SHARE * order.size)
    with st.container(key="lesson-rank"):  # above the map: in sight wherever it is pressed, and nothing scrolls
        st.markdown(words.RANK.format(**where))
    left, right = st.columns([2, 3], gap="medium")
    with left, st.container(key="lesson-square-cells"):
        maps.show_attention(
            image, trace.attention, basis.VIEW, title=words.MAP_ALT, key="lesson-cells", picked=cell, on_pick=pick
        )
    with right:
        products = {made.mechanism: made for made in (product(*v) for v in cell_products(trace, row, column, channel))}
        features, attention = trace.features[channel][None, None], trace.attention[None, None]
        drawn = {name: reweight(features, attention, name)[0, 0] for name in words.PANELS}
        colors, low, high = channel_grid.color_range(np.stack(list(drawn.values())), basis.VIEW.colors)
        with st.container(key="lesson-three"):
            places = st.columns(3, gap="small")
        for place, (mechanism, name) in zip(places, words.PANELS.items(), strict=True):
            with place:
                st.markdown(f"**{name}**")
                alt = words.PANEL_ALT.format(name=name, channel=channel + 1)
                maps.show_map(
                    image,
                    drawn[mechanism],
                    MapStyle(opacity=1, smooth=False),
                    (low, high),
                    alt=alt,
                    key=f"lesson-panel-{mechanism}",
                    symbol=name,
                    colors=colors,
                    bar=False,
                    picked=cell,
                )
                made = products[mechanism]
                before, after = escape_markdown(made.before), escape_markdown(made.after)
                st.markdown(words.EQUATION.format(gain=made.gain, before=before, after=after))
        maps.show_color_bar(colors, low, high)
        st.caption(words.CHANNEL.format(channel=channel + 1))
    return rank <= TOP_SHARE * order.size


def show_mechanisms() -> bool:
    """One variant's prediction under each mechanism; done once all were applied."""
    card, picture = find_variant(basis.UPRIGHT), basis.open_image(basis.PHOTO)
    chosen = choose(words.APPLIED, MECHANISMS, "lesson-mechanism", default=ADDITIVE, **IN_SESSION)
    state.lesson_mechanisms_tried.add(chosen)
    before, after = (basis.explain_image(picture, card, mechanism) for mechanism in (card.mechanism, chosen))
    left, right = st.columns(2, gap="medium")
    with left, st.container(key="lesson-result"):
        st.markdown(predictions.describe_mechanisms(card, after.applied, " · "))
        basis.show_effect(before, after)
        basis.show_bars(after, card)
    with right, st.container(key="lesson-square-applied"):
        basis.show_map(after, card, "lesson-applied")
    return state.lesson_mechanisms_tried >= set(MECHANISMS)


def show_heads() -> bool:
    """Images to choose from and both heads' predictions; done once they agreed on one and disagreed on another."""
    photos = {photo.id: photo for photo in basis.list_head_photos()}
    chosen = state.lesson_photo if state.lesson_photo in photos else basis.PHOTO
    pick = partial(setattr, state, "lesson_photo")
    show_strip(basis.make_thumbnails(tuple(photos)), chosen, label=words.IMAGES, key="lesson-strip", on_pick=pick)
    card, photo = find_variant(basis.UPRIGHT), photos[chosen]
    explanation = basis.explain_image(basis.open_image(chosen), card)
    left, right = st.columns(2, gap="medium")
    with left, st.container(key="lesson-result"):
        predictions.show_predictions(explanation)
        if photo.classes:
            auxiliary, perception = (explanation.top(head, 1)[0].index in photo.classes for head in HEADS)
            labels = ", ".join(numbers.short_label(explanation.labels[k]) for k in photo.classes)
            outcome = words.OUTCOMES[auxiliary, perception]
            st.markdown(words.LABELED.format(labels=escape_markdown(labels), outcome=outcome))
        basis.show_bars(explanation, card)
    with right, st.container(key="lesson-square-heads"):
        basis.show_map(explanation, card, "lesson-heads")
    state.lesson_agreements_seen.add(explanation.heads_agree)
    return state.lesson_agreements_seen == {True, False}


STEP_PANELS: dict[str, Callable[[], bool]] = {
    "why": show_class_maps,
    "parts": show_parts,
    "map": show_equations,
    "mechanism": show_mechanisms,
    "heads": show_heads,
    "bright": experiments.show_bright_cells,
    "faithful": experiments.show_deletion,
    "help": experiments.show_study,
    "change": experiments.show_painting,
    "limits": experiments.show_statements,
}
