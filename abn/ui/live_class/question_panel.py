"""A question and its result, as the phone, the projector and the teacher's controls show them."""

import html
from collections.abc import Sequence

import numpy as np
import streamlit as st

from abn.explanations.explanation import Prediction
from abn.export.figures import MapStyle
from abn.plots import numbers, theme
from abn.teaching.exercises.wording import brightest, cell
from abn.teaching.live_class.class_map import ClassMap
from abn.teaching.live_class.question import MapPanel, Question
from abn.teaching.live_class.views import View
from abn.ui import maps as drawn_maps
from abn.ui.components import map_view
from abn.ui.components.media import Encoded
from abn.ui.layout import escape_markdown
from abn.ui.live_class import rooms, words
from abn.ui.predictions import show_classes

STYLE = MapStyle(opacity=0.6)  # the same for everybody
FEATURES_STYLE = MapStyle(opacity=0.85)  # of g and g′, whose colors are to be compared
SYMBOLS = ("M", "g", "g′")  # of the maps of a question about the mechanism
LETTERS = "ABCDE"


def show_material(view: View, question: Question, *, brief: bool = False) -> None:
    """The image, and below it the predictions that the question is about; `brief`: the first class of each alone."""
    show_image(view, question)
    show_lines(question, brief=brief)


def show_image(view: View, question: Question) -> None:
    """The image with what may be shown on it in this phase: plain, or with its maps side by side."""
    image = rooms.read_image(view.code, question.image)
    maps = [] if question.picks_cell else list(question.maps)
    named = question.kind == "mechanism" and view.result  # the explanation is about the brightest cell
    if image and maps:
        _show_maps(question, image, maps, brightest(maps[0].attention) if named else None)
    elif image:
        with st.container(key=f"room-image-{question.id}"):
            st.image(image.data, width="stretch", alt=question.alt)


def show_lines(question: Question, *, brief: bool = False) -> None:
    """The predictions that the question is about, with the color of their head."""
    if not question.lines:
        return
    heads: dict[str, tuple[str, list[Prediction]]] = {}
    for line in question.lines:
        color = theme.HEAD_COLORS.get(line.head, theme.LIGHT_GRAY)
        heads.setdefault(line.name, (color, []))[1].append(Prediction(0, line.label, line.probability))
    show_classes({name: (color, classes[:1] if brief else classes) for name, (color, classes) in heads.items()})


def show_options(question: Question) -> None:
    """The options with their letters, as text."""
    rows = "".join(
        f"<li><b>{letter}</b> {html.escape(option)}</li>"
        for letter, option in zip(LETTERS, question.options, strict=False)
    )
    st.html(f'<ol class="room-options">{rows}</ol>')


def show_result(view: View, question: Question) -> None:
    """What the class predicted: its map beside M, or bars; and the experiment, if it was run."""
    result = view.result
    if result is None:
        return
    if question.picks_cell and not result.count:  # bars show it
        st.markdown(words.NOBODY)
    image = rooms.read_image(view.code, question.image)
    if result.class_map and image:
        _show_class_map(view, question, result.class_map, image)
    elif result.votes:
        show_bars(question, result.votes, view.answer)
    if result.experiment:
        show_experiment(view, question)


def show_bars(question: Question, votes: Sequence[int], own: Sequence[int] | None = None) -> None:
    """A bar for each option, the correct one with a check mark; `own` marks the student's."""
    count = sum(votes)
    rows = ""
    for k, (letter, option, given) in enumerate(zip(LETTERS, question.options, votes, strict=False)):
        marks = f"<em>✓ {words.CORRECT}</em>" * (k == question.right) + f"<i>{words.YOURS}</i>" * (own == (k,))
        rows += (
            f'<li class="{"room-right" if k == question.right else ""}"><b>{letter}</b>'
            f"<span>{html.escape(option)} {marks}</span>"
            f'<div><s style="width: {100 * given / max(1, count):.1f}%"></s><u>{given}</u></div></li>'
        )
    votes_in_words = ", ".join(
        f"{option}: {given}{f' ({words.CORRECT})' * (k == question.right)}"
        for k, (option, given) in enumerate(zip(question.options, votes, strict=True))
    )
    alt = html.escape(words.BARS_ALT.format(count=count, votes=votes_in_words))
    st.html(f'<div role="img" aria-label="{alt}"><ol class="room-bars" aria-hidden="true">{rows}</ol></div>')


