"""Panels of Ablation: three mechanisms on one variant, control maps, and the agreement between variants' maps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from abn.evaluation import map_ablation
from abn.evaluation.metrics import overlap, rank_correlation
from abn.explanations import interventions
from abn.explanations.explanation import Explanation, align_maps
from abn.explanations.interventions import AttendedImage, Effect
from abn.plots import histogram, numbers, theme
from abn.plots.class_bars import class_bars, likeliest, probabilities_in_words
from abn.ui import maps
from abn.ui.ablation import words
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import IN_ADDRESS, show_chart, show_shaded_table
from abn.ui.layout import escape_markdown
from abn.ui.predictions import describe_mechanisms, show_effect
from abn.ui.runtime import cached_inference
from abn.ui.state import state
from abn.variants.card import UNTRAINED_KIND, Card, class_names

OVERLAP_SHARE = 0.2  # of the cells, the brightest ones
CHANCE = OVERLAP_SHARE / (2 - OVERLAP_SHARE)  # overlap of two random choices of so many cells
NEGATIVE, ZERO, POSITIVE = "118 42 131", "125 133 144", "27 120 55"  # of a diverging scale, as RGB
OPACITY = 0.6  # of a cell's background at −1 or 1


@dataclass(frozen=True)
class Strength:
    """The strength at which the map is applied: α · M^γ in the place of M."""

    alpha: float
    gamma: float

    @property
    def formula(self) -> str:
        """α · M^γ with its numbers, and M alone where they are 1."""
        factor = "" if self.alpha == 1 else f"{self.alpha:g} · "
        return f"{factor}M" + ("" if self.gamma == 1 else f"^{self.gamma:g}")


# ---- mechanisms ----


def choose_strength() -> Strength:
    """Two sliders, and a button that sets both to the paper's values."""
    alpha = st.slider(words.ALPHA, 0.0, 2.0, 1.0, 0.1, key="alpha", help=words.ALPHA_HELP, **IN_ADDRESS)
    gamma = st.slider(words.GAMMA, 0.0, 3.0, 1.0, 0.1, key="gamma", help=words.GAMMA_HELP, **IN_ADDRESS)
    icon, paper = ":material/restart_alt:", alpha == gamma == 1
    st.button(words.RESET, on_click=_reset, icon=icon, disabled=paper, key="as_paper")
    return Strength(alpha, gamma)


def _reset() -> None:
    state.alpha = state.gamma = 1.0


def describe_strength() -> tuple[str, dict[str, object]]:
    """The map's strength, for the three mechanisms as Python."""
    return "mechanisms", {"strength": state.alpha, "power": state.gamma}


def show_mechanisms(choice: Choice, card: Card, subject: AttendedImage) -> None:
    """Strength and legend, and three mechanisms on the same weights and map: the gain of each cell, the prediction."""
    with st.container(key="mechanisms"):
        settings, *columns = st.columns(4, gap="medium")
    with settings:
        own_prediction = st.empty()
        strength = choose_strength()
    applied = interventions.scale_map(subject.attention, strength=strength.alpha, power=strength.gamma)
    effects = _compute_effects(choice, card, subject, applied)
    max_gain = max(2.0, 1 + float(applied.max()))
    before = effects["none"].before
    label = escape_markdown(numbers.short_label(class_names(card)[int(before.argmax())]))
    text = words.OWN_PREDICTION.format(label=label, probability=numbers.percent(before.max()))
    own_prediction.markdown(text, help=words.OWN_PREDICTION_HELP)
    with settings:
        st.markdown(words.GAIN_LEGEND)
        maps.show_color_bar(choice.view.colors, 0.0, max_gain)
        maps.show_hint()
    for place, (mechanism, effect) in zip(columns, effects.items(), strict=True):
        with place:
            _show_mechanism(choice, card, subject, effect, strength, mechanism, max_gain)
    details = st.expander(words.DETAILS, key="mechanism-details", on_change="rerun")
    if details.open:
        with details:
            _show_details(subject, effects, class_names(card), max_gain)


