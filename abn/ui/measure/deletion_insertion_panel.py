"""What the Measure page shows of deletion and insertion, and what all of its sections have in common."""

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
)
from abn.plots import curve_chart, numbers
from abn.ui import maps
from abn.ui.controls import variant_picker
from abn.ui.controls.choice_bar import Choice
from abn.ui.layout import SCROLLED, escape_markdown
from abn.ui.runtime import cache, inference, jobs
from abn.ui.runtime.engine import page_turn
from abn.ui.runtime.jobs import Job, Piece
from abn.variants.card import Card, class_names

STEPS = (14, 28, 49)
RANDOMS = (1, 3, 8)
KEEP = {"required": True, "bind": "query-params", "persist_state": "session"}
TITLES = {DELETION: "Deletion: cells are taken away", INSERTION: "Insertion: cells are uncovered on a blurred picture"}


# ---- what all sections have ----


def names(choice: Choice) -> dict[str, str]:
    """Variant id → its title, or its id where two have one title."""
    titles = [card.title for card in choice.selection.cards]
    return {card.id: card.title if titles.count(card.title) == 1 else card.id for card in choice.selection.cards}


def both_sides(can: str, cannot: str) -> None:
    """What a figure can say, and what it can't."""
    for place, title, text in zip(st.columns(2, gap="large"), ("can", "can't"), (can, cannot), strict=True):
        with place:
            st.markdown(f"**What it {title} say.** {text}")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], gray: Sequence[Sequence[str]] = ()) -> None:
    """Plain texts in a table that is scrolled sideways where it is narrow; `gray` rows are controls."""
    top = "".join(f"<th scope='col'>{html.escape(text)}</th>" for text in head)
    body = ""
    for some, look in ((rows, ""), (gray, " style='background: rgb(128 128 128 / .15)'")):
        for first, *rest in some:
            cells = "".join(f"<td>{html.escape(text)}</td>" for text in rest)
            body += f"<tr{look}><th scope='row'>{html.escape(first)}</th>{cells}</tr>"
    style = f"table-layout: auto; white-space: pre-line; min-width: {8 * len(head)}rem"
    st.html(f'{SCROLLED}<table class="abn-card" style="{style}"><thead><tr>{top}</tr></thead>{body}</table></div>')


def took(seconds: float, what: str) -> str:
    """How long something took, in words."""
    return f"{what} took {seconds:.0f} s." if seconds >= 9.5 else f"{what} took {seconds:.1f} s."


# ---- deletion and insertion ----


