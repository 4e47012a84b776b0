"""Questions as a person sees them: the options and the image, then the correct option, the map, and why.

What is pressed and what comes of it stand in one row above the image, so that the reveal moves nothing.

Everything comes from the stored question material, so nothing here loads a network.
"""

from collections.abc import Mapping, Sequence
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
from abn.teaching.exercises import Attempt, Question, QuestionMaterial, ScoredAnswer, wording
from abn.teaching.exercises.question_material import Item, PredictionRecord
from abn.teaching.exercises.scores import Cell
from abn.ui import maps
from abn.ui.components import map_view
from abn.ui.exercises import words
from abn.ui.layout import escape_markdown
from abn.ui.predictions import show_classes
from abn.ui.state import state
from abn.vocabulary import HEADS, InputSpec

VIEW = MapStyle(opacity=0.6)  # the same for everybody
FEATURES_VIEW = MapStyle(opacity=0.85)  # colors are to be compared with colors


def show_question(material: QuestionMaterial, question: Question, attempt: Attempt) -> None:
    """A question with its options and its image; once it is answered, with the map and the explanation."""
    with st.container(key="exercise-question"):
        st.subheader(exercises.KINDS[question.kind], anchor=False)
        st.markdown(escape_markdown(question.text))
    panel = QuestionPanel(material, question, attempt)
    panel.show_row()
    {
        "where": panel.show_where,
        "head": panel.show_head,
        "mechanism": panel.show_mechanism,
        "flip": panel.show_flip,
    }[question.kind]()
    item = panel.item
    title = f"{escape_markdown(item.title)}. " if question.kind != "head" or panel.answer else ""  # it may be the label
    st.caption(words.CREDIT.format(title=title, credit=escape_markdown(item.credit)))


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
        """The image that the question is about."""
        return self.material.items[self.question.image]

    @property
    def stored(self) -> PredictionRecord:
        """The stored prediction of the question's variant for the image."""
        return self.material.predictions[self.question.image, self.question.variant]

    # ---- one kind of question each ----

    def show_where(self) -> None:
        """Pick a cell on the plain image; then the map, with the picked and the brightest cell framed."""
        attempt, answer = self.attempt, self.answer
        left, right = st.columns([5, 6], gap="large")
        if answer:
            with left, st.container(key="exercise-square"):
                best = wording.brightest(self.stored.attention)
                self._show_map(self.question.variant, picked=answer.answer, best=best)
            with right:
                key = words.BEST_ALSO_OWN if best == answer.answer else words.BEST_KEY
                st.markdown(key.format(best=wording.cell(best), own=answer.in_words))
                self._explain()
                st.caption(words.LIMITS)
            return
        with left, st.container(key="exercise-square"):
            map_view.show(
                maps.encode_once(self._network_input(self.question.variant)),
                self.stored.attention,
                VIEW,
                (0.0, 1.0),
                alt=self.item.alt,
                key=self._key("pick"),
                picked=attempt.cell,
                on_pick=lambda row, column: setattr(attempt, "cell", (row, column)),
                hidden=True,
            )
        right.caption(words.POINTS_RULE)

    def show_head(self) -> None:
        """Both heads' first predictions beside the image; then the map and more of their predictions."""
        heads = {HEADS[head]: (theme.HEAD_COLORS[head], getattr(self.stored, head)) for head in self.question.options}
        first = {name: (color, shown[:1]) for name, (color, shown) in heads.items()}
        self._show_above(first)
        left, right = st.columns([5, 6], gap="large")
        with left, st.container(key="exercise-square"):
            if self.answer:
                self._show_map(self.question.variant)
            else:
                image = maps.encode_once(self._network_input(self.question.variant))
                st.image(image.data, width="stretch", alt=self.item.alt)
        with right:
            self._show_beside(heads if self.answer else first)
            self._explain()

    def show_mechanism(self) -> None:
        """M, and the features before and after it was applied, these two on one scale; then the numbers of the
        brightest cell."""
        best = wording.brightest(self.stored.attention) if self.answer else None
        with st.container(key="exercise-three"):
            first, *columns = st.columns(3, gap="medium")
        with first, st.container(key="exercise-square-M"):
            st.markdown(words.MAP_HEADING)
            self._show_map(self.question.variant, best=best)
        before, after = self.stored.features, self.stored.reweight_features(self.question.right)
        limits, image = (0.0, float(max(before.max(), after.max()))), self._network_input(self.question.variant)
        for column, symbol, heading, values in zip(
            columns, ("g", "g′"), (words.BEFORE_HEADING, words.AFTER_HEADING), (before, after), strict=True
        ):
            with column, st.container(key=f"exercise-square-{symbol}"):
                st.markdown(heading)
                alt = words.FEATURES_ALT.format(name=heading.lstrip("# "), alt=self.item.alt)
                key = self._key(symbol)
                maps.show_map(image, values, FEATURES_VIEW, limits, alt=alt, key=key, symbol=symbol, best=best)
                if self.answer:  # before, the numbers alone would tell
                    st.caption(words.RANGE.format(name=symbol, low=values.min(), high=values.max()))
        self._explain()

    def show_flip(self) -> None:
        """The variant's own map and the edited one, with the prediction before; then the prediction after."""
        edit = self.stored.edits[self.question.edit]
        heads: dict[str, tuple[str, Sequence[Prediction]]] = {words.BEFORE: (theme.LIGHT_GRAY, self.stored.perception)}
        self._show_above(heads)
        left, right = st.columns([3, 2], gap="medium")
        with left, st.container(key="exercise-two"):
            first, second = st.columns(2, gap="medium")
        with first, st.container(key="exercise-square-own"):
            st.markdown(words.OWN_MAP)
            self._show_map(self.question.variant)
        with second, st.container(key="exercise-square-edited"):
            st.markdown(words.EDITED_MAP.format(edit=self.question.edit))
            title = words.EDITED_TITLE.format(edit=self.question.edit)
            image = self._network_input(self.question.variant)
            maps.show_attention(image, edit.attention, VIEW, title=title, key=self._key("edited"))
            st.caption(words.RANGE.format(name="M", low=edit.attention.min(), high=edit.attention.max()))
        with right:
            if self.answer:
                heads[words.AFTER] = theme.HEAD_COLORS["perception"], [edit.after]
            self._show_beside(heads)
            self._explain()

    # ---- shared by the kinds ----

    def show_row(self) -> None:
        """The options as buttons, or that which shows the map; in their place the outcome, once there is one."""
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="exercise-row"):
            if self.answer:
                self._show_outcome(self.answer)
            elif self.question.options:
                for option in self.question.options:
                    key = self._key(f"option {option}")
                    label = HEADS.get(option, option)
                    st.button(label, on_click=self._record_answer, args=(option,), key=key, width="content")
            else:
                self._show_picked_cell(self.attempt.cell)

    def _show_picked_cell(self, cell: Cell | None) -> None:
        """The button that shows the map, and the cell that was picked on the image."""
        st.button(
            words.SHOW_MAP,
            on_click=self._record_answer,
            args=(cell,),
            disabled=cell is None,
            type="primary",
            icon=":material/visibility:",
            key=self._key("show"),
        )
        picked = words.YOUR_CELL.format(row=cell[0] + 1, column=cell[1] + 1) if cell else words.NO_CELL
        st.markdown(picked, width="content")

    def _show_outcome(self, answer: ScoredAnswer) -> None:
        """Whether the answer is correct, and the button to the next question."""
        right, given = (escape_markdown(HEADS.get(text, text)) for text in (self.question.right, answer.in_words))
        if not self.question.options:
            st.info(words.POINTS.format(points=answer.score), icon=":material/my_location:")
        elif answer.score:
            st.success(words.RIGHT.format(right=right), icon=":material/check:")
        else:
            st.warning(words.WRONG.format(given=given, right=right), icon=":material/close:")
        st.button(
            words.TO_SCORES if self.question.number == exercises.COUNT else words.NEXT,
            on_click=self.attempt.go_to,
            args=(self.attempt.index + 1,),
            type="primary",
            icon=":material/arrow_forward:",
            key=self._key("next"),
        )

    def _show_above(self, heads: Mapping[str, tuple[str, Sequence[Prediction]]]) -> None:
        """The predictions that the question is about, above the image: on a phone, where they would lie below the
        screen. They stay there after the answer, so that no image moves."""
        with st.container(key="exercise-above"):
            show_classes(heads)

    def _show_beside(self, heads: Mapping[str, tuple[str, Sequence[Prediction]]]) -> None:
        """The predictions beside the image: on a phone, only those that come with the answer."""
        with st.container(key="exercise-after" if self.answer else "exercise-beside"):
            show_classes(heads)

    def _explain(self) -> None:
        """Why the answer is correct or not, once there is one."""
        if self.answer:
            for text in filter(None, (self.answer.remark, self.question.explanation)):
                st.markdown(escape_markdown(text))

    def _record_answer(self, answer: str | Cell) -> None:
        scored = exercises.score_answer(self.question, answer, material=self.material)
        self.attempt.answers.setdefault(self.question.number, scored)
        self.attempt.cell = None

    def _show_map(self, variant: str, *, picked: Any = None, best: Cell | None = None) -> None:
        """A variant's own map over its input, raw from 0 to 1; the `picked` and the `best` cell are framed."""
        attention = self.material.predictions[self.question.image, variant].attention
        title = words.MAP_OVER.format(name=words.MAP_TITLE, alt=self.item.alt)
        image, key = self._network_input(variant), self._key(f"map {variant}")
        maps.show_attention(image, attention, VIEW, title=title, key=key, picked=picked, best=best)
        st.caption(maps.describe_range(attention))

    def _network_input(self, variant: str) -> Image.Image:
        """The image as it was fitted to a variant's input."""
        return _fit_file(self.item.sha256, self.material.cards[variant].input, self.item.fit, self.item.path)

    def _key(self, element: str) -> str:
        return f"exercise-{state.exercise_set}-{self.question.number}-{element}"


@st.cache_data(show_spinner=False, max_entries=128)
def _fit_file(sha256: str, spec: InputSpec, fit: str, _path: Path) -> Image.Image:
    return fit_picture(open_picture(_path.read_bytes(), name=_path.name), spec, fit).image
