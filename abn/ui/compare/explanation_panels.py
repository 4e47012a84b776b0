"""What a person sees of explanations: the input, one column for each variant, and the maps against each other."""

import html
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw, ImageOps

from abn import vocabulary
from abn.evaluation.metrics import rank_correlation
from abn.explanations.explanation import Explanation
from abn.images.fit import denormalize, upsample
from abn.plots import color_limits, color_maps, map_words, numbers, overlay, theme
from abn.plots.class_bars import paired_bars
from abn.ui.components import map_view
from abn.ui.controls.image_picker import ChosenImage
from abn.ui.controls.view_settings import View
from abn.ui.layout import escape_markdown
from abn.ui.state import state
from abn.variants.card import UNTRAINED_KIND, Card
from abn.vocabulary import AS_TRAINED, PARTS

if TYPE_CHECKING:  # it imports torch, for which no first view waits
    from abn.explanations.interventions import Effect

PANEL = 448  # pixels of a panel's picture

FITTED = {"crop": "its middle", "squash": "all, squashed", "pad": "all, padded"}
NOT_A_MAP = (
    "A map shows what the network weighs, not why it answers as it does. **Bright does not mean important**: "
    "no part of the training asks for that."
)


def columns(count: int) -> list:
    """Room for the input and `count` variants; a single variant gets two, the second for its bars."""
    return st.columns(max(count, 2) + 1, gap="medium")


def notes(broken: dict[str, str], note: str, shown: Sequence[tuple[Explanation, Card]]) -> None:
    """What must be known before looking: variants left out, what a choice leaves out, and what a lesson teaches."""
    lessons = []
    for explanation, card in shown:
        swapped = "" if explanation.applied == explanation.trained_with else " To see that, press “as trained”."
        lessons += [f"{card.title}: {card.lesson}{swapped}"] if card.lesson else []
    for sentence in broken.values():
        st.warning(escape_markdown(sentence), icon=":material/warning:")
    for sentence in [note, *lessons]:
        if sentence:
            st.info(escape_markdown(sentence), icon=":material/school:")


def what_the_model_saw(shown: Sequence[tuple[Explanation, Card]], chosen: ChosenImage) -> None:
    """The very tensor that went into the first network, brought back to colors; and which networks saw another."""
    explanation, size = shown[0][0], shown[0][0].spec.size
    st.markdown("##### What the model saw")
    st.caption(f"{escape_markdown(chosen.title)}  \n{size} × {size} pixels: {FITTED[explanation.fitted.fit]}")
    for other, card in shown[1:]:
        if other.spec != explanation.spec:
            h, w = other.attention.shape
            st.caption(
                f"{escape_markdown(card.title)} saw it at {other.spec.size} × {other.spec.size} pixels, and its map has "
                f"{h} × {w} cells."
            )
    pixels = denormalize(explanation.fitted.normalized(explanation.spec), explanation.spec)
    st.image(_large(Image.fromarray(pixels)), width="stretch", alt=f"What the model saw of: {chosen.alt}")
    if chosen.credit:
        st.caption(f"Picture: {chosen.credit}", help=chosen.source)
    for note in chosen.picture.notes:
        st.caption(escape_markdown(note))


def reading_help(explanation: Explanation, view: View) -> None:
    """A newcomer's questions, one sentence each."""
    h, w = explanation.attention.shape
    cell = explanation.spec.size // w
    st.caption("**What the model saw** is its very input, turned back from numbers to colors.")
    st.caption(
        f"**The map M** has {h} × {w} cells of {cell} × {cell} pixels, each between 0 and 1"
        f"{', drawn smoothly between their centers' if view.smooth else ', drawn as they are'}."
    )
    st.caption(
        "**Two heads answer.** The auxiliary head belongs to the branch that makes the map; "
        "the perception head sees the features after the map was applied (with “none” it never is), and is the "
        "network's answer."
    )
    st.caption(NOT_A_MAP)


def heading(explanation: Explanation, card: Card) -> None:
    """Which network this is, how it was trained and what is applied, always."""
    st.markdown(f"##### {escape_markdown(card.title)}", help=escape_markdown(card.summary) or None)
    st.caption(trained_and_applied(card, explanation.applied))


