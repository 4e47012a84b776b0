"""The interactive part of each step of the lesson, which returns whether the task is done.

Each step has its own photograph and variants, so that its text is true whatever is chosen on other pages.
"""

from collections.abc import Callable

import numpy as np
import streamlit as st

from abn.errors import ABNError
from abn.evaluation.metrics import cell_order, cells_mask
from abn.explanations import interventions
from abn.explanations.explanation import Explanation
from abn.explanations.interventions import Effect
from abn.explanations.stages import Trace
from abn.export.figures import MapStyle
from abn.images import samples
from abn.images.decode import Picture
from abn.images.fit import DEFAULT_FIT
from abn.plots import class_bars, numbers
from abn.plots.cell_product import product
from abn.study import findings
from abn.teaching.lessons import STATEMENTS
from abn.ui import maps, predictions
from abn.ui.components import network_path
from abn.ui.components.painter import TOOLS
from abn.ui.components.strip import show_strip
from abn.ui.controls import image_picker
from abn.ui.controls.choice_bar import Choice
from abn.ui.controls.selection import Selection
from abn.ui.elements import choose
from abn.ui.inside import map_panels, stage_panels, traces
from abn.ui.intervene import edit_panels, effect_panel
from abn.ui.layout import escape_markdown
from abn.ui.runtime import cached_inference, models
from abn.ui.state import state
from abn.ui.study import findings_panels
from abn.variants.card import Card, class_names
from abn.variants.store import find_variant
from abn.vocabulary import ADDITIVE, MECHANISMS, TRAINED

UPRIGHT, INVERTED = "imagenet-lite0-additive", "imagenet-lite0-additive-unfolded"
PHOTO = "cat-behind-mug"
VIEW = MapStyle(opacity=0.55)
NOWHERE = "none of them"  # of the data sets
GAIN = 1.8  # of the step on the two equations
FIFTH = 0.2


def show_class_maps() -> bool:
    """M beside CAM and Grad-CAM of a class that a person chooses; done with another class than the predicted one."""
    choice, card, trace = _trace()
    labels, predicted = class_names(card), int(trace.logits.argmax())
    k = st.selectbox(
        "Class: type to search",
        range(len(labels)),
        index=predicted,
        format_func=lambda k: labels[k],
        key="lesson-class",
    )
    left, *rest = st.columns(3, gap="medium")
    with left:
        st.markdown("**M**, of no class")
        image = traces.input_image(trace, card)
        maps.show_attention(image, trace.attention, VIEW, title="Attention map M", key="lesson-M")
    for place, method in zip(rest, traces.METHODS, strict=True):
        with place:
            st.markdown(f"**{method}**, of {escape_markdown(numbers.short_label(labels[k]))}")
            map_panels.show_cam(choice, card, method, k, "lesson")
    return k != predicted


def show_parts() -> bool:
    """The network diagram; done once M, g′ and the logits were pressed."""
    choice, card, trace = _trace()
    chosen = state.lesson_stage

    def press(stage: str) -> None:
        state.lesson_stages_seen.add(stage)
        state.lesson_stage = stage

    st.markdown(f"**{chosen}**, {' × '.join(map(str, trace.stage(chosen).shape))}: {stage_panels.MEANINGS[chosen]}")
    contents = traces.get_contents(choice.chosen.picture, card, DEFAULT_FIT, VIEW)
    label = "The path from the picture to the answer"
    network_path.show(contents, card.mechanism, chosen, label=label, key="lesson-path", on_pick=press)
    return {"M", "g′", "logits"} <= state.lesson_stages_seen


def show_equations() -> bool:
    """Both equations for one cell of M and its strongest channel; done at a cell of a high gain."""
    from abn.explanations.trace import cell_products

    _, card, trace = _trace()
    row, column = state.lesson_cell

    def pick(row: int, column: int) -> None:
        state.lesson_cell = row, column

    left, right = st.columns([3, 2], gap="medium")
    with left:
        image, title = traces.input_image(trace, card), "Attention map M"
        cell, key = (row, column), "lesson-cells"
        maps.show_attention(image, trace.attention, VIEW, title=title, key=key, picked=cell, on_pick=pick)
    channel = trace.strongest_channel(row, column)
    with right:
        st.markdown(f"Row {row + 1}, column {column + 1}, channel {channel + 1} of g:")
        for values in cell_products(trace, row, column, channel):
            result = product(*values)
            if result.mechanism != "none":
                st.markdown(
                    f"**{result.mechanism}**  \n"
                    f"g′ = {result.gain} × {escape_markdown(result.before)} = {escape_markdown(result.after)}"
                )
    return 1 + float(trace.attention[row, column]) > GAIN


