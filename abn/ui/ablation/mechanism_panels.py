"""What the Ablation page shows: three mechanisms on one network, the fair controls, and variants against each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from abn.evaluation.map_ablation import SHUFFLES
from abn.evaluation.metrics import overlap, rank_correlation
from abn.explanations import interventions
from abn.explanations.explanation import Explanation, align_maps
from abn.explanations.interventions import AttendedImage, Effect
from abn.plots import histogram, numbers, theme
from abn.plots.class_bars import class_bars, likeliest, probabilities_in_words
from abn.ui import maps, predictions, shaded_table
from abn.ui.controls.image_picker import ChosenImage
from abn.ui.controls.view_settings import View
from abn.ui.layout import escape_markdown
from abn.ui.runtime import inference
from abn.ui.state import state
from abn.variants.card import Card, class_names

ORDER = ("none", "multiplicative", "additive")  # from nothing to everything
TOP = 0.2  # the share of the cells whose overlap is compared
FORMULAS = {
    "none": "g′ = g",
    "multiplicative": "g′ = {m} · g",
    "additive": "g′ = (1 + {m}) · g",
}


@dataclass(frozen=True)
class Strength:
    """How strongly the map is applied: α · M^γ in the place of M."""

    alpha: float
    gamma: float

    @property
    def in_words(self) -> str:
        """α · M^γ with its numbers, and M alone where they are 1."""
        times = "" if self.alpha == 1 else f"{self.alpha:g} · "
        return f"{times}M" + ("" if self.gamma == 1 else f"^{self.gamma:g}")


def strength() -> Strength:
    """Two sliders, and a button that takes both back to what the paper does."""
    left, right, last = st.columns([3, 3, 1], gap="large", vertical_alignment="bottom")
    keep = {"bind": "query-params", "persist_state": "session"}
    with left:
        alpha = st.slider(
            "Strength α: the map is multiplied by it",
            0.0,
            2.0,
            1.0,
            0.1,
            key="alpha",
            help="1 is the paper's. 0 takes the map away: additive becomes none, and multiplicative leaves nothing.",
            **keep,
        )
    with right:
        gamma = st.slider(
            "Contrast γ: M is raised to this power",
            0.0,
            3.0,
            1.0,
            0.1,
            key="gamma",
            help="1 is the paper's. 0 makes every cell 1; above 1 only the brightest cells keep their weight.",
            **keep,
        )
    with last:
        st.button("Reset", on_click=_reset, icon=":material/restart_alt:", disabled=alpha == gamma == 1, key="as_paper")
    return Strength(alpha, gamma)


def _reset() -> None:
    state.alpha = state.gamma = 1.0


def triptych(chosen: ChosenImage, card: Card, subject: AttendedImage, fit: str, view: View, how: Strength) -> None:
    """Three mechanisms on the same weights and the same map: the gain of each cell, the answer, the energy kept."""
    before = inference.predict(chosen.picture, card, fit, [subject.attention])[0]
    applied = interventions.scale_map(subject.attention, strength=how.alpha, power=how.gamma)
    effects = {
        mechanism: Effect(
            mechanism, applied, before, inference.predict(chosen.picture, card, fit, [applied], mechanism)[0]
        )
        for mechanism in ORDER
    }
    labels = class_names(card)
    classes = likeliest([effect.after for effect in effects.values()], 3)
    most = max(2.0, 1 + float(applied.max()))
    st.caption(
        f"{escape_markdown(card.title)} by itself says **{escape_markdown(numbers.short_label(labels[effects['none'].predicted_class]))}**, "
        f"{numbers.percent(before.max())}. Weights and map are the same in all three columns, only the mechanism is "
        "swapped; a network is used to the one that it was **trained with**, and was never trained for the others."
    )
    for place, (mechanism, effect) in zip(st.columns(3, gap="medium"), effects.items(), strict=True):
        with place:
            st.markdown(f"##### {mechanism.capitalize()} &ensp; {FORMULAS[mechanism].format(m=how.in_words)}")
            other = " :orange-badge[another strength]" if mechanism != "none" and how != Strength(1, 1) else ""
            st.caption(f"{predictions.describe_mechanisms(card, mechanism, ' · ')}{other}")
            gain = interventions.gain(applied, mechanism)
            maps.show_map(
                subject.fitted.image,
                gain,
                view,
                (0.0, most),
                alt=f"What each cell of the features is multiplied by, {mechanism}: "
                f"from {gain.min():.2f} to {gain.max():.2f}.",
                key=f"gain-{mechanism}",
                symbol="× g",
            )
            st.caption("The colors tell what each cell of g is multiplied by.")
            predictions.show_effect(effect, labels)
            now = [("now", theme.HEAD_COLORS["perception"], effect.after)]
            alt = f"{mechanism}, perception head: {probabilities_in_words(effect.after, labels, classes)}."
            st.html(class_bars(now, labels, classes, alt=alt))
            energy(subject, applied, mechanism, most)


def energy(subject: AttendedImage, attention: np.ndarray, mechanism: str, most: float) -> None:
    """How much of each channel's energy is left, as a histogram on one axis for all mechanisms."""
    kept = subject.norm_ratio(attention, mechanism)
    kept = kept[~np.isnan(kept)]
    low, middle, high = np.quantile(kept, (0.25, 0.5, 0.75)) if kept.size else (np.nan,) * 3
    said = f"‖g′‖ ÷ ‖g‖ of {kept.size} channels: half of them keep {low:.2f} to {high:.2f}, the median is {middle:.2f}"
    st.plotly_chart(
        histogram.histogram(kept, (0.0, most), axis="energy kept, ‖g′‖ ÷ ‖g‖"),
        key=f"energy-{mechanism}",
        config={"displayModeBar": False},
        alt=f"{mechanism}: {said}.",
    )
    st.caption(said)