def _compute_effects(choice: Choice, card: Card, subject: AttendedImage, applied: np.ndarray) -> dict[str, Effect]:
    """Mechanism → its effect with the map `applied`, against the variant's own map and mechanism."""
    picture = choice.chosen.picture
    before = cached_inference.predict(picture, card, choice.fit, [subject.attention])[0]
    return {
        mechanism: Effect(mechanism, applied, before, probabilities)
        for mechanism in words.FORMULAS
        for probabilities in cached_inference.predict(picture, card, choice.fit, [applied], mechanism)
    }


def _show_mechanism(
    choice: Choice,
    card: Card,
    subject: AttendedImage,
    effect: Effect,
    strength: Strength,
    mechanism: str,
    max_gain: float,
) -> None:
    st.markdown(f"##### {words.FORMULAS[mechanism].format(m=strength.formula)}")
    with st.container(key=f"trained-with-{mechanism}"):
        st.caption(describe_mechanisms(card, mechanism))
    gain = interventions.gain(effect.attention, mechanism)
    maps.show_map(
        subject.fitted.image,
        gain,
        choice.view,
        (0.0, max_gain),
        alt=words.GAIN_ALT.format(mechanism=mechanism, low=gain.min(), high=gain.max()),
        key=f"gain-{mechanism}",
        symbol=words.GAIN_SYMBOL,
        bar=False,
    )
    show_effect(effect, class_names(card))


def _show_details(subject: AttendedImage, effects: dict[str, Effect], labels: Sequence[str], max_gain: float) -> None:
    """The likeliest classes, and the norm ratios of the channels, of each mechanism."""
    classes = likeliest([effect.after for effect in effects.values()], 3)
    for place, (mechanism, effect) in zip(st.columns(3, gap="medium"), effects.items(), strict=True):
        with place:
            st.markdown(f"**{mechanism}**")
            bars = [(words.BARS_SERIES, theme.HEAD_COLORS["perception"], effect.after)]
            alt = words.BARS.format(mechanism=mechanism, classes=probabilities_in_words(effect.after, labels, classes))
            st.html(class_bars(bars, labels, classes, legend=True, alt=alt))
            _show_norm_ratios(subject, effect.attention, mechanism, max_gain)


def _show_norm_ratios(subject: AttendedImage, attention: np.ndarray, mechanism: str, max_gain: float) -> None:
    """‖g′‖ / ‖g‖ of the channels as a histogram, on one axis for all mechanisms."""
    ratios = subject.norm_ratio(attention, mechanism)
    ratios = ratios[~np.isnan(ratios)]
    low, median, high = np.quantile(ratios, (0.25, 0.5, 0.75)) if ratios.size else (np.nan,) * 3
    caption = words.NORM_RATIO.format(count=ratios.size, median=median, low=low, high=high)
    chart = histogram.histogram(ratios, (0.0, max_gain), axis=words.NORM_RATIO_AXIS)
    show_chart(chart, words.NORM_RATIO_ALT.format(mechanism=mechanism, caption=caption), f"norm-ratio-{mechanism}")
    st.caption(caption)


# ---- control maps ----


def describe_controls() -> tuple[str, dict[str, object]]:
    """The maps of the table, for it as Python."""
    return "control maps", {"edits": tuple(words.CONTROL_ROWS)}


