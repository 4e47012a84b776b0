"""Deletion and insertion on Measure: does the prediction depend on the cells that the map calls bright?"""

import base64
import html
from collections.abc import Sequence

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
from abn.plots import curve_chart, numbers
from abn.ui import maps
from abn.ui.controls import variant_picker
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import IN_ADDRESS, choose, show_chart, show_shaded_table
from abn.ui.layout import escape_markdown
from abn.ui.measure.sections import describe_seconds, show_limits, unique_titles
from abn.ui.runtime import cached_inference, jobs
from abn.ui.runtime.jobs import Job, Piece
from abn.ui.runtime.turns import page_turn
from abn.ui.state import state
from abn.variants.card import Card, class_names

JOB = "curves"
BY_BOTH = "**Yes, by both measures, for: {titles}.**"
NOT_CLEARLY = "Not clearly, for: {titles}."
STEPS = (14, 28, 49)
RANDOM_ORDERS = (1, 3, 8)
TITLES = {DELETION: "Deletion: cells are taken away", INSERTION: "Insertion: cells are uncovered on a blurred picture"}
CAN = (
    "It asks the network itself. If the answer hangs on the bright cells more than on others, it falls sooner when "
    "they go first (deletion: an area **below** that of random orders), and it comes back sooner when they come "
    "first (insertion: an area **above**)."
)
CANNOT = (
    "Whether the network uses its **map**: the cells are asked for, and “None (control)”, which never applies its "
    "map, can pass as well. A picture with holes is one that the network never met, so a fall may be due to the "
    "holes; another paint gives other areas, so compare only within one. Bright cells lie side by side and random "
    "ones are scattered, which alone makes a difference. And this is one picture: the Study page has many."
)

Comparisons = dict[str, dict[str, CurveComparison]]  # kind → variant id → its curve beside the random orders