def trained_and_applied(card: Card, applied: str, between: str = "  \n") -> str:
    """The mechanism that a network was trained with and the one that is applied, as Markdown; told apart always."""
    trained = "**never trained**" if card.kind == UNTRAINED_KIND else f"trained with **{card.mechanism}**"
    swapped = card.kind != UNTRAINED_KIND and applied != card.mechanism
    mark = " :orange-badge[:material/swap_horiz: swapped]" if swapped else ""
    return f"{trained}{between}applied **{applied}**{mark}"


def as_trained(card: Card, applied: str) -> str:
    """The same in two words, for the head of a column."""
    if card.kind == UNTRAINED_KIND:
        return "never trained"
    return AS_TRAINED if applied == card.mechanism else "swapped"


def alike(one: np.ndarray, other: np.ndarray) -> str:
    """The rank correlation of two maps in words; a map whose cells are all equal has no order."""
    value = rank_correlation(one, other)
    return "none, as one of them has no order" if np.isnan(value) else numbers.fixed(value)


def verdict(effect: "Effect", labels: Sequence[str]) -> None:
    """Δp of the class that was named before, and whether another is named now."""
    named = escape_markdown(numbers.short_label(labels[effect.predicted_class]))
    st.metric(
        f"Δp of “{named}”",
        f"{numbers.points(effect.change)} points",
        f"{numbers.percent(effect.before[effect.predicted_class])} → {numbers.percent(effect.after[effect.predicted_class])}",
        delta_color="off",
        delta_arrow="off",
        help="How much more probable this class has become, in percentage points.",
    )
    if effect.changes_prediction:
        now = escape_markdown(numbers.short_label(labels[int(effect.after.argmax())]))
        st.markdown(f":orange-badge[:material/call_split: the answer is now {now}]")
    else:
        st.markdown(f":green-badge[:material/check: the answer stays {named}]")


def attention(explanation: Explanation, card: Card, view: View, span: tuple[float, float], *, live: bool) -> None:
    """The map over the model's input, with its numbered color bar and range."""
    alt = map_in_words(explanation.attention, f"Attention map of {card.title} on what the model saw")
    fitted = explanation.fitted
    over(fitted.image, explanation.attention, view, span, alt=alt, key=f"map-{card.id}", extent=fitted.extent)
    speed = f"{1000 * explanation.seconds:.0f} ms" if live else "stored answer"
    st.caption(f"{range_in_words(explanation.attention)} · {speed}")


def over(
    image: Image.Image,
    attention: np.ndarray,
    view: View,
    span: tuple[float, float],
    *,
    alt: str,
    key: str,
    symbol: str = "M",
    colors: str = "",
    **picking,
) -> None:
    """A map (h, w) over a square picture, its colors from `span` on a numbered bar, its brightest region marked.

    `colors` other than the view's is for signed maps; `picking` goes to `mapview.show`.
    """
    image = _large(image)
    values, colors = upsample(attention, (PANEL, PANEL), view.smooth), colors or view.colors
    drawn = overlay.overlay(image, values, opacity=view.opacity, color_map=colors, low=span[0], high=span[1])
    if view.top:
        drawn = _marked(drawn, image, values, values, view)
    map_view.show(drawn, attention, alt=alt, key=key, symbol=symbol, **picking)
    color_bar(colors, *span)
    if view.top:
        level, area = overlay.brightest_level(values, view.top / 100)
        st.caption(f"Marked: {symbol} ≥ {level:.2f}, {100 * area:.0f} % of what the model saw")


def _large(image: Image.Image) -> Image.Image:
    """At the size of a panel: the last one is kept, as a page draws many maps over the same pixels."""
    pixels = image.tobytes()
    if state.enlarged is None or state.enlarged[0] != pixels:
        state.enlarged = pixels, image.resize((PANEL, PANEL), Image.Resampling.BICUBIC)
    return state.enlarged[1]