def show_mechanisms() -> bool:
    """One variant's prediction under another mechanism; done when the prediction changes."""
    choice, card = _choose(PHOTO)
    chosen = choose("Applied", MECHANISMS, "lesson-mechanism", default=ADDITIVE)
    before, after = (_explain(choice.chosen.picture, card, mechanism) for mechanism in (card.mechanism, chosen))
    left, right = st.columns(2, gap="medium")
    with left:
        _show_map(after, card, "lesson-applied")
    with right:
        predictions.show_heading(after, card)
        changed = _show_effect(before, after)
        predictions.show_bars(after, card, len(class_bars.shared_classes(after)))
    return changed


def show_heads() -> bool:
    """Photographs to choose from and the predictions of both heads; done where the heads disagree."""
    photos = {photo.id: photo for photo in samples.gallery().values() if photo.kind == "photograph"}
    chosen = state.lesson_photo or PHOTO

    def pick(photo: str) -> None:
        if photo in photos:
            state.lesson_photo = photo

    items = [item for item in image_picker.gallery_thumbnails() if item.id in photos]
    show_strip(items, chosen, label="Photographs", key="lesson-strip", on_pick=pick)
    choice, card = _choose(chosen)
    explanation = _explain(choice.chosen.picture, card)
    left, right = st.columns(2, gap="medium")
    with left:
        _show_map(explanation, card, "lesson-heads")
    with right:
        predictions.show_predictions(explanation)
        predictions.show_bars(explanation, card, len(class_bars.shared_classes(explanation)))
    return not explanation.heads_agree


def show_bright_cells() -> bool:
    """The brightest or darkest fifth covered, for a variant and one whose map is inverted; done with both covers."""
    nothing, brightest, darkest = options = ("nothing", "the brightest fifth", "the darkest fifth")
    chosen = choose("Cover", options, "lesson-cover")
    state.lesson_covers_tried.add(chosen)
    for place, variant in zip(st.columns(2, gap="medium"), (UPRIGHT, INVERTED), strict=True):
        choice, card = _choose(PHOTO, variant)
        before = _explain(choice.chosen.picture, card)
        order = cell_order(before.attention, brightest_first=chosen == brightest)
        after = _explain_covered(choice, card, before, order, 0 if chosen == nothing else FIFTH)
        with place:
            predictions.show_heading(before, card)
            _show_effect(before, after)
            left, right = st.columns(2)
            with left:
                image = after.fitted.image.resize((224, 224))
                st.image(image, alt=f"What the network got, {chosen} covered.", width="stretch")
                st.caption(f"What it got: {chosen} covered.")
            with right:
                limits = (float(before.attention.min()), float(before.attention.max()))
                _show_map(before, card, f"lesson-bright-{variant}", limits)
                st.caption(maps.describe_range(before.attention))
    return {brightest, darkest} <= state.lesson_covers_tried


def show_deletion() -> bool:
    """Cells covered in the map's order and in random order; done where only the map's order changes the prediction."""
    choice, card = _choose(PHOTO)
    before = _explain(choice.chosen.picture, card)
    percent = st.slider("Cells covered", 0, 60, 0, 2, format="%d %%", key="lesson-share")
    orders = {
        "the map's order, brightest first": cell_order(before.attention),
        "random order": np.random.default_rng(0).permutation(before.attention.size),
    }
    changed = []
    for place, (name, order) in zip(st.columns(2, gap="medium"), orders.items(), strict=True):
        after = _explain_covered(choice, card, before, order, percent / 100)
        with place:
            st.markdown(f"**In {name}**")
            image = after.fitted.image.resize((448, 448))
            st.image(image, alt=f"The picture with {percent} % of its cells covered, in {name}.", width="stretch")
            changed.append(_show_effect(before, after))
    return changed == [True, False]


