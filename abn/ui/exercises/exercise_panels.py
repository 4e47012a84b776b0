"""Questions as a person sees them: the picture and the options, then the map, the right option, and why.

Everything comes from the stored question material, so nothing here loads a network.
"""

import html
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st
from PIL import Image

from abn import vocabulary
from abn.explanations.explanation import Prediction
from abn.export.figures import MapStyle
from abn.images.decode import open_picture
from abn.images.fit import fit_picture
from abn.plots import numbers, theme
from abn.teaching import exercises
from abn.teaching.exercises import Question, QuestionMaterial, ScoredAnswer
from abn.teaching.exercises.scores import Cell
from abn.ui import maps
from abn.ui.components import map_view
from abn.ui.exercises.attempt import Attempt
from abn.ui.layout import escape_markdown
from abn.ui.state import state
from abn.vocabulary import InputSpec

VIEW = MapStyle(opacity=0.6)  # the same for everybody
RAW = (0.0, 1.0)
LIMITS = "A map is evidence of what the network weighs, not proof of why it answers as it does."

HeadPredictions = dict[str, tuple[str, Sequence[Prediction]]]  # name → color and classes, the most probable first


def show_question(material: QuestionMaterial, question: Question, attempt: Attempt) -> None:
    """A question with its picture and options; once it is answered, with the map and the explanation."""
    st.subheader(exercises.KINDS[question.kind], anchor=False)
    st.markdown(escape_markdown(question.text))
    answer = attempt.answers.get(question.number)
    QUESTION_PANELS[question.kind](material, question, attempt, answer)
    item = material.items[question.picture]
    title = "" if question.kind == "head" and not answer else f"{escape_markdown(item.title)}. "  # it may be the label
    st.caption(f"{title}Picture: {escape_markdown(item.credit)}")


# ---- one kind of question each ----


def _show_where(material: QuestionMaterial, question: Question, attempt: Attempt, answer: ScoredAnswer | None) -> None:
    """Pick a cell on the plain picture; then the map, with the cell framed."""
    left, right = st.columns([5, 6], gap="large")
    if answer:
        with left:
            cell = answer.answer if isinstance(answer.answer, tuple) else None
            _show_map(material, question, question.variant, picked=cell)
        with right:
            _show_outcome(question, attempt, answer)
        return
    with left:
        map_view.show(
            maps.enlarge(_network_input(material, question.picture, question.variant)),
            material.predictions[question.picture, question.variant].attention,
            alt=material.items[question.picture].alt,
            key=_key(question, "pick"),
            picked=attempt.cell,
            on_pick=lambda row, column: setattr(attempt, "cell", (row, column)),
            hidden=True,
        )
    with right:
        if attempt.cell:
            st.markdown(f"Your cell: **row {attempt.cell[0] + 1}, column {attempt.cell[1] + 1}**")
        else:
            st.markdown("No cell picked yet.")
        st.button(
            "Show the map",
            on_click=_record_answer,
            args=(material, question, attempt, attempt.cell),
            disabled=attempt.cell is None,
            type="primary",
            icon=":material/visibility:",
            key=_key(question, "show"),
        )
        st.caption(
            "Points: the share of the other cells that are less bright than yours. The brightest cell gets 1, a cell "
            "picked at random 0.50 on average."
        )


def _show_head(material: QuestionMaterial, question: Question, attempt: Attempt, answer: ScoredAnswer | None) -> None:
    """Both heads' first predictions beside the picture; then the map and more of their predictions."""
    record = material.predictions[question.picture, question.variant]
    left, right = st.columns([5, 6], gap="large")
    with left:
        if answer:
            _show_map(material, question, question.variant)
        else:
            image = maps.enlarge(_network_input(material, question.picture, question.variant))
            st.image(image, width="stretch", alt=material.items[question.picture].alt)
    with right:
        _show_predictions(
            {
                vocabulary.HEADS[head]: (theme.HEAD_COLORS[head], getattr(record, head)[: None if answer else 1])
                for head in question.options
            }
        )
        _show_options(material, question, attempt, answer, vocabulary.HEADS.__getitem__)


def _show_mechanism(
    material: QuestionMaterial, question: Question, attempt: Attempt, answer: ScoredAnswer | None
) -> None:
    """Three maps of one picture side by side; then the mechanism of each."""
    for column, letter, variant in zip(st.columns(3, gap="medium"), "ABC", question.shown, strict=True):
        with column:
            mechanism = f": {material.cards[variant].mechanism}" if answer else ""
            badge = " :blue-badge[which mechanism?]" if variant == question.variant and not answer else ""
            st.markdown(f"##### Map {letter}{mechanism}{badge}")
            _show_map(material, question, variant, name=f"Map {letter}")
    _show_options(material, question, attempt, answer)


