"""Questions as a person sees them: the picture, the options, then the map, what is right, and why.

Everything comes from the stored bank, so nothing here loads a network.
"""

import html
from collections.abc import Callable, Sequence

import streamlit as st
from PIL import Image

from abn import vocabulary
from abn.explanations.explanation import Prediction
from abn.images.decode import open_picture
from abn.images.fit import fit_picture
from abn.plots import color_maps, numbers, theme
from abn.teaching import exercises
from abn.teaching.exercises import Answered, Bank, Question
from abn.teaching.exercises.scores import Cell
from abn.ui import maps
from abn.ui.components import map_view
from abn.ui.controls.view_settings import View
from abn.ui.exercises.sitting import Sitting
from abn.ui.layout import escape_markdown
from abn.ui.state import state

HOW = View(opacity=0.6, colors=color_maps.DEFAULT_COLORS, scale="raw", smooth=True)  # the same for everybody
RAW = (0.0, 1.0)
GRAY = "#8a919b"  # of what was before, as on Intervene
LIMITS = "A map is evidence of what the network weighs, not proof of why it answers as it does."


def heading(question: Question) -> None:
    """What is asked."""
    st.subheader(exercises.KINDS[question.kind], anchor=False)
    st.markdown(escape_markdown(question.asks))


# ---- one kind of question each ----


def where(bank: Bank, question: Question, sat: Sitting, given: Answered | None) -> None:
    """Pick the cell on the plain picture; then the map, with the cell framed."""
    told, image = bank.told[question.picture, question.variant], _seen(bank, question.picture, question.variant)
    left, right = st.columns([5, 6], gap="large")
    with left:
        if given:
            _map(bank, question, question.variant, picked=given.answer)
        else:
            map_view.show(
                _large(image),
                told.attention,
                alt=bank.items[question.picture].alt,
                key=_key(question, "pick"),
                picked=sat.cell,
                on_pick=lambda row, column: setattr(sat, "cell", (row, column)),
                hidden=True,
            )
    with right:
        if given:
            reveal(question, sat, given)
            return
        st.markdown(
            f"Your cell: **row {sat.cell[0] + 1}, column {sat.cell[1] + 1}**" if sat.cell else "No cell picked yet."
        )
        st.button(
            "Show the map",
            on_click=_answer,
            args=(bank, question, sat, sat.cell),
            disabled=sat.cell is None,
            type="primary",
            icon=":material/visibility:",
            key=_key(question, "show"),
        )
        st.caption(
            "Points: the share of the other cells that are less bright than yours. The brightest cell gets 1, a cell "
            "picked at random 0.50 on average."
        )


def head(bank: Bank, question: Question, sat: Sitting, given: Answered | None) -> None:
    """Both heads' first answers beside the picture; then the map and more of what they say."""
    told = bank.told[question.picture, question.variant]
    left, right = st.columns([5, 6], gap="large")
    with left:
        if given:
            _map(bank, question, question.variant)
        else:
            _plain_picture(bank, question)
    with right:
        says = {vocabulary.HEADS[name]: (theme.HEAD_COLORS[name], getattr(told, name)) for name in question.options}
        _answers({name: (color, found[: len(found) if given else 1]) for name, (color, found) in says.items()})
        _options(bank, question, sat, given, lambda name: vocabulary.HEADS[name])


def mechanism(bank: Bank, question: Question, sat: Sitting, given: Answered | None) -> None:
    """Three maps of one picture side by side; then whose they are."""
    for place, letter, variant in zip(st.columns(3, gap="medium"), "ABC", question.shown, strict=True):
        with place:
            card = bank.cards[variant]
            asked = " :blue-badge[which mechanism?]" if variant == question.variant and not given else ""
            st.markdown(f"##### Map {letter}{f': {card.mechanism}' if given else ''}{asked}")
            _map(bank, question, variant, name=f"map {letter}")
    _options(bank, question, sat, given)


def flip(bank: Bank, question: Question, sat: Sitting, given: Answered | None) -> None:
    """The network's own map and the edited one, with the answer before; then the answer after."""
    told = bank.told[question.picture, question.variant]
    edited = told.edits[question.edit]
    first, second, right = st.columns(3, gap="medium")
    with first:
        st.markdown("##### Its own map")
        _map(bank, question, question.variant)
    with second:
        st.markdown(f"##### Edited: {question.edit}")
        image, alt = _seen(bank, question.picture, question.variant), f"The edited map, {question.edit}"
        alt = maps.describe_map(edited.attention, alt)
        maps.show_map(image, edited.attention, HOW, RAW, alt=alt, key=_key(question, "edited"))
        st.caption(maps.describe_range(edited.attention))
    with right:
        gray, blue = GRAY, theme.HEAD_COLORS["perception"]
        _answers({"Before": (gray, told.perception), **({"After": (blue, [edited.after])} if given else {})})
        _options(bank, question, sat, given)