def choose_curves() -> dict[str, list[CurveSpec]]:
    """Draw the settings; the curves of each kind to compute."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        paint = "Another paint gives other areas: black looks like an object of its own, blurred keeps the colors."
        baseline = choose("A cell that is taken away becomes", BASELINES, "paint", help=paint, **IN_ADDRESS)
        time = "In so many steps all cells go. More steps take longer."
        steps = choose("Steps", STEPS, "steps", default=deletion_insertion.STEPS, help=time, **IN_ADDRESS)
        control = "The control: the same cells in an order that knows nothing."
        default = deletion_insertion.RANDOM_ORDERS
        random_orders = choose("Random orders", RANDOM_ORDERS, "randoms", default=default, help=control, **IN_ADDRESS)
        darkest = st.toggle("Darkest first too", key="darkest", **IN_ADDRESS)
    return {
        kind: deletion_insertion.curve_specs(
            kind, baseline=baseline, steps=steps, random_orders=random_orders, darkest=darkest
        )
        for kind in KINDS
    }


def show_curves(choice: Choice, specs: dict[str, list[CurveSpec]]) -> Job:
    """Both kinds of curves of all chosen variants, their areas, and what they say."""
    pieces = {
        card.id: [_curve_piece(choice, card, spec) for kind in KINDS for spec in specs[kind]]
        for card in choice.selection.cards
    }
    flat = [piece for of_variant in pieces.values() for piece in of_variant]
    job = jobs.control(JOB, flat, "Measure deletion and insertion", icon=":material/monitoring:")
    with st.container():  # so that nothing below it moves while a job goes on
        _show_results(choice, specs, pieces)
    show_limits(CAN, CANNOT)
    return job


def _curve_piece(choice: Choice, card: Card, spec: CurveSpec) -> Piece:
    picture, fit = choice.chosen.picture, choice.fit

    def compute(progress: jobs.Progress) -> CurveResult:
        subject = cached_inference.get_subject(picture, card, fit)
        return deletion_insertion.compute_curve(subject, card.input, spec, progress=progress, turn=page_turn())

    order = f"random order {spec.seed + 1}" if spec.order == deletion_insertion.RANDOM else spec.order
    label = f"{spec.kind.capitalize()}, {card.title}, {order}"
    return Piece((picture.sha256, card.id, card.sha256, fit, spec), label, compute)


def _show_results(choice: Choice, specs: dict[str, list[CurveSpec]], pieces: dict[str, list[Piece]]) -> None:
    """Charts and areas of those variants of which all curves of a kind are there."""
    results = {variant: [r for r in jobs.results(JOB, of_variant) if r] for variant, of_variant in pieces.items()}
    comparisons: Comparisons = {}
    for kind in KINDS:
        curves = {variant: [r for r in of_variant if r.spec.kind == kind] for variant, of_variant in results.items()}
        comparisons[kind] = {
            variant: deletion_insertion.compare_curves(of_kind)
            for variant, of_kind in curves.items()
            if len(of_kind) == len(specs[kind])
        }
    if any(comparisons.values()):
        titles = unique_titles(choice)
        _show_charts(
            titles, comparisons, darkest=any(spec.order == deletion_insertion.DARK for spec in specs[DELETION])
        )
        _show_areas(choice.selection.cards, titles, comparisons)
        _show_verdict(choice.selection.cards, comparisons)
        seconds = sum(result.seconds for of_variant in results.values() for result in of_variant)
        st.caption(
            f"{describe_seconds(seconds, 'All curves together')} Area: 0 to 1, the mean probability on the way. "
            "Difference: the map's area less that of the random orders."
        )


def _show_charts(titles: dict[str, str], comparisons: Comparisons, *, darkest: bool) -> None:
    """The legend, and both charts side by side."""
    items = ""
    for text, color, shape in curve_chart.legend_entries(list(titles.values()), darkest=darkest):
        attributes = f'viewBox="0 0 28 14" stroke="{color}" fill="{color}"'
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{shape}</svg>'
        source = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
        items += f'<li class="abn-line"><img src="{source}" alt="" width="28" height="14"> {html.escape(text)}</li>'
    st.html(f'<ul class="abn-lines">{items}</ul>')
    top = curve_chart.axis_top(comparison for of_kind in comparisons.values() for comparison in of_kind.values())
    for column, kind in zip(st.columns(2, gap="medium"), KINDS, strict=True):
        curves = {title: comparisons[kind].get(variant) for variant, title in titles.items()}
        with column:
            st.markdown(f"###### {TITLES[kind]}")
            words = curve_chart.curves_in_words(curves, kind)
            show_chart(curve_chart.curve_chart(curves, kind, top=top), words, f"curves-{kind}")


def _show_areas(cards: Sequence[Card], titles: dict[str, str], comparisons: Comparisons) -> None:
    rows = []
    for card in cards:
        of_variant = [comparisons[kind].get(card.id) for kind in KINDS]
        predicted = next((comparison.bright.predicted_class for comparison in of_variant if comparison), None)
        if predicted is not None:
            label = numbers.short_label(class_names(card)[predicted])
            rows.append((titles[card.id], [label, *(cell for c in of_variant for cell in _area_cells(c))]))
    header = [f"{kind.capitalize()}: {what}" for kind in KINDS for what in ("map", "random", "difference")]
    show_shaded_table(["Variant", "Names", *header], rows)


def _area_cells(comparison: CurveComparison | None) -> list[str]:
    if comparison is None:
        return ["–"] * 3
    within = "" if comparison.outside_random_range else " (within the random orders)"
    difference = f"{numbers.signed(comparison.difference, 3)}{within}"
    return [f"{comparison.bright.area:.3f}", f"{comparison.random_area:.3f}", difference]


def _show_verdict(cards: Sequence[Card], comparisons: Comparisons) -> None:
    """For which variants the prediction depends on the bright cells more than on random ones, in both directions."""
    complete = [card for card in cards if all(card.id in of_kind for of_kind in comparisons.values())]
    passing = [card for card in complete if all(_passes(kind, comparisons[kind][card.id]) for kind in KINDS)]
    yes, no = (
        escape_markdown(", ".join(card.title for card in complete if (card in passing) == passes))
        for passes in (True, False)
    )
    sentences = [
        BY_BOTH.format(titles=yes) if yes else "",
        NOT_CLEARLY.format(titles=no) if no else "",
        "One of them never applies its map, so this is no proof that the map itself is used."
        if any(card.mechanism == "none" for card in passing)
        else "",
    ]
    if complete:
        st.markdown(" ".join(filter(None, sentences)))


def _passes(kind: str, comparison: CurveComparison) -> bool:
    return comparison.outside_random_range and (comparison.difference < 0) == (kind == DELETION)


def show_partly_deleted(choice: Choice, specs: dict[str, list[CurveSpec]]) -> None:
    """The images on the way, as one variant sees them, and its predictions."""
    st.markdown("##### What the network is shown")
    card = variant_picker.choose_one_variant(choice.selection.cards)
    left, right = st.columns(2, gap="large")
    with left:
        order = choose("Cells in the order", deletion_insertion.ORDERS, "shown_order")
    percent = right.slider("So many cells are gone, or uncovered", 0, 100, 25, 5, format="%d %%", key="gone")
    picture, labels = choice.chosen.picture, class_names(card)
    subject = cached_inference.get_subject(picture, card, choice.fit)
    whole = cached_inference.predict(picture, card, choice.fit, [subject.attention])[0]
    label = f"“{escape_markdown(numbers.short_label(labels[int(whole.argmax())]))}”"
    states = {DELETION: f"{percent} % of the cells gone", INSERTION: f"{percent} % of the cells uncovered"}
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
        other = "" if now == whole.argmax() else f", now says **{escape_markdown(numbers.short_label(labels[now]))}**"
        with column:
            image = partly.image.resize((maps.PANEL, maps.PANEL))
            st.image(image, width="stretch", alt=f"{states[kind]}, {order}: {choice.chosen.alt}")
            probability = numbers.percent(partly.probabilities[whole.argmax()])
            st.caption(f"{kind.capitalize()}: {states[kind]}. {label} {probability}{other}")
    last.caption(
        f"**{escape_markdown(card.title)}** names {label} on the whole picture, with {numbers.percent(whole.max())}. "
        "Move the slider: you see what it sees, and the caption says what it makes of it. Would you still know what "
        "it is?"
    )
