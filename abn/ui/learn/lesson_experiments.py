"""The lesson's experiments, steps 6 to 10: deleted cells, the study, an edited map, and statements to judge."""

from functools import partial

import numpy as np
import streamlit as st

from abn.evaluation import deletion_insertion
from abn.evaluation.deletion_insertion import BRIGHT, DARK, DELETION, RANDOM, CurveComparison, CurveSpec
from abn.explanations import interventions
from abn.explanations.interventions import Effect
from abn.images.fit import DEFAULT_FIT
from abn.plots import color_maps, curve_chart, numbers
from abn.study import findings
from abn.teaching.lessons import STATEMENTS
from abn.ui import maps
from abn.ui.components.painter import TOOLS, show_painter
from abn.ui.elements import IN_SESSION, choose, show_chart, show_shaded_table
from abn.ui.intervene import edit_history
from abn.ui.intervene import words as intervene_words
from abn.ui.intervene.edit_history import History
from abn.ui.layout import escape_markdown
from abn.ui.learn import lesson_basis as basis
from abn.ui.learn import words
from abn.ui.runtime import cache, cached_inference
from abn.ui.runtime.turns import page_turn
from abn.ui.state import state
from abn.ui.study import findings_panels
from abn.variants.card import Card, class_names
from abn.variants.store import find_variant
from abn.vocabulary import MULTIPLICATIVE

FIFTH = 0.2
CURVE_STEPS, ORDERS = 7, 5  # of the deletion curves: steps, and random orders, as on Measure
CHART_HEIGHT = 340  # pixels, of the curves
CONTROLS = ("constant mean", "shuffled")  # beside a painted map


def show_bright_cells() -> bool:
    """A fifth of the cells deleted, for a variant and one whose map was made to be inverted; done with all three."""
    chosen = choose(words.DELETED, words.COVERS, "lesson-cover", **IN_SESSION)
    state.lesson_covers_tried.add(chosen)
    shown = {words.BRIGHTEST: (BRIGHT, 1), words.DARKEST: (DARK, 1), words.RANDOM: (RANDOM, ORDERS)}
    rows: dict[str, list[str]] = {cover: [] for cover in shown}
    titles = []
    table = st.container(key="lesson-result")
    for place, card in zip(
        st.columns(2, gap="medium"), (find_variant(basis.UPRIGHT), basis.find_inverted()), strict=True
    ):
        titles.append(card.title)
        before = basis.explain_image(basis.open_image(basis.PHOTO), card)
        predicted = int(before.perception.argmax())
        deleted = {
            cover: [_delete_fifth(card, order, seed) for seed in range(count)]
            for cover, (order, count) in shown.items()
            if cover in state.lesson_covers_tried
        }
        for cover, row in rows.items():
            changes = [
                float(after.probabilities[predicted] - before.perception[predicted]) for after in deleted.get(cover, ())
            ]
            row.append(_describe_changes(changes) if changes else words.NOT_TRIED)
        with place:
            engineered = f" {words.ENGINEERED}" if card.lesson else ""
            st.markdown(f"**{escape_markdown(card.title)}**{engineered}")
            with st.container(key=f"pairs-bright-{card.id}"):
                left, right = st.columns(2)
            with left:
                image = before.fitted.image if chosen == words.NOTHING else deleted[chosen][0].image
                st.image(image, alt=words.COVERED_ALT.format(cover=chosen), width="stretch")
            with right:
                basis.show_map(before, card, f"lesson-bright-{card.id}")
    with table:
        names = {words.RANDOM: words.RANDOM_ROW.format(count=ORDERS)}
        show_shaded_table([words.EFFECTS, *titles], [(names.get(cover, cover), row) for cover, row in rows.items()])
    basis.reveal("result", chosen)
    return state.lesson_covers_tried >= shown.keys()


def _describe_changes(changes: list[float]) -> str:
    """A change in points, or the mean and the range of several."""
    mean = numbers.points(float(np.mean(changes)))
    if len(changes) == 1:
        return mean
    low, high = numbers.points(min(changes)), numbers.points(max(changes))
    return words.RANDOM_EFFECT.format(mean=mean, low=low, high=high)