def show_study() -> bool:
    """The study's figure and a question on it; done with the answer that the same results give."""
    comparison = findings.compared(findings.read_study(), "none")
    findings_panels.show_figure(comparison, key="lesson", count_seeds=False)
    different = [
        panel
        for panel, rows in comparison.rows.items()
        if any(row.label.startswith(ADDITIVE) and row.outcome in ("higher", "lower") for row in rows)
    ]
    right = set(different) or {NOWHERE}
    answer = set(
        st.pills(
            "For additive, a difference was seen on … (one or more)",
            [*comparison.rows, NOWHERE],
            selection_mode="multi",
            key="lesson-seen",
        )
    )
    if answer - right:
        st.warning("Look again: where does additive's bar leave the dotted line behind?", icon=":material/search:")
    return answer == right


def show_painting() -> bool:
    """A map to paint; done when painting changes the prediction."""
    choice, card = _choose(PHOTO)
    subject = cached_inference.get_subject(choice.chosen.picture, card, DEFAULT_FIT)
    key, history = edit_panels.get_history(choice, card, subject)
    left, right = st.columns([3, 2], gap="medium")
    effect = effect_panel.compute_effects(choice, card, history, card.mechanism)[history.index]
    with left:
        edit_panels.show_board(choice, card, subject, key, history)
    with right:
        predictions.show_effect(effect, class_names(card))
    return effect.changes_prediction and history.current.name in TOOLS  # painted, and no ready-made map


def show_statements() -> bool:
    """Statements to call true or false; done when all are right."""
    right = []
    for i, (sentence, true, because) in enumerate(STATEMENTS):
        answer = st.radio(sentence, ("true", "false"), index=None, horizontal=True, key=f"lesson-statement-{i}")
        right.append(answer == ("true" if true else "false"))
        if right[-1]:
            st.caption(f":green-badge[:material/check: right] {because}")
        elif answer:
            st.caption(":orange-badge[:material/close: not so]")
    return all(right)


STEP_PANELS: dict[str, Callable[[], bool]] = {
    "why": show_class_maps,
    "parts": show_parts,
    "map": show_equations,
    "mechanism": show_mechanisms,
    "heads": show_heads,
    "bright": show_bright_cells,
    "faithful": show_deletion,
    "help": show_study,
    "change": show_painting,
    "limits": show_statements,
}


# ---- what several steps need ----


def require_variants() -> None:
    """End the page with a sentence where a variant that the lesson is about is missing or broken."""
    try:
        errors = list(models.find_broken([find_variant(variant) for variant in (UPRIGHT, INVERTED)]).values())
    except ABNError as error:
        errors = [str(error)]
    for sentence in errors:
        st.warning(escape_markdown(sentence), icon=":material/warning:")
    if errors:
        st.stop()


def _choose(photo: str, variant: str = UPRIGHT) -> tuple[Choice, Card]:
    """A step's own photograph and variant, in the form that the choice bar of other pages gives."""
    card = find_variant(variant)
    return Choice(image_picker.open_photo(photo), [card], [card], Selection((card,), TRAINED), DEFAULT_FIT, VIEW), card


def _trace() -> tuple[Choice, Card, Trace]:
    choice, card = _choose(PHOTO)
    return choice, card, traces.get_trace(choice.chosen.picture, card, DEFAULT_FIT)


def _explain(picture: Picture, card: Card, applied: str = TRAINED) -> Explanation:
    explanations = cached_inference.explain_image(picture, [card], fit=DEFAULT_FIT, mechanism=applied)
    if not explanations:  # never where the page has required its networks
        st.stop()
    return explanations[0]


def _explain_covered(choice: Choice, card: Card, before: Explanation, order: np.ndarray, share: float) -> Explanation:
    """The explanation of the image with the first `share` of its cells, in an `order` (h·w,), covered."""
    shape = before.attention.shape
    cells = cells_mask(order, share, shape, shape)
    covered = interventions.cover_cells(choice.chosen.picture, before.fitted, cells) if cells.any() else None
    return _explain(covered, card) if covered else before


def _show_effect(before: Explanation, after: Explanation) -> bool:
    """Show how the prediction changes; whether it does."""
    effect = Effect("", after.attention, before.perception, after.perception)
    predictions.show_effect(effect, before.labels)
    return effect.changes_prediction


def _show_map(explanation: Explanation, card: Card, key: str, limits: tuple[float, float] | None = None) -> None:
    image, title = explanation.fitted.image, f"Attention map of {card.title}"
    maps.show_attention(image, explanation.attention, VIEW, title=title, key=key, limits=limits)
