"""Panels of Ablation: three mechanisms on one network, fair controls, and the agreement between variants' maps."""

from collections.abc import Sequence
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
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import IN_ADDRESS, show_chart, show_shaded_table
from abn.ui.layout import escape_markdown
from abn.ui.predictions import describe_mechanisms, mechanism_label, show_effect
from abn.ui.runtime import cached_inference
from abn.ui.state import state
from abn.variants.card import Card, class_names

FORMULAS = {  # from no effect of the map to the largest
    "none": "g′ = g",
    "multiplicative": "g′ = {m} · g",
    "additive": "g′ = (1 + {m}) · g",
}
CONTROLS = {  # edit of the map → in words
    "constant mean": "constant mean",
    "shuffled": f"shuffled, {map_ablation.SHUFFLES} times",
    "zeros": "zeros, no control",
}
ALPHA_HELP = "1 is the paper's. 0 takes the map away: additive becomes none, and multiplicative leaves nothing."
GAMMA_HELP = "1 is the paper's. 0 makes every cell 1; above 1 only the brightest cells keep their weight."
OVERLAP_SHARE = 0.2  # of the cells, the brightest ones


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


def choose_strength() -> Strength:
    """Two sliders, and a button that sets both to the paper's values."""
    left, right, last = st.columns([3, 3, 1], gap="large", vertical_alignment="bottom")
    alpha = left.slider(
        "Strength α: the map is multiplied by it", 0.0, 2.0, 1.0, 0.1, key="alpha", help=ALPHA_HELP, **IN_ADDRESS
    )
    gamma = right.slider(
        "Contrast γ: M is raised to this power", 0.0, 3.0, 1.0, 0.1, key="gamma", help=GAMMA_HELP, **IN_ADDRESS
    )
    with last:
        st.button("Reset", on_click=_reset, icon=":material/restart_alt:", disabled=alpha == gamma == 1, key="as_paper")
    return Strength(alpha, gamma)


def _reset() -> None:
    state.alpha = state.gamma = 1.0


def show_mechanisms(choice: Choice, card: Card, subject: AttendedImage, strength: Strength) -> None:
    """Three mechanisms on the same weights and map: the gain of each cell, the prediction, the norm ratio."""
    picture, labels = choice.chosen.picture, class_names(card)
    before = cached_inference.predict(picture, card, choice.fit, [subject.attention])[0]
    applied = interventions.scale_map(subject.attention, strength=strength.alpha, power=strength.gamma)
    effects = {
        mechanism: Effect(mechanism, applied, before, probabilities)
        for mechanism in FORMULAS
        for probabilities in cached_inference.predict(picture, card, choice.fit, [applied], mechanism)
    }
    classes = likeliest([effect.after for effect in effects.values()], 3)
    max_gain = max(2.0, 1 + float(applied.max()))
    predicted = numbers.short_label(labels[effects["none"].predicted_class])
    st.caption(
        f"{escape_markdown(card.title)} by itself says **{escape_markdown(predicted)}**, "
        f"{numbers.percent(before.max())}. Weights and map are the same in all three columns, only the mechanism is "
        "swapped; a network is used to the one that it was **trained with**, and was never trained for the others."
    )
    for place, (mechanism, effect) in zip(st.columns(3, gap="medium"), effects.items(), strict=True):
        with place:
            st.markdown(f"##### {mechanism.capitalize()} &ensp; {FORMULAS[mechanism].format(m=strength.formula)}")
            changed = mechanism != "none" and strength != Strength(1, 1)
            mark = " :orange-badge[another strength]" if changed else ""
            st.caption(f"{describe_mechanisms(card, mechanism, ' · ')}{mark}")
            gain = interventions.gain(applied, mechanism)
            maps.show_map(
                subject.fitted.image,
                gain,
                choice.view,
                (0.0, max_gain),
                alt=f"What each cell of the features is multiplied by, {mechanism}: "
                f"from {gain.min():.2f} to {gain.max():.2f}.",
                key=f"gain-{mechanism}",
                symbol="× g",
            )
            st.caption("The colors tell what each cell of g is multiplied by.")
            show_effect(effect, labels)
            bars = [("now", theme.HEAD_COLORS["perception"], effect.after)]
            words = probabilities_in_words(effect.after, labels, classes)
            st.html(class_bars(bars, labels, classes, alt=f"{mechanism}, perception head: {words}."))
            _show_norm_ratios(subject, applied, mechanism, max_gain)