def _delete_fifth(card: Card, order: str, seed: int) -> deletion_insertion.PartlyDeletedImage:
    spec = CurveSpec(DELETION, order, seed)

    def compute(_: list[int]) -> list[deletion_insertion.PartlyDeletedImage]:
        with page_turn():
            return [deletion_insertion.delete_cells(subject, card.input, spec, FIFTH)]

    subject = cached_inference.get_subject(basis.open_image(basis.PHOTO), card, DEFAULT_FIT)
    return cache.server_cache().get_or_compute([("lesson", basis.PHOTO, card.id, card.sha256, spec, FIFTH)], compute)[0]


def show_deletion() -> bool:
    """The deletion curve in the map's order beside random orders; done with the comparison that the areas give."""
    card = find_variant(basis.UPRIGHT)
    comparison = compare_deletion(card)
    top = curve_chart.axis_top([comparison])
    chart = curve_chart.curve_chart(comparison, DELETION, top=top).update_layout(height=CHART_HEIGHT)
    show_chart(chart, curve_chart.curves_in_words(card.title, comparison, DELETION), "lesson-curves")
    areas = [curve.area for curve in comparison.random]
    values = {"bright": comparison.bright.area, "low": min(areas), "high": max(areas)}
    st.markdown(words.AREAS.format(count=len(areas), **{name: f"{value:.3f}" for name, value in values.items()}))
    answer = st.radio(words.FASTER, words.FASTER_OPTIONS, index=None, key="lesson-faster", **IN_SESSION)
    right = faster_order(comparison)
    with st.container(key="lesson-result"):
        if answer and answer != right:
            st.warning(words.COMPARE_AGAIN, icon=":material/search:")
    basis.reveal("result", answer)
    return answer == right


def faster_order(comparison: CurveComparison) -> str:
    """Which order lowers the probability faster, one of `words.FASTER_OPTIONS`."""
    if not comparison.outside_random_range:
        return words.NO_DIFFERENCE
    return words.MAP_ORDER if comparison.difference < 0 else words.RANDOM_ORDERS


def compare_deletion(card: Card) -> CurveComparison:
    """The deletion curves of the lesson's image, computed once for all sessions."""
    specs = deletion_insertion.curve_specs(DELETION, steps=CURVE_STEPS, random_orders=ORDERS)
    subject = cached_inference.get_subject(basis.open_image(basis.PHOTO), card, DEFAULT_FIT)

    def compute(missing: list[int]) -> list[deletion_insertion.CurveResult]:
        turn = page_turn()  # at each forward pass: nobody waits for the whole curve
        return [deletion_insertion.compute_curve(subject, card.input, specs[k], turn=turn) for k in missing]

    with st.spinner(words.COMPUTING):
        keys = [("lesson", basis.PHOTO, card.id, card.sha256, spec) for spec in specs]
        curves = cache.server_cache().get_or_compute(keys, compute)
    return deletion_insertion.compare_curves(curves)


def show_study() -> bool:
    """The study's figure and a question on each of its data sets; done with what the same results give."""
    comparison = findings.compared(findings.read_study(), "none")
    places = findings_panels.show_figure(comparison, key="lesson", count_seeds=False, narrow=True)
    right = []
    for number, (place, (dataset, rows)) in enumerate(zip(places, comparison.rows.items(), strict=True), 1):
        label = words.EXCLUDES_ZERO.format(dataset=escape_markdown(dataset))
        options, key = (words.YES, words.NO), f"lesson-seen-{number}"
        answer = place.radio(label, options, index=None, horizontal=True, key=key, **IN_SESSION)
        differs = any(row.name == MULTIPLICATIVE and row.outcome in ("higher", "lower") for row in rows)
        right.append(answer == (words.YES if differs else words.NO))
        if answer and not right[-1]:
            place.warning(words.CHECK_AGAIN, icon=":material/search:")
    return all(right)


