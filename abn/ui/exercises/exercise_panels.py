"""Questions as a person sees them: the picture and the options, then the map, the right option, and why.

Everything comes from the stored question material, so nothing here loads a network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from PIL import Image

from abn.explanations.explanation import Prediction
from abn.export.figures import MapStyle
from abn.images.decode import open_picture
from abn.images.fit import fit_picture
from abn.plots import theme
from abn.teaching import exercises
from abn.teaching.exercises import Attempt, Question, QuestionMaterial, ScoredAnswer
from abn.teaching.exercises.question_material import Item, PredictionRecord
from abn.teaching.exercises.scores import Cell
from abn.ui import maps
from abn.ui.components import map_view
from abn.ui.layout import escape_markdown
from abn.ui.predictions import show_classes
from abn.ui.state import state
from abn.vocabulary import HEADS, InputSpec

VIEW = MapStyle(opacity=0.6)  # the same for everybody
LIMITS = "A map is evidence of what the network weighs, not proof of why it answers as it does."


def show_question(material: QuestionMaterial, question: Question, attempt: Attempt) -> None:
    """A question with its picture and options; once it is answered, with the map and the explanation."""
    st.subheader(exercises.KINDS[question.kind], anchor=False)
    st.markdown(escape_markdown(question.text))
    panel = QuestionPanel(material, question, attempt)
    {
        "where": panel.show_where,
        "head": panel.show_head,
        "mechanism": panel.show_mechanism,
        "flip": panel.show_flip,
    }[question.kind]()
    item = panel.item
    title = f"{escape_markdown(item.title)}. " if question.kind != "head" or panel.answer else ""  # it may be the label
    st.caption(f"{title}Picture: {escape_markdown(item.credit)}")


@dataclass(frozen=True)
class QuestionPanel:
    """A question in an attempt, with a method for each kind of question."""

    material: QuestionMaterial
    question: Question
    attempt: Attempt

    @property
    def answer(self) -> ScoredAnswer | None:
        """The given answer; None until there is one."""
        return self.attempt.answers.get(self.question.number)

    @property
    def item(self) -> Item:
        """The picture that the question is about."""
        return self.material.items[self.question.picture]

    @property
    def stored(self) -> PredictionRecord:
        """The stored prediction of the question's network for the picture."""
        return self.material.predictions[self.question.picture, self.question.variant]

    # ---- one kind of question each ----

    def show_where(self) -> None:
        """Pick a cell on the plain picture; then the map, with the cell framed."""
        attempt, answer = self.attempt, self.answer
        left, right = st.columns([5, 6], gap="large")
        if answer:
            with left:
                self._show_map(self.question.variant, picked=answer.answer)
            with right:
                self._show_outcome(answer)
            return
        with left:
            map_view.show(
                maps.encode_once(maps.enlarge(self._network_input(self.question.variant))),
                self.stored.attention,
                VIEW,
                (0.0, 1.0),
                alt=self.item.alt,
                key=self._key("pick"),
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
                on_click=self._record_answer,
                args=(attempt.cell,),
                disabled=attempt.cell is None,
                type="primary",
                icon=":material/visibility:",
                key=self._key("show"),
            )
            st.caption(
                "Points: the share of the other cells that are less bright than yours. The brightest cell gets 1, a "
                "cell picked at random 0.50 on average."
            )

    def show_head(self) -> None:
        """Both heads' first predictions beside the picture; then the map and more of their predictions."""
        left, right = st.columns([5, 6], gap="large")
        with left:
            if self.answer:
                self._show_map(self.question.variant)
            else:
                image = maps.enlarge(self._network_input(self.question.variant))
                st.image(image, width="stretch", alt=self.item.alt)
        with right:
            classes = {head: getattr(self.stored, head)[: None if self.answer else 1] for head in self.question.options}
            show_classes({HEADS[head]: (theme.HEAD_COLORS[head], shown) for head, shown in classes.items()})
            self._show_options(HEADS.__getitem__)

    def show_mechanism(self) -> None:
        """Three maps of one picture side by side; then the mechanism of each."""
        for column, letter, variant in zip(st.columns(3, gap="medium"), "ABC", self.question.shown, strict=True):
            with column:
                mechanism = f": {self.material.cards[variant].mechanism}" if self.answer else ""
                is_asked = variant == self.question.variant and not self.answer
                badge = " :blue-badge[which mechanism?]" if is_asked else ""
                st.markdown(f"##### Map {letter}{mechanism}{badge}")
                self._show_map(variant, name=f"Map {letter}")
        self._show_options()

    def show_flip(self) -> None:
        """The network's own map and the edited one, with the prediction before; then the prediction after."""
        edit = self.stored.edits[self.question.edit]
        first, second, right = st.columns(3, gap="medium")
        with first:
            st.markdown("##### Its own map")
            self._show_map(self.question.variant)
        with second:
            st.markdown(f"##### Edited: {self.question.edit}")
            image, title = self._network_input(self.question.variant), f"The edited map, {self.question.edit}"
            maps.show_attention(image, edit.attention, VIEW, title=title, key=self._key("edited"))
            st.caption(maps.describe_range(edit.attention))
        with right:
            heads: dict[str, tuple[str, Sequence[Prediction]]] = {"Before": (theme.LIGHT_GRAY, self.stored.perception)}
            if self.answer:
                heads["After"] = theme.HEAD_COLORS["perception"], [edit.after]
            show_classes(heads)
            self._show_options()

    # ---- shared by the kinds ----

    def _show_options(self, label: Callable[[str], str] = str) -> None:
        """The options as buttons, or the outcome; `label` gives an option in words."""
        if self.answer:
            self._show_outcome(self.answer, label)
            return
        with st.container(horizontal=True):
            for option in self.question.options:
                key = self._key(f"option {option}")
                st.button(label(option), on_click=self._record_answer, args=(option,), key=key, width="content")

    def _show_outcome(self, answer: ScoredAnswer, label: Callable[[str], str] = str) -> None:
        """Whether the answer is right, why, and the button to the next question."""
        right = escape_markdown(label(self.question.right))
        if not self.question.options:
            st.info(f"**{answer.score:.2f} points.** {escape_markdown(answer.remark)}", icon=":material/my_location:")
        elif answer.score:
            st.success(f"Right: “**{right}**”.", icon=":material/check:")
        else:
            wrong = escape_markdown(label(answer.in_words))
            st.warning(f"You said “{wrong}”. Right is “**{right}**”.", icon=":material/close:")
        st.markdown(escape_markdown(self.question.explanation))
        st.caption(LIMITS)
        st.button(
            "See the scores" if self.question.number == exercises.COUNT else "Next",
            on_click=self.attempt.go_to,
            args=(self.attempt.index + 1,),
            type="primary",
            icon=":material/arrow_forward:",
            key=self._key("next"),
        )

    def _record_answer(self, answer: str | Cell) -> None:
        scored = exercises.score_answer(self.question, answer, material=self.material)
        self.attempt.answers.setdefault(self.question.number, scored)
        self.attempt.cell = None

    def _show_map(self, variant: str, *, picked: Any = None, name: str = "Attention map") -> None:
        """A network's own map over its input, raw from 0 to 1; the `picked` cell is framed."""
        attention = self.material.predictions[self.question.picture, variant].attention
        image, title, key = self._network_input(variant), f"{name} over: {self.item.alt}", self._key(f"map {variant}")
        maps.show_attention(image, attention, VIEW, title=title, key=key, picked=picked)
        st.caption(maps.describe_range(attention))

    def _network_input(self, variant: str) -> Image.Image:
        """The picture as it was fitted to a network's input."""
        return _fit_file(self.item.sha256, self.material.cards[variant].input, self.item.fit, self.item.path)

    def _key(self, element: str) -> str:
        return f"exercise-{state.exercise_set}-{self.question.number}-{element}"


@st.cache_data(show_spinner=False, max_entries=128)
def _fit_file(sha256: str, spec: InputSpec, fit: str, _path: Path) -> Image.Image:
    return fit_picture(open_picture(_path.read_bytes(), name=_path.name), spec, fit).image