def _show_norm_ratios(subject: AttendedImage, attention: np.ndarray, mechanism: str, max_gain: float) -> None:
    """‖g′‖ / ‖g‖ of the channels as a histogram, on one axis for all mechanisms."""
    ratios = subject.norm_ratio(attention, mechanism)
    ratios = ratios[~np.isnan(ratios)]
    low, median, high = np.quantile(ratios, (0.25, 0.5, 0.75)) if ratios.size else (np.nan,) * 3
    caption = (
        f"‖g′‖ ÷ ‖g‖ of {ratios.size} channels: half of them keep {low:.2f} to {high:.2f}, the median is {median:.2f}"
    )
    chart = histogram.histogram(ratios, (0.0, max_gain), axis="energy kept, ‖g′‖ ÷ ‖g‖")
    show_chart(chart, f"{mechanism}: {caption}.", f"energy-{mechanism}")
    st.caption(caption)


def show_fair_controls(choice: Choice, card: Card, subject: AttendedImage) -> None:
    """The network's own map, its constant mean and shuffled maps, for the mechanisms that apply one."""
    labels, columns = class_names(card), []
    mechanisms = [mechanism for mechanism in FORMULAS if mechanism != "none"]
    for mechanism in mechanisms:
        predict = partial(cached_inference.predict, choice.chosen.picture, card, choice.fit, mechanism=mechanism)
        effects = map_ablation.ablate_map(subject, predict, tuple(CONTROLS))
        first = effects["zeros"][0]
        own = f"{numbers.short_label(labels[first.predicted_class])} {numbers.percent(first.before.max())}"
        columns.append([own, *(_describe_effects(effects[edit], labels) for edit in CONTROLS)])
    show_shaded_table(
        ["M in place", *(f"{mechanism} ({mechanism_label(card, mechanism)})" for mechanism in mechanisms)],
        list(zip(["its own map", *CONTROLS.values()], zip(*columns, strict=True), strict=True)),
    )
    st.caption(
        "Constant mean and shuffled keep the mean gain that the perception branch is used to, and lose the place: what "
        "they change is due to **where** the map is bright. Zeros take the gain away too, so they are no fair control: "
        "M = 0 is not “attention off”. Each column follows the class that its mechanism names on the network's own map."
    )


def _describe_effects(effects: Sequence[Effect], labels: Sequence[str]) -> str:
    """The mean probability and Δp of the class predicted before, and how often the prediction changed."""
    first = effects[0]
    probability = numbers.percent(float(np.mean([effect.after[first.predicted_class] for effect in effects])))
    change = numbers.points(float(np.mean([effect.change for effect in effects])))
    text = f"{numbers.short_label(labels[first.predicted_class])} {probability}, Δp {change} points"
    changed = sum(effect.changes_prediction for effect in effects)
    if len(effects) > 1:
        return f"{text} on average; another answer in {changed} of {len(effects)}"
    return f"{text}; now {numbers.short_label(labels[int(first.after.argmax())])}" if changed else text


def show_agreement(explanations: Sequence[Explanation], titles: Sequence[str]) -> None:
    """Each pair of maps: rank correlation above the diagonal, overlap of the brightest cells below it."""
    if len(explanations) < 2:
        st.info("Choose two or more variants above to see how far their maps agree.", icon=":material/view_column:")
        return
    rows, shades = [], []
    for i, first in enumerate(explanations):
        texts, row_shades = [], []
        for j, second in enumerate(explanations):
            pair = align_maps(first, second)
            value = rank_correlation(*pair) if j > i else overlap(*pair, OVERLAP_SHARE)
            opacity = 0.0 if np.isnan(value) else 0.55 * max(0.0, value)
            texts.append("·" if i == j else "flat" if np.isnan(value) else numbers.fixed(value, 3))
            row_shades.append("" if i == j else f"rgb({'58 127 200' if j > i else '207 124 0'} / {opacity:.2f})")
        rows.append((titles[i], texts))
        shades.append(row_shades)
    show_shaded_table(["", *titles], rows, shades)
    st.caption(
        "Above the diagonal, blue: rank correlation of the cells, 1 where both maps put them in the same order, 0 "
        f"where one tells nothing of the other. Below, orange: overlap of the brightest {100 * OVERLAP_SHARE:.0f} %, "
        "their common part ÷ all that either takes; two random choices would overlap by about "
        f"{OVERLAP_SHARE / (2 - OVERLAP_SHARE):.2f}. Maps of different cells, or of different parts of the picture, "
        "are compared where both saw it."
    )