def credit(bank: Bank, question: Question, given: Answered | None) -> None:
    """Whom to thank for the picture, and what it is, once that gives nothing away."""
    item = bank.items[question.picture]
    title = f"{escape_markdown(item.title)}. " if given or question.kind != "head" else ""
    st.caption(f"{title}Picture: {escape_markdown(item.credit)}")


# ---- what they share ----


def reveal(question: Question, sat: Sitting, given: Answered, said: Callable[[str], str] = str) -> None:
    """Whether the answer is right, why, and on to the next question."""
    if not question.options:
        st.info(f"**{given.score:.2f} points.** {escape_markdown(given.remark)}", icon=":material/my_location:")
    elif given.score:
        st.success(f"Right: “**{escape_markdown(said(question.right))}**”.", icon=":material/check:")
    else:
        st.warning(
            f"You said “{escape_markdown(said(given.in_words))}”. Right is “**{escape_markdown(said(question.right))}**”.",
            icon=":material/close:",
        )
    st.markdown(escape_markdown(question.explanation))
    st.caption(LIMITS)
    last = question.number == exercises.COUNT
    st.button(
        "See the scores" if last else "Next",
        on_click=_go,
        args=(sat, sat.at + 1),
        type="primary",
        icon=":material/arrow_forward:",
        key=_key(question, "next"),
    )


def _options(
    bank: Bank, question: Question, sat: Sitting, given: Answered | None, said: Callable[[str], str] = str
) -> None:
    """The options as buttons, or what came of the one that was pressed."""
    if given:
        reveal(question, sat, given, said)
        return
    with st.container(horizontal=True):
        for option in question.options:
            st.button(
                said(option),
                on_click=_answer,
                args=(bank, question, sat, option),
                key=_key(question, f"option {option}"),
                width="content",
            )


def _answer(bank: Bank, question: Question, sat: Sitting, answer: str | Cell) -> None:
    sat.answers.setdefault(question.number, exercises.answered(question, answer, bank=bank))
    sat.cell = None


def _go(sat: Sitting, at: int) -> None:
    sat.at, sat.cell = at, None


def _key(question: Question, what: str) -> str:
    return f"exercise-{state.exercise_set}-{question.number}-{what}"


def _map(
    bank: Bank, question: Question, variant: str, *, picked: Cell | None = None, name: str = "Attention map"
) -> None:
    """A network's own map over what it saw, raw from 0 to 1."""
    attention = bank.told[question.picture, variant].attention
    said = maps.describe_map(attention, f"{name[0].upper()}{name[1:]} over: {bank.items[question.picture].alt}")
    image, key = _seen(bank, question.picture, variant), _key(question, f"map {variant}")
    maps.show_map(image, attention, HOW, RAW, alt=said, key=key, picked=picked)
    st.caption(maps.describe_range(attention))


def _plain_picture(bank: Bank, question: Question) -> None:
    image = _large(_seen(bank, question.picture, question.variant))
    st.image(image, width="stretch", alt=bank.items[question.picture].alt)


def _seen(bank: Bank, picture: str, variant: str) -> Image.Image:
    """What the network saw."""
    item, spec = bank.items[picture], bank.cards[variant].input
    return _fitted(item.sha256, spec, item.fit, item.path)


@st.cache_data(show_spinner=False, max_entries=128)
def _fitted(sha256: str, spec, fit: str, _path) -> Image.Image:
    return fit_picture(open_picture(_path.read_bytes(), name=_path.name), spec, fit).image


def _large(image: Image.Image) -> Image.Image:
    return image.resize((maps.PANEL, maps.PANEL), Image.Resampling.BICUBIC)


def _answers(says: dict[str, tuple[str, Sequence[Prediction]]]) -> None:
    """Who says what with which probability: name → color and classes, the likeliest first."""
    rows = "".join(
        f"{_named(name, color) if place == 0 else '<dt></dt>'}"
        f"<dd>{html.escape(numbers.short_label(one.label))}</dd><dd>{numbers.percent(one.probability)}</dd>"
        for name, (color, found) in says.items()
        for place, one in enumerate(found)
    )
    st.html(f'<dl class="abn-answer">{rows}</dl>')


def _named(name: str, color: str) -> str:
    return f'<dt style="--head: {color}">{html.escape(name)}</dt>'