def range_in_words(attention: np.ndarray) -> str:
    """A map's least and greatest value as Markdown, or that it is flat."""
    sentence = map_words.flat_sentence(attention)
    return f":orange[**{sentence}**]" if sentence else f"M from {attention.min():.2f} to {attention.max():.2f}"


def map_in_words(attention: np.ndarray, what: str) -> str:
    """What a map shows, for who can't see it."""
    where = map_words.brightest_place(attention)
    return f"{what}: M from {attention.min():.2f} to {attention.max():.2f}, highest {where}."


def _marked(drawn: Image.Image, image: Image.Image, values: np.ndarray, seen: np.ndarray, view: View) -> Image.Image:
    """The brightest region of `values`, as the level taken from all that the model has `seen` has it."""
    level, _ = overlay.brightest_level(seen, view.top / 100)
    return overlay.mark_brightest(drawn, image, np.nan_to_num(values, nan=-np.inf) >= level, view.mark)


def color_bar(color_map: str, low: float, high: float) -> None:
    """The colors with their numbers, as real text."""
    ticks = "".join(f"<span>{number}</span>" for number in color_maps.bar_numbers(low, high))
    st.html(
        f'<div class="abn-bar" style="background: {color_maps.css_gradient(color_map)}"></div>'
        f'<div class="abn-ticks">{ticks}</div>'
    )


def answers(explanation: Explanation) -> None:
    """What both heads say first, and how far apart they are."""
    rows = []
    for head, name in vocabulary.HEADS.items():
        best = explanation.top(head, 1)[0]
        label = html.escape(numbers.short_label(best.label))
        rows.append(
            f'<dt style="--head: {theme.HEAD_COLORS[head]}">{name.split()[0]}</dt>'
            f'<dd title="{html.escape(best.label)}">{label}</dd><dd>{numbers.percent(best.probability)}</dd>'
        )
    st.html(f'<dl class="abn-answer">{"".join(rows)}</dl>')
    verdict = (
        ":green-badge[:material/check: heads agree]"
        if explanation.heads_agree
        else ":orange-badge[:material/call_split: heads disagree]"
    )
    st.markdown(
        f"{verdict} :small[{explanation.js_divergence:.2f} bit apart]",
        help="Heads agree where both name the same class first. The bits compare all classes: the Jensen–Shannon "
        "divergence of the two heads' probabilities, 0 where they are the same, 1 where they share nothing.",
    )


def bars(explanation: Explanation, card: Card, rows: int) -> None:
    """Both heads' five likeliest classes on one axis."""
    listed = "; ".join(
        f"{name}: "
        + ", ".join(f"{numbers.short_label(p.label)} {numbers.percent(p.probability)}" for p in explanation.top(head))
        for head, name in vocabulary.HEADS.items()
    )
    alt = f"{card.title}, probabilities of both heads. {listed}."
    st.html(paired_bars(explanation, rows=rows, alt=alt))