def show_control_maps(choice: Choice, card: Card, subject: AttendedImage) -> None:
    """The variant's own map, its constant mean and shuffled maps, for the mechanisms that apply one."""
    labels, columns = class_names(card), []
    mechanisms = [mechanism for mechanism in words.FORMULAS if mechanism != "none"]
    for mechanism in mechanisms:
        predict = partial(cached_inference.predict, choice.chosen.picture, card, choice.fit, mechanism=mechanism)
        effects = map_ablation.ablate_map(subject, predict, tuple(words.CONTROL_ROWS))
        first = effects["zeros"][0]
        own = f"{numbers.short_label(labels[first.predicted_class])} {numbers.percent(first.before.max())}"
        columns.append([own, *(_describe_effects(effects[edit], labels) for edit in words.CONTROL_ROWS)])
    st.markdown(f"##### {words.CONTROLS_HEADING}", help=words.CONTROLS_HELP)
    header = words.UNTRAINED_COLUMN if card.kind == UNTRAINED_KIND else words.MECHANISM_COLUMN
    names = [words.OWN_MAP, *(row.format(shuffles=map_ablation.SHUFFLES) for row in words.CONTROL_ROWS.values())]
    show_shaded_table(
        [words.MAP_COLUMN, *(header.format(trained=card.mechanism, applied=mechanism) for mechanism in mechanisms)],
        list(zip(names, zip(*columns, strict=True), strict=True)),
    )


def _describe_effects(effects: Sequence[Effect], labels: Sequence[str]) -> str:
    """The mean probability and Δp of the class predicted before, and how often the prediction changed."""
    first = effects[0]
    text = words.CONTROL.format(
        label=numbers.short_label(labels[first.predicted_class]),
        probability=numbers.percent(float(np.mean([effect.after[first.predicted_class] for effect in effects]))),
        change=numbers.points(float(np.mean([effect.change for effect in effects]))),
    )
    changed = sum(effect.changes_prediction for effect in effects)
    if len(effects) > 1:
        return text + words.CONTROL_CHANGED_OFTEN.format(changed=changed, count=len(effects))
    label = numbers.short_label(labels[int(first.after.argmax())])
    return text + (words.CONTROL_CHANGED.format(label=label) if changed else "")


# ---- agreement of maps ----


def show_agreement(explanations: Sequence[Explanation], titles: Sequence[str]) -> None:
    """Two matrices of all pairs of maps: rank correlation, and overlap of the brightest cells."""
    if len(explanations) < 2:
        st.info(words.ONE_VARIANT, icon=":material/view_column:")
        return
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"##### {words.CORRELATION}", help=words.CORRELATION_HELP)
        _show_matrix(explanations, titles, rank_correlation)
        _show_legend(words.CORRELATION_LEGEND, (-1.0, 0.0, 1.0))
    with right:
        st.markdown(
            f"##### {words.OVERLAP.format(share=100 * OVERLAP_SHARE)}", help=words.OVERLAP_HELP.format(chance=CHANCE)
        )
        _show_matrix(explanations, titles, partial(overlap, share=OVERLAP_SHARE))
        _show_legend([text.format(chance=CHANCE) for text in words.OVERLAP_LEGEND], (0.0, CHANCE, 1.0))
    st.caption(words.AGREEMENT_NOTE)


def _show_matrix(
    explanations: Sequence[Explanation],
    titles: Sequence[str],
    measure: Callable[[np.ndarray, np.ndarray], float],
) -> None:
    rows, shades = [], []
    for title, first in zip(titles, explanations, strict=True):
        values = [None if first is second else measure(*align_maps(first, second)) for second in explanations]
        rows.append((title, [_describe_agreement(value) for value in values]))
        shades.append(["" if value is None else shade(value) for value in values])
    show_shaded_table(["", *titles], rows, shades)


def _describe_agreement(value: float | None) -> str:
    if value is None:
        return words.SAME
    return words.FLAT if np.isnan(value) else numbers.fixed(value, 3)


def shade(value: float) -> str:
    """A background for −1 … 1: purple below zero, green above, gray for NaN; none at zero."""
    if np.isnan(value):
        return f"rgb({ZERO} / 0.2)"
    return f"rgb({NEGATIVE if value < 0 else POSITIVE} / {OPACITY * abs(value):.2f})"


def _show_legend(texts: Sequence[str], values: Sequence[float]) -> None:
    swatches = "".join(
        f'<span><i style="background: {shade(value)}"></i>{text}</span>'
        for text, value in zip(texts, values, strict=True)
    )
    st.html(f'<div class="abn-swatches">{swatches}</div>')