def _show_flip(material: QuestionMaterial, question: Question, attempt: Attempt, answer: ScoredAnswer | None) -> None:
    """The network's own map and the edited one, with the prediction before; then the prediction after."""
    record = material.predictions[question.picture, question.variant]
    edit = record.edits[question.edit]
    first, second, right = st.columns(3, gap="medium")
    with first:
        st.markdown("##### Its own map")
        _show_map(material, question, question.variant)
    with second:
        st.markdown(f"##### Edited: {question.edit}")
        image = _network_input(material, question.picture, question.variant)
        alt = maps.describe_map(edit.attention, f"The edited map, {question.edit}")
        maps.show_map(image, edit.attention, VIEW, RAW, alt=alt, key=_key(question, "edited"))
        st.caption(maps.describe_range(edit.attention))
    with right:
        shown: HeadPredictions = {"Before": (theme.LIGHT_GRAY, record.perception)}
        if answer:
            shown["After"] = (theme.HEAD_COLORS["perception"], [edit.after])
        _show_predictions(shown)
        _show_options(material, question, attempt, answer)


QUESTION_PANELS = {"where": _show_where, "head": _show_head, "mechanism": _show_mechanism, "flip": _show_flip}


# ---- shared by the kinds ----


def _show_options(
    material: QuestionMaterial,
    question: Question,
    attempt: Attempt,
    answer: ScoredAnswer | None,
    label: Callable[[str], str] = str,
) -> None:
    """The options as buttons, or the outcome; `label` gives an option in words."""
    if answer:
        _show_outcome(question, attempt, answer, label)
        return
    with st.container(horizontal=True):
        for option in question.options:
            st.button(
                label(option),
                on_click=_record_answer,
                args=(material, question, attempt, option),
                key=_key(question, f"option {option}"),
                width="content",
            )


def _show_outcome(
    question: Question, attempt: Attempt, answer: ScoredAnswer, label: Callable[[str], str] = str
) -> None:
    """Whether the answer is right, why, and the button to the next question."""
    right = escape_markdown(label(question.right))
    if not question.options:
        st.info(f"**{answer.score:.2f} points.** {escape_markdown(answer.remark)}", icon=":material/my_location:")
    elif answer.score:
        st.success(f"Right: “**{right}**”.", icon=":material/check:")
    else:
        wrong = escape_markdown(label(answer.in_words))
        st.warning(f"You said “{wrong}”. Right is “**{right}**”.", icon=":material/close:")
    st.markdown(escape_markdown(question.explanation))
    st.caption(LIMITS)
    st.button(
        "See the scores" if question.number == exercises.COUNT else "Next",
        on_click=attempt.go_to,
        args=(attempt.index + 1,),
        type="primary",
        icon=":material/arrow_forward:",
        key=_key(question, "next"),
    )


def _record_answer(material: QuestionMaterial, question: Question, attempt: Attempt, answer: str | Cell) -> None:
    attempt.answers.setdefault(question.number, exercises.score_answer(question, answer, material=material))
    attempt.cell = None


def _key(question: Question, element: str) -> str:
    return f"exercise-{state.exercise_set}-{question.number}-{element}"


def _show_map(
    material: QuestionMaterial,
    question: Question,
    variant: str,
    *,
    picked: Cell | None = None,
    name: str = "Attention map",
) -> None:
    """A network's own map over its input, raw from 0 to 1."""
    attention = material.predictions[question.picture, variant].attention
    maps.show_map(
        _network_input(material, question.picture, variant),
        attention,
        VIEW,
        RAW,
        alt=maps.describe_map(attention, f"{name} over: {material.items[question.picture].alt}"),
        key=_key(question, f"map {variant}"),
        picked=picked,
    )
    st.caption(maps.describe_range(attention))


def _network_input(material: QuestionMaterial, picture: str, variant: str) -> Image.Image:
    """The picture as it was fitted to the network's input."""
    item = material.items[picture]
    return _fit_file(item.sha256, material.cards[variant].input, item.fit, item.path)


@st.cache_data(show_spinner=False, max_entries=128)
def _fit_file(sha256: str, spec: InputSpec, fit: str, _path: Path) -> Image.Image:
    return fit_picture(open_picture(_path.read_bytes(), name=_path.name), spec, fit).image


def _show_predictions(predictions: HeadPredictions) -> None:
    """Classes with their probabilities, under the name and the color of the head."""
    rows = ""
    for name, (color, classes) in predictions.items():
        terms = [f'<dt style="--head: {color}">{html.escape(name)}</dt>', *["<dt></dt>"] * (len(classes) - 1)]
        for term, prediction in zip(terms, classes, strict=True):
            label, probability = numbers.short_label(prediction.label), numbers.percent(prediction.probability)
            rows += f"{term}<dd>{html.escape(label)}</dd><dd>{probability}</dd>"
    st.html(f'<dl class="abn-answer">{rows}</dl>')