def fair_controls(chosen: ChosenImage, card: Card, subject: AttendedImage, fit: str) -> None:
    """Own map, constant mean and shuffled map, in the mechanisms that apply one."""
    own = subject.attention
    mechanisms = [m for m in ORDER if m != "none"]
    rows = {
        "its own map": [own],
        "constant mean": [interventions.PRESETS["constant mean"](own)],
        f"shuffled, {SHUFFLES} times": [interventions.shuffle_cells(own, seed) for seed in range(SHUFFLES)],
        "zeros, no control": [np.zeros_like(own)],
    }
    labels = class_names(card)
    before = {m: inference.predict(chosen.picture, card, fit, [own], m)[0] for m in mechanisms}
    body = []
    for name, variations in rows.items():
        texts = []
        for mechanism in mechanisms:
            answers = inference.predict(chosen.picture, card, fit, variations, mechanism)
            effects = [
                Effect(name, m, before[mechanism], answer) for m, answer in zip(variations, answers, strict=True)
            ]
            texts.append(_in_short(effects, labels))
        body.append((name, texts))
    shaded_table.show_shaded_table(
        ["M in place", *(f"{m} ({predictions.mechanism_label(card, m)})" for m in mechanisms)], body
    )
    st.caption(
        "Constant mean and shuffled keep the mean gain that the perception branch is used to, and lose the place: what "
        "they change is due to **where** the map is bright. Zeros take the gain away too, so they are no fair control: "
        "M = 0 is not “attention off”. Each column follows the class that its mechanism names on the network's own map."
    )


def _in_short(effects: Sequence[Effect], labels: Sequence[str]) -> str:
    first = effects[0]
    named = numbers.short_label(labels[first.predicted_class])
    probability = numbers.percent(float(np.mean([effect.after[first.predicted_class] for effect in effects])))
    change = numbers.points(float(np.mean([effect.change for effect in effects])))
    flips = sum(effect.changes_prediction for effect in effects)
    if first.name.startswith("its own"):
        return f"{named} {probability}"
    if len(effects) > 1:
        return f"{named} {probability}, Δp {change} points on average; another answer in {flips} of {len(effects)}"
    other = f"; now {numbers.short_label(labels[int(first.after.argmax())])}" if flips else ""
    return f"{named} {probability}, Δp {change} points{other}"


def agreement(found: Sequence[Explanation], titles: Sequence[str]) -> None:
    """Every pair of maps: rank correlation above the diagonal, overlap of the brightest cells below it."""
    if len(found) < 2:
        st.info("Choose two or more variants above to see how far their maps agree.", icon=":material/view_column:")
        return
    rows, shades = [], []
    for row, one in enumerate(found):
        texts, grounds = [], []
        for column, other in enumerate(found):
            pair, above = align_maps(one, other), column > row
            value = rank_correlation(*pair) if above else overlap(*pair, TOP)
            share, hue = (0.0 if np.isnan(value) else max(0.0, value)), "58 127 200" if above else "207 124 0"
            text = "flat" if np.isnan(value) else numbers.fixed(value, 3)
            texts.append("·" if row == column else text)
            grounds.append("" if row == column else f"rgb({hue} / {0.55 * share:.2f})")
        rows.append((titles[row], texts))
        shades.append(grounds)
    shaded_table.show_shaded_table(["", *titles], rows, shades)
    st.caption(
        "Above the diagonal, blue: rank correlation of the cells, 1 where both maps put them in the same order, 0 "
        f"where one tells nothing of the other. Below, orange: overlap of the brightest {100 * TOP:.0f} %, their "
        f"common part ÷ all that either takes; two random choices would overlap by about {TOP / (2 - TOP):.2f}. "
        "Maps of different cells, or of different parts of the picture, are compared where both saw it."
    )