def show_painting() -> bool:
    """A map to paint and two controls; done once a map was painted and both controls were applied. The controls fill
    their rows of the table only: what is painted next begins from the map that was painted before."""
    card, picture = find_variant(basis.UPRIGHT), basis.open_image(basis.PHOTO)
    subject = cached_inference.get_subject(picture, card, DEFAULT_FIT)
    owner = f"{basis.PHOTO} {card.sha256}"

    def get_history() -> History:
        if state.lesson_history is None or state.lesson_history[0] != owner:
            state.lesson_history = owner, edit_history.start_history(subject.attention)
        return state.lesson_history[1]

    def add(name: str, attention: np.ndarray, *, painted: bool = False) -> None:
        state.lesson_history = owner, get_history().add(name, attention, painted=painted)

    def undo() -> None:
        state.lesson_history = owner, get_history().undo()

    history, tried = get_history(), state.lesson_controls_tried
    left, right = st.columns(2, gap="medium")
    with left:
        tool = choose(words.TOOL, list(TOOLS), "lesson-tool", label_visibility="collapsed", **IN_SESSION)
        effect_line = st.container(key="lesson-painted")  # on a phone, whose table lies below the screen
        with st.container(key="lesson-square-painter"):
            show_painter(
                history.current.attention,
                maps.encode_once(subject.fitted.image),
                tool=tool,
                strength=0.5,
                size=3,
                version=f"{owner} {history.redraws}",
                label=words.PAINTER_LABEL,
                key="lesson-painter",
                on_paint=partial(add, words.PAINTED, painted=True),
                colors=color_maps.css_colors(basis.VIEW.colors),
                opacity=basis.VIEW.opacity,
            )
            maps.show_color_bar(basis.VIEW.colors, 0.0, 1.0)
    with right:
        with st.container(horizontal=True):
            st.button(words.UNDO, on_click=undo, disabled=history.index == 0, key="lesson-undo")
            reset = partial(add, intervene_words.OWN_MAP, subject.attention)
            unchanged = np.array_equal(history.current.attention, subject.attention)
            st.button(words.RESET, on_click=reset, disabled=unchanged, key="lesson-reset")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(words.CONTROLS, width="content")
            for name in CONTROLS:
                st.button(name.capitalize(), on_click=tried.add, args=(name,), key=f"lesson-{name}")
        applied = {intervene_words.OWN_MAP: subject.attention}
        if not unchanged:
            applied[words.PAINTED] = history.current.attention
        applied |= {name: interventions.PRESETS[name](subject.attention) for name in CONTROLS if name in tried}
        predicted = cached_inference.predict(picture, card, DEFAULT_FIT, list(applied.values()))
        labels = class_names(card)
        rows = {name: [words.NOT_TRIED] * 2 for name in (intervene_words.OWN_MAP, words.PAINTED, *CONTROLS)}
        for (name, attention), after in zip(applied.items(), predicted, strict=True):
            effect = Effect(name, attention, predicted[0], after)
            label = f"{numbers.short_label(labels[int(after.argmax())])}, {numbers.percent(float(after.max()))}"
            rows[name] = [label, numbers.points(effect.change)]
        with st.container(key="lesson-result"):
            show_shaded_table(words.EDITS_HEADER, list(rows.items()))
    shown = {"before": rows[intervene_words.OWN_MAP][0], "after": rows[words.PAINTED][0]}
    line = words.UNPAINTED_PREDICTION if unchanged else words.PAINTED_PREDICTION
    effect_line.markdown(line.format(**{place: escape_markdown(text) for place, text in shown.items()}))
    return tried.issuperset(CONTROLS) and any(edit.painted for edit in history.edits)


def show_statements() -> bool:
    """Statements to judge; done when all are right."""
    right, options = [], (words.TRUE, words.FALSE)
    for i, (sentence, true, why) in enumerate(STATEMENTS):
        left, place = st.columns(2, gap="medium")
        with left:
            answer = st.radio(sentence, options, index=None, horizontal=True, key=f"lesson-statement-{i}", **IN_SESSION)
        right.append(answer == (words.TRUE if true else words.FALSE))
        measured = f" {describe_control()}" if i == CONTROL_STATEMENT else ""
        help_text = words.MEASURED_HELP if measured.strip() and right[-1] else None
        verdict = words.RIGHT.format(why=why + measured) if right[-1] else words.WRONG if answer else ""
        with place, st.container(key=f"lesson-why-{i}"):
            st.markdown(verdict, help=help_text)
    return all(right)


CONTROL_STATEMENT = next(i for i, statement in enumerate(STATEMENTS) if "never applied" in statement.sentence)


def describe_control() -> str:
    """How well the map of the control "none" finds objects, by its card; "" where that was not measured."""
    measured = find_variant(basis.CONTROL).measured.get("scenes", {})
    if not {"count", "roc_auc"} <= measured.keys():
        return ""
    return words.MEASURED.format(count=measured["count"], auc=f"{measured['roc_auc']:.2f}")
