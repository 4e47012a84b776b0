"""Deletion and insertion on Measure: does the prediction depend on the cells that the map calls bright?

The curves of the chosen image are computed without a button where their estimated time is short.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from abn.evaluation import deletion_insertion
from abn.evaluation.deletion_insertion import (
    BASELINES,
    DELETION,
    INSERTION,
    KINDS,
    CurveComparison,
    CurveResult,
    CurveSpec,
    PartlyDeletedImage,
)
from abn.images import samples
from abn.plots import curve_chart, numbers
from abn.ui.controls import variant_picker
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import IN_ADDRESS, choose, show_chart, show_shaded_table
from abn.ui.layout import escape_markdown
from abn.ui.measure import words
from abn.ui.measure.sections import seconds_of_passes, unique_titles
from abn.ui.runtime import cache, cached_inference, jobs
from abn.ui.runtime.jobs import Job, Piece
from abn.ui.runtime.turns import page_turn
from abn.ui.state import state
from abn.variants.card import Card, class_names
from abn.variants.own import is_own

JOB = "curves"
STEPS = (7, 14, 28, 49)  # the first is the default: a first look while people wait
RANDOM_ORDERS = (deletion_insertion.RANDOM_ORDERS, 19, 49)  # by chance, another passes all n: 1 in n + 1
MAX_AUTOMATIC = 20.0  # seconds of estimated time beyond which a person presses a button

Comparisons = dict[str, dict[str, CurveComparison]]  # kind → variant id → its curve beside the random orders


@dataclass(frozen=True)
class Section:
    """What the section shows: the settings' curves, each variant's pieces, and the job that computes them."""

    specs: dict[str, list[CurveSpec]]  # kind → its curves
    pieces: dict[str, list[Piece]]  # by variant
    job: Job


def show_curves(choice: Choice) -> Section:
    """The result in one line, the curves of all chosen variants, numbers and limits."""
    headline = st.container(horizontal=True, vertical_alignment="center")
    heading = headline.container()
    with headline.popover(words.SETTINGS, icon=":material/tune:"):
        specs = _choose_curves()
    pieces = {
        card.id: [_curve_piece(choice, card, spec) for kind in KINDS for spec in specs[kind]]
        for card in choice.selection.cards
    }
    flat = [piece for of_variant in pieces.values() for piece in of_variant]
    seconds, passes = _estimate(choice, pieces)
    duration, orders = words.duration(seconds), sum(spec.order == deletion_insertion.RANDOM for spec in specs[DELETION])
    if passes:
        st.markdown(words.CURVES_PLAN.format(orders=orders, passes=passes, duration=duration))
    label, automatic = words.RUN_CURVES.format(duration=duration), seconds <= MAX_AUTOMATIC
    job = jobs.control(JOB, flat, label, icon=":material/monitoring:", automatic=automatic)
    comparisons = _compare(specs, pieces)
    help_text = words.HEADLINE_HELP.format(orders=orders, chances=orders + 1)
    heading.subheader(_headline(choice.selection.cards, comparisons), anchor="cells", help=help_text)
    with st.container():  # so that nothing below it moves while a job runs
        if any(comparisons.values()):
            _show_verdict(choice.selection.cards, comparisons)
            _show_charts(choice, comparisons)
            _show_numbers(choice, comparisons, flat)
    return Section(specs, pieces, job)


def describe_curves(section: Section) -> tuple[str, dict[str, object]]:
    """The settings of the curves, for the section as Python."""
    first, *others = section.specs[DELETION]
    random_orders = sum(spec.order == deletion_insertion.RANDOM for spec in others)
    return "curves", {"baseline": first.baseline, "steps": first.steps, "random_orders": random_orders}


def _choose_curves() -> dict[str, list[CurveSpec]]:
    """Draw the settings; the curves of each kind to compute."""
    baseline = choose(words.FILL, BASELINES, "paint", help=words.FILL_HELP, **IN_ADDRESS)
    steps = choose(words.STEPS, STEPS, "steps", help=words.STEPS_HELP, **IN_ADDRESS)
    random_orders = choose(words.RANDOM_ORDERS, RANDOM_ORDERS, "randoms", help=words.RANDOM_ORDERS_HELP, **IN_ADDRESS)
    darkest = st.toggle(words.DARKEST, key="darkest", **IN_ADDRESS)
    return {
        kind: deletion_insertion.curve_specs(
            kind, baseline=baseline, steps=steps, random_orders=random_orders, darkest=darkest
        )
        for kind in KINDS
    }


def _estimate(choice: Choice, pieces: dict[str, list[Piece]]) -> tuple[float, int]:
    """Seconds, and forward passes, that the curves will take which neither session nor server holds."""
    seconds, passes, server = 0.0, 0, cache.server_cache()
    for card in choice.selection.cards:
        keys = [(JOB, piece.key) for piece in pieces[card.id]]
        missing = [key for key in keys if state.cache.get(key) is None and server.get(key) is None]
        passes_here = sum(key[1][-1].steps + 1 for key in missing)
        seconds += seconds_of_passes(card, passes_here)
        passes += passes_here
    return seconds, passes


def _curve_piece(choice: Choice, card: Card, spec: CurveSpec) -> Piece:
    picture, fit = choice.chosen.picture, choice.fit
    shipped = picture.sha256 in samples.gallery_by_sha256() and not is_own(card.id)
    key = (picture.sha256, card.id, card.sha256, fit, spec)

    def compute(progress: jobs.Progress) -> CurveResult:
        def measure(_missing: list[int]) -> list[CurveResult]:
            subject = cached_inference.get_subject(picture, card, fit)
            turn = page_turn()
            return [deletion_insertion.compute_curve(subject, card.input, spec, progress=progress, turn=turn)]

        if not shipped:
            return measure([])[0]
        return cache.server_cache().get_or_compute([(JOB, key)], measure)[0]  # a class computes it once

    order = words.RANDOM_ORDER.format(number=spec.seed + 1) if spec.order == deletion_insertion.RANDOM else spec.order
    label = words.CURVE.format(kind=spec.kind.capitalize(), title=card.title, order=order)
    return Piece(key, label, compute)


def _compare(specs: dict[str, list[CurveSpec]], pieces: dict[str, list[Piece]]) -> Comparisons:
    """The curves of those variants of which all curves of a kind are there."""
    results = {variant: [r for r in jobs.results(JOB, of_variant) if r] for variant, of_variant in pieces.items()}
    comparisons: Comparisons = {}
    for kind in KINDS:
        curves = {variant: [r for r in of_variant if r.spec.kind == kind] for variant, of_variant in results.items()}
        comparisons[kind] = {
            variant: deletion_insertion.compare_curves(of_kind)
            for variant, of_kind in curves.items()
            if len(of_kind) == len(specs[kind])
        }
    return comparisons


def _passing(cards: Sequence[Card], comparisons: Comparisons) -> tuple[list[Card], list[Card]]:
    """The variants with both kinds of curves, and those of them whose order passes all random orders in both."""
    complete = [card for card in cards if all(card.id in of_kind for of_kind in comparisons.values())]
    return complete, [card for card in complete if all(_passes(kind, comparisons[kind][card.id]) for kind in KINDS)]


def _passes(kind: str, comparison: CurveComparison) -> bool:
    return comparison.outside_random_range and (comparison.difference < 0) == (kind == DELETION)


def _headline(cards: Sequence[Card], comparisons: Comparisons) -> str:
    complete, passing = _passing(cards, comparisons)
    if len(complete) < len(cards):
        return words.QUESTION
    return words.HEADLINE.format(count=len(passing), total=len(complete))


def _show_verdict(cards: Sequence[Card], comparisons: Comparisons) -> None:
    """Which variants these are, in one line."""
    complete, passing = _passing(cards, comparisons)
    yes, no = (
        escape_markdown(", ".join(card.title for card in complete if (card in passing) == passes))
        for passes in (True, False)
    )
    sentences = [
        words.BY_BOTH.format(titles=yes) if yes else "",
        words.NOT_BY_BOTH.format(titles=no) if no else "",
        words.CONTROL_PASSES if any(card.mechanism == "none" for card in passing) else "",
    ]
    if complete:
        st.markdown(" ".join(filter(None, sentences)))


def _show_charts(choice: Choice, comparisons: Comparisons) -> None:
    """A column for each variant: its title, its prediction, deletion and insertion."""
    titles = unique_titles(choice)
    top = curve_chart.axis_top(comparison for of_kind in comparisons.values() for comparison in of_kind.values())
    columns = st.columns(max(2, len(titles)), gap="medium", vertical_alignment="bottom")  # a title may have two lines
    for column, card in zip(columns, choice.selection.cards, strict=False):
        of_variant = [(kind, comparisons[kind][card.id]) for kind in KINDS if card.id in comparisons[kind]]
        with column:
            if of_variant:
                label = class_names(card)[of_variant[0][1].bright.predicted_class]
                predicted = words.PREDICTED.format(label=numbers.short_label(label))
                st.markdown(f"**{escape_markdown(titles[card.id])}** {escape_markdown(predicted)}")
            for kind, comparison in of_variant:
                alt = curve_chart.curves_in_words(titles[card.id], comparison, kind)
                show_chart(curve_chart.curve_chart(comparison, kind, top=top), alt, f"curves-{kind}-{card.id}")


def _show_numbers(choice: Choice, comparisons: Comparisons, pieces: Sequence[Piece]) -> None:
    rows = []
    titles = unique_titles(choice)
    for card in choice.selection.cards:
        of_variant = [comparisons[kind].get(card.id) for kind in KINDS]
        predicted = next((comparison.bright.predicted_class for comparison in of_variant if comparison), None)
        if predicted is not None:
            label = numbers.short_label(class_names(card)[predicted])
            rows.append((titles[card.id], [label, *(cell for c in of_variant for cell in _area_cells(c))]))
    header = [
        words.TABLE_COLUMN.format(kind=kind.capitalize(), what=what) for kind in KINDS for what in words.TABLE_HEADER
    ]
    seconds = sum(result.seconds for result in jobs.results(JOB, pieces) if result)
    with st.expander(words.NUMBERS_AND_LIMITS, icon=":material/123:"):
        show_shaded_table([words.VARIANT, words.PREDICTION, *header], rows)
        st.caption(f"{words.AREA_NOTE} {words.took(seconds)}")
        st.markdown(words.CURVE_LIMITS)


def _area_cells(comparison: CurveComparison | None) -> list[str]:
    if comparison is None:
        return [words.NOT_MEASURED] * 3
    within = "" if comparison.outside_random_range else words.WITHIN
    difference = f"{numbers.signed(comparison.difference, 3)}{within}"
    return [f"{comparison.bright.area:.3f}", f"{comparison.random_area:.3f}", difference]


def show_partly_deleted(choice: Choice, specs: dict[str, list[CurveSpec]]) -> None:
    """The images along the curves of one variant, and its predictions."""
    card = variant_picker.choose_one_variant(choice.selection.cards)
    left, right = st.columns(2, gap="large")
    with left:
        order = choose(words.ORDER, deletion_insertion.ORDERS, "shown_order")
    percent = right.slider(words.SHARE, 0, 100, 25, 5, format="%d %%", key="share_changed")
    picture, labels = choice.chosen.picture, class_names(card)
    subject = cached_inference.get_subject(picture, card, choice.fit)
    whole = cached_inference.predict(picture, card, choice.fit, [subject.attention])[0]
    label = escape_markdown(numbers.short_label(labels[int(whole.argmax())]))
    states = {DELETION: words.DELETED.format(percent=percent), INSERTION: words.UNCOVERED.format(percent=percent)}
    with st.container(key="pairs-shown"):
        *columns, last = st.columns(3, gap="medium")
    for column, kind in zip(columns, KINDS, strict=True):
        spec = CurveSpec(kind, order, baseline=specs[kind][0].baseline)

        def compute(_missing: list[int], spec: CurveSpec = spec) -> list[PartlyDeletedImage]:
            with page_turn():
                return [deletion_insertion.delete_cells(subject, card.input, spec, percent / 100)]

        key = (picture.sha256, card.id, card.sha256, choice.fit, spec, percent)
        (partly,) = state.cache.get_or_compute([key], compute)
        now = int(partly.probabilities.argmax())
        other = escape_markdown(numbers.short_label(labels[now]))
        change = "" if now == whole.argmax() else words.CHANGED.format(label=other)
        with column:
            alt = words.ALONG_ALT.format(state=states[kind], order=order, image=choice.chosen.alt)
            st.image(partly.image, width="stretch", alt=alt)
            probability = numbers.percent(partly.probabilities[whole.argmax()])
            st.markdown(
                words.ALONG_CAPTION.format(state=states[kind], label=label, probability=probability, change=change)
            )
    last.markdown(
        words.ALONG_WHOLE.format(
            title=escape_markdown(card.title), label=label, probability=numbers.percent(whole.max())
        )
    )