def settings() -> dict[str, list[CurveSpec]]:
    """What a person asks for: the curves of each kind."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        paint = st.segmented_control(
            "A cell that is taken away becomes",
            BASELINES,
            default=BASELINES[0],
            key="paint",
            help="Another paint gives other areas: black looks like an object of its own, blurred keeps the colors.",
            **KEEP,
        )
        steps = st.segmented_control(
            "Steps",
            STEPS,
            default=deletion_insertion.STEPS,
            key="steps",
            help="In so many steps all cells go. More steps take longer.",
            **KEEP,
        )
        randoms = st.segmented_control(
            "Random orders",
            RANDOMS,
            default=deletion_insertion.RANDOM_ORDERS,
            key="randoms",
            help="The control: the same cells in an order that knows nothing.",
            **KEEP,
        )
        darkest = st.toggle("Darkest first too", key="darkest", bind="query-params", persist_state="session")
    asked = {"baseline": paint, "steps": steps, "random_orders": randoms, "darkest": darkest}
    return {kind: deletion_insertion.curve_specs(kind, **asked) for kind in KINDS}


def curves(choice: Choice, asked: dict[str, list[CurveSpec]]) -> Job:
    """Both kinds of curves of all chosen variants, their areas, and what they say."""
    pieces = {
        card.id: [_piece(choice, card, one) for kind in KINDS for one in asked[kind]] for card in choice.selection.cards
    }
    job = jobs.control(
        "curves",
        [piece for some in pieces.values() for piece in some],
        "Measure deletion and insertion",
        icon=":material/monitoring:",
    )
    with st.container():  # so that nothing below it moves while a job goes on
        _found(choice, asked, pieces)
    both_sides(
        "It asks the network itself. If the answer hangs on the bright cells more than on others, it falls sooner when "
        "they go first (deletion: an area **below** that of random orders), and it comes back sooner when they come "
        "first (insertion: an area **above**).",
        "Whether the network uses its **map**: the cells are asked for, and “None (control)”, which never applies its "
        "map, can pass as well. A picture with holes is one that the network never met, so a fall may be due to the "
        "holes; another paint gives other areas, so compare only within one. Bright cells lie side by side and random "
        "ones are scattered, which alone makes a difference. And this is one picture: the Study page has many.",
    )
    return job


def _found(choice: Choice, asked: dict[str, list[CurveSpec]], pieces: dict[str, list[Piece]]) -> None:
    """Charts and areas of those variants of which all curves of a kind are known."""
    rows: dict[str, dict[str, CurveComparison]] = {kind: {} for kind in KINDS}
    seconds = 0.0
    for card in choice.selection.cards:
        known: list[CurveResult] = [one for one in jobs.results("curves", pieces[card.id]) if one]
        seconds += sum(one.seconds for one in known)
        for kind in KINDS:
            some = [one for one in known if one.spec.kind == kind]
            if len(some) == len(asked[kind]):
                rows[kind][card.id] = deletion_insertion.compare_curves(some)
    if any(rows.values()):
        _drawn(choice, rows, darkest=any(one.order == deletion_insertion.DARK for one in asked[DELETION]))
        _verdict(choice, rows)
        st.caption(
            f"{took(seconds, 'All curves together')} Area: 0 to 1, the mean probability on the way. Difference: the "
            "map's area less that of the random orders."
        )


def _verdict(choice: Choice, rows: dict[str, dict[str, CurveComparison]]) -> None:
    """For which variants the answer hangs on the bright cells more than on random ones, in both directions."""
    whole = [card for card in choice.selection.cards if all(card.id in some for some in rows.values())]
    hangs = [card for card in whole if all(_as_hoped(kind, rows[kind][card.id]) for kind in KINDS)]
    if not whole:
        return
    told = (
        f"**Yes, by both measures, for: {escape_markdown(', '.join(card.title for card in hangs))}.**" if hangs else ""
    )
    rest = [card.title for card in whole if card not in hangs]
    told += f" Not clearly, for: {escape_markdown(', '.join(rest))}." if rest else ""
    if any(card.mechanism == "none" for card in hangs):
        told += " One of them never applies its map, so this is no proof that the map itself is used."
    st.markdown(told.strip())


def _as_hoped(kind: str, one: CurveComparison) -> bool:
    return one.outside_random_range and (one.difference < 0) == (kind == DELETION)


def _piece(choice: Choice, card: Card, one: CurveSpec) -> Piece:
    picture, fit = choice.chosen.picture, choice.fit

    def make(tell) -> CurveResult:
        asked = inference.get_subject(picture, card, fit)
        return deletion_insertion.compute_curve(asked, card.input, one, progress=tell, turn=page_turn())

    order = f"random order {one.seed + 1}" if one.order == deletion_insertion.RANDOM else one.order
    says = f"{one.kind.capitalize()}, {card.title}, {order}"
    return Piece((picture.sha256, card.id, card.sha256, fit, one), says, make)


def _drawn(choice: Choice, rows: dict[str, dict[str, CurveComparison]], *, darkest: bool) -> None:
    """The legend, both charts side by side, and the areas."""
    cards, titles = choice.selection.cards, names(choice)
    _legend(curve_chart.legend_entries([titles[card.id] for card in cards], darkest=darkest))
    top = curve_chart.axis_top(one for some in rows.values() for one in some.values())
    for place, kind in zip(st.columns(2, gap="medium"), KINDS, strict=True):
        named = {titles[card.id]: rows[kind].get(card.id) for card in cards}
        with place:
            st.markdown(f"###### {TITLES[kind]}")
            st.plotly_chart(
                curve_chart.curve_chart(named, kind, top=top),
                key=f"curves-{kind}",
                config={"displayModeBar": False},
                alt=curve_chart.curves_in_words(named, kind),
            )
    body = []
    for card in cards:
        if not any(card.id in some for some in rows.values()):
            continue
        cells = []
        for kind in KINDS:
            one = rows[kind].get(card.id)
            within = "" if one is None or one.outside_random_range else " (within the random orders)"
            cells += ["–"] * 3 if one is None else [
                f"{one.bright.area:.3f}", f"{one.random_area:.3f}", f"{numbers.signed(one.difference, 3)}{within}"
            ]  # fmt: skip
        first = next(some[card.id] for some in rows.values() if card.id in some).bright
        label = numbers.short_label(class_names(card)[first.predicted_class])
        body.append([titles[card.id], label, *cells])
    head = [f"{kind.capitalize()}: {what}" for kind in KINDS for what in ("map", "random", "difference")]
    table(["Variant", "Names", *head], body)


def _legend(samples: Sequence[tuple[str, str, str]]) -> None:
    items = ""
    for text, color, drawn in samples:
        look = f'viewBox="0 0 28 14" stroke="{color}" fill="{color}"'
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" {look}>{drawn}</svg>'
        source = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
        items += f'<li class="abn-line"><img src="{source}" alt="" width="28" height="14"> {html.escape(text)}</li>'
    st.html(f'<ul class="abn-lines">{items}</ul>')


def shown_to_the_network(choice: Choice, asked: dict[str, list[CurveSpec]]) -> None:
    """The pictures on the way, as one variant sees them, and its answers."""
    st.markdown("##### What the network is shown")
    card = variant_picker.choose_one_variant(choice.selection.cards)
    left, right = st.columns(2, gap="large")
    with left:
        order = st.segmented_control(
            "Cells in the order",
            deletion_insertion.ORDERS,
            default=deletion_insertion.BRIGHT,
            required=True,
            key="shown_order",
        )
    with right:
        percent = st.slider("So many cells are gone, or uncovered", 0, 100, 25, 5, format="%d %%", key="gone")
    picture, labels = choice.chosen.picture, class_names(card)
    subject = inference.get_subject(picture, card, choice.fit)
    own = inference.predict(choice.chosen.picture, card, choice.fit, [subject.attention])[0]
    first = f"“{escape_markdown(numbers.short_label(labels[int(own.argmax())]))}”"
    says = {DELETION: f"{percent} % of the cells gone", INSERTION: f"{percent} % of the cells uncovered"}
    with st.container(key="pairs-shown"):
        *places, last = st.columns(3, gap="medium")
    for place, kind in zip(places, KINDS, strict=True):
        one = CurveSpec(kind, order or deletion_insertion.BRIGHT, baseline=asked[kind][0].baseline)

        def make(_places: list[int], one: CurveSpec = one) -> list[deletion_insertion.PartlyDeletedImage]:
            with page_turn():
                return [deletion_insertion.delete_cells(subject, card.input, one, percent / 100)]

        key = (picture.sha256, card.id, card.sha256, choice.fit, one, percent)
        (found,) = cache.get_or_compute([key], make)
        now = int(found.probabilities.argmax())
        other = "" if now == own.argmax() else f", now says **{escape_markdown(numbers.short_label(labels[now]))}**"
        with place:
            image = found.image.resize((maps.PANEL, maps.PANEL))
            st.image(image, width="stretch", alt=f"{says[kind]}, {one.order}: {choice.chosen.alt}")
            st.caption(
                f"{kind.capitalize()}: {says[kind]}. {first} {numbers.percent(found.probabilities[own.argmax()])}{other}"
            )
    with last:
        st.caption(
            f"**{escape_markdown(card.title)}** names {first} on the whole picture, with {numbers.percent(own.max())}. Move the "
            "slider: you see what it sees, and the caption says what it makes of it. Would you still know what it is?"
        )