def show_experiment(view: View, question: Question) -> None:
    """The maps that were put in place, with the prediction of each."""
    image, experiment = rooms.read_image(view.code, question.image), view.result and view.result.experiment
    if not image or not experiment:
        return
    st.markdown(f"**{words.EXPERIMENT}**")
    with st.container(key=f"room-maps-3-experiment-{question.id}"):
        columns = st.columns(len(experiment.trials), gap="small")
    for column, trial in zip(columns, experiment.trials, strict=True):
        with column:
            st.markdown(f"**{trial.edit.capitalize()}**")
            alt = words.TRIAL_ALT.format(edit=trial.edit, alt=question.alt)
            key = f"room-trial-{question.id}-{trial.edit}"
            map_view.show(image, trial.attention, STYLE, (0.0, 1.0), alt=alt, key=key, bar=False, rest=" ")
            text = words.TRIAL_CHANGED if trial.changes_prediction else words.TRIAL_SAME
            label, probability = escape_markdown(trial.label), numbers.percent(trial.probability)
            st.markdown(text.format(label=label, probability=probability))
            if trial is not experiment.trials[0]:
                st.caption(words.TRIAL_CHANGE.format(change=numbers.points(trial.change)))


def show_cell_key() -> None:
    """What the dashed frame marks on a student's map."""
    st.html(f'<p class="room-key"><i></i>{words.YOUR_CELL}</p>')


def show_credit(question: Question) -> None:
    """Whom to thank for the image."""
    if question.credit:
        title = f"{escape_markdown(question.title)}. " if question.title else ""
        st.caption(words.CREDIT.format(title=title, credit=escape_markdown(question.credit)))


def describe_comparison(shown: ClassMap) -> str:
    """Pointing of the class map and M, and their rank correlation where enough students have predicted; as Markdown."""
    undefined = np.isnan(shown.correlation)
    rho = words.NO_CORRELATION if undefined else words.CORRELATION.format(value=numbers.fixed(shown.correlation))
    if shown.hit is None:
        places = words.PLACES.format(own=cell(shown.brightest), network=cell(shown.network_brightest))
    else:
        hits = {True: words.HIT, False: words.MISS}
        places = words.POINTING.format(own=hits[shown.hit], network=hits[bool(shown.network_hit)])
    return f"{rho}  \n{places}" if shown.is_compared else places


def _show_maps(
    question: Question, image: Encoded, maps: Sequence[MapPanel], best: tuple[int, int] | None = None
) -> None:
    has_features = question.kind == "mechanism"
    with st.container(key=f"room-maps-{len(maps)}-{question.id}"):
        columns = st.columns(len(maps), gap="small", vertical_alignment="bottom")
        if has_features:
            with st.container(key=f"room-scales-{question.id}"):  # one below M, and one below both g and g′
                for panel in maps[:2]:
                    drawn_maps.show_color_bar(STYLE.colors, 0.0, panel.high)
    for number, (column, panel) in enumerate(zip(columns, maps, strict=True)):
        with column:
            if len(maps) > 1:
                st.markdown(f"**{escape_markdown(panel.title)}**")
            map_view.show(
                image,
                panel.attention,
                FEATURES_STYLE if has_features and number else STYLE,
                (0.0, panel.high),
                alt=words.MAP_OVER.format(name=panel.title, alt=question.alt),
                key=f"room-map-{question.id}-{number}",
                symbol=SYMBOLS[number] if has_features else "M",
                bar=False,
                best=best,
                rest=" ",
            )


def _show_class_map(view: View, question: Question, shown: ClassMap, image: Encoded) -> None:
    attention = question.maps[0].attention
    pair = [(words.NETWORK_MAP, attention, brightest(attention))]
    if shown.count:
        pair.insert(0, (words.CLASS_MAP, shown.attention, shown.brightest))
    with st.container(key=f"room-compared-{question.id}"):
        with st.container(key=f"room-maps-2-result-{question.id}"):
            columns = st.columns(2, gap="small")
        text = st.container(key=f"room-agreement-{question.id}")
    own = (view.answer[0], view.answer[1]) if view.answer else None
    for number, (column, (title, values, best)) in enumerate(zip(columns, pair, strict=False)):
        with column:
            st.markdown(f"**{title}**")
            limits = float(values.min()), float(values.max())
            alt, key = words.MAP_OVER.format(name=title, alt=question.alt), f"room-result-{question.id}-{number}"
            map_view.show(
                image, values, STYLE, limits, alt=alt, key=key, bar=False, best=best, picked=own, rest=" "
            )  # fmt: skip
    with text:
        if own:
            show_cell_key()
        if shown.count:
            st.markdown(describe_comparison(shown))
        st.caption(words.OWN_RANGE)