def original(explanation: Explanation, chosen: ChosenImage) -> None:
    """The whole photograph, what the model saw of it framed."""
    framed = chosen.display.copy()
    width, height = explanation.fitted.original_size
    ratio = framed.width / width
    box = [side * ratio for side in explanation.fitted.visible]
    stroke = max(2, max(framed.size) // 160)
    draw = ImageDraw.Draw(framed)
    draw.rectangle((box[0], box[1], box[2] - 1, box[3] - 1), outline="black", width=2 * stroke)
    draw.rectangle((box[0], box[1], box[2] - 1, box[3] - 1), outline="white", width=stroke)
    st.image(framed, width="stretch", alt=f"The whole photograph: {chosen.alt}")
    st.caption(f"{width} × {height} pixels; the frame is what the model saw.")


def laid_back(explanation: Explanation, card: Card, chosen: ChosenImage, view: View, span: tuple[float, float]) -> None:
    """The map where it belongs on the whole photograph; what the model never saw is gray."""
    values = explanation.fitted.to_original(explanation.attention, size=chosen.display.size, smooth=view.smooth)
    drawn = overlay.overlay(
        chosen.display, values, opacity=view.opacity, color_map=view.colors, low=span[0], high=span[1]
    )
    if view.top:
        drawn = _marked(
            drawn, chosen.display, values, upsample(explanation.attention, (PANEL, PANEL), view.smooth), view
        )
    map_view.show(
        drawn,
        explanation.attention,
        alt=map_in_words(explanation.attention, f"Attention map of {card.title} on the whole photograph"),
        key=f"whole-{card.id}",
        box=explanation.fitted.extent,
        extent=explanation.fitted.extent,
    )
    st.caption(escape_markdown(card.title))


def difference(additive: Explanation, multiplicative: Explanation, view: View, room: list) -> None:
    """Additive minus multiplicative: where either network's map is higher, as a picture and in numbers."""
    signed = additive.attention - multiplicative.attention
    limit = color_limits.symmetric_limit(signed)
    image = ImageOps.grayscale(additive.fitted.image)
    mean, most = np.abs(signed).mean(), np.abs(signed).max()
    with room[0]:
        st.markdown("##### Additive minus multiplicative")
        over(
            image,
            signed,
            replace(view, top=0),
            (-limit, limit),
            alt=f"Additive minus multiplicative map: from {signed.min():.2f} to {signed.max():.2f}.",
            key="difference",
            symbol="difference",
            extent=additive.fitted.extent,
            colors=color_maps.DIFFERENCE,
        )
    with room[1]:
        st.markdown("##### &nbsp;")
        st.markdown(
            "Red: the additive network's map is higher. Blue: the multiplicative one's is. White: no difference."
        )
        st.caption(
            f"The two maps differ by {mean:.2f} on average and by {most:.2f} at most, where M can be between 0 and 1. "
            "Both are networks as trained, whatever mechanism is applied above: the map is made before the mechanism."
        )


def details(card: Card) -> None:
    """The variant's card."""
    with st.expander(f"Card of {escape_markdown(card.title)}", icon=":material/badge:"):
        if card.summary:
            st.markdown(escape_markdown(card.summary))
        rows = {
            "Backbone": card.backbone,
            "Trained with": f"nothing, made for {card.mechanism}" if card.kind == UNTRAINED_KIND else card.mechanism,
            "Map": f"{card.map_size[0]} × {card.map_size[1]} cells",
            **({"Trunk": card.trunk} if card.trunk else {}),
            **{
                f"Parameters, {part.replace('_', ' ')}": f"{card.parameters[part]:,}"
                for part in PARTS
                if part in card.parameters
            },
            **{
                f"FLOPs, {part.replace('_', ' ')}": f"{card.flops[part] / 1e9:.2f} G"
                for part in PARTS
                if part in card.flops
            },
            **_flat({f"Measured, {key}": value for key, value in card.measured.items()}),
            **_flat({f"Training, {key}": value for key, value in card.trained.items() if value != ""}),
            **_flat({f"License, {key}": value for key, value in card.license.items()}),
            "sha256 of the weights": card.sha256,
        }
        _table(rows)


def grid(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]], shades: Sequence[Sequence[str]] = ()) -> None:
    """A table of plain texts with a head and a first column; `shades` are the cells' grounds, as CSS colors."""
    top = "".join(f"<th scope='col'>{html.escape(text)}</th>" for text in head)
    body = ""
    for place, (name, texts) in enumerate(rows):
        grounds = shades[place] if shades else [""] * len(texts)
        cells = "".join(
            f"<td style='background: {ground or 'none'}'>{html.escape(text)}</td>"
            for text, ground in zip(texts, grounds, strict=True)
        )
        body += f"<tr><th scope='row'>{html.escape(name)}</th>{cells}</tr>"
    st.html(f'<table class="abn-card"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>')


def _table(rows: dict[str, str]) -> None:
    body = "".join(
        f"<tr><th scope='row'>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
        for name, value in rows.items()
    )
    st.html(f'<table class="abn-card">{body}</table>')


def _flat(values: dict, prefix: str = "") -> dict[str, str]:
    """Whatever keys a card holds, nested ones joined, numbers short."""
    flat = {}
    for key, value in values.items():
        name = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, dict):
            flat |= _flat(value, f"{name}, ")
        else:
            flat[name] = f"{value:.4g}" if isinstance(value, float) else str(value)
    return flat
