"""The interactive part of each step of the lesson, which returns whether the task is done.

Each step has its own photograph and variants, so that its text is true whatever is chosen on other pages.
"""

from collections.abc import Callable

import numpy as np
import streamlit as st

from abn.errors import ABNError
from abn.evaluation.metrics import cell_order
from abn.explanations import first_view, interventions
from abn.explanations.explanation import Explanation
from abn.explanations.interventions import Effect
from abn.export.figures import MapStyle
from abn.images import samples
from abn.images.decode import Picture
from abn.plots import class_bars, color_maps, numbers
from abn.plots.cell_product import product
from abn.study import figures, findings
from abn.teaching.lessons import STATEMENTS
from abn.ui import maps, predictions
from abn.ui.components import network_path
from abn.ui.components.painter import TOOLS
from abn.ui.components.strip import Thumbnail, strip, thumbnail
from abn.ui.controls import image_picker
from abn.ui.controls.choice_bar import Choice
from abn.ui.controls.selection import Selection
from abn.ui.inside import stage_panels, traces
from abn.ui.intervene import edit_panels, effect_panel
from abn.ui.layout import escape_markdown
from abn.ui.runtime import inference, models
from abn.ui.state import state
from abn.variants.card import Card, class_names
from abn.variants.store import find_variant
from abn.vocabulary import MECHANISMS, TRAINED

ADDITIVE, INVERTED = "imagenet-lite0-additive", "imagenet-lite0-additive-unfolded"
PHOTO = "cat-behind-mug"
VIEW = MapStyle(opacity=0.55)
FIT = first_view.FIT
GAIN = 1.8  # of the step on the two equations
FIFTH = 0.2
BARE = {"displayModeBar": False}


def why() -> bool:
    """M beside CAM and Grad-CAM of a class that a person chooses; done with another class than the predicted one."""
    choice, card = _choose(PHOTO)
    trace, labels = traces.get_trace(choice.chosen.picture, card, FIT), class_names(card)
    predicted = int(trace.logits.argmax())
    k = st.selectbox(
        "Class: type to search",
        range(len(labels)),
        index=predicted,
        format_func=lambda k: labels[k],
        key="lesson-class",
    )
    left, *rest = st.columns(3, gap="medium")
    image = traces.input_image(trace, card)
    with left:
        st.markdown("**M**, of no class")
        alt = maps.describe_map(trace.attention, "Attention map M")
        maps.show_map(image, trace.attention, VIEW, (0.0, 1.0), alt=alt, key="lesson-M")
    for place, method in zip(rest, traces.METHODS, strict=True):
        with place:
            st.markdown(f"**{method}**, of {escape_markdown(numbers.short_label(labels[k]))}")
            class_map = traces.get_class_map(choice.chosen.picture, card, FIT, method, k)
            if isinstance(class_map, str):
                st.info(escape_markdown(class_map))
                continue
            limit = max(float(np.abs(class_map.values).max()), 1e-6)
            signed = class_map.values.min() < 0
            limits = (-limit, limit) if signed else (0.0, limit)
            colors = color_maps.DIFFERENCE if signed else ""
            alt = f"{method} for {labels[k]}, from {class_map.values.min():.2f} to {class_map.values.max():.2f}."
            key = f"lesson-{method}"
            maps.show_map(image, class_map.values, VIEW, limits, alt=alt, key=key, symbol=method, colors=colors)
    return k != predicted


def parts() -> bool:
    """The network diagram; done once M, g′ and the logits were pressed."""
    choice, card = _choose(PHOTO)
    trace = traces.get_trace(choice.chosen.picture, card, FIT)
    chosen = state.lesson_stage

    def press(stage: str) -> None:
        state.lesson_stages_seen.add(stage)
        state.lesson_stage = stage

    st.markdown(f"**{chosen}**, {' × '.join(map(str, trace.stage(chosen).shape))}: {stage_panels.MEANINGS[chosen]}")
    wide, narrow = traces.draw_diagrams(choice.chosen.picture, card, FIT, VIEW)
    label = "The path from the picture to the answer"
    network_path.path(wide, narrow, chosen, label=label, key="lesson-path", on_pick=press)
    return {"M", "g′", "logits"} <= state.lesson_stages_seen


def equations() -> bool:
    """Both equations for one cell of M and its strongest channel; done at a cell of a high gain."""
    from abn.explanations.trace import cell_products

    choice, card = _choose(PHOTO)
    trace = traces.get_trace(choice.chosen.picture, card, FIT)
    row, column = state.lesson_cell

    def pick(row: int, column: int) -> None:
        state.lesson_cell = row, column

    left, right = st.columns([3, 2], gap="medium")
    with left:
        maps.show_map(
            traces.input_image(trace, card),
            trace.attention,
            VIEW,
            (0.0, 1.0),
            alt=maps.describe_map(trace.attention, "Attention map M"),
            key="lesson-cells",
            picked=(row, column),
            on_pick=pick,
        )
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


def mechanism() -> bool:
    """One variant's prediction under another mechanism; done when the prediction changes."""
    choice, card = _choose(PHOTO)
    chosen = st.segmented_control("Applied", MECHANISMS, default="additive", required=True, key="lesson-mechanism")
    before, after = (_explain(choice, card, m) for m in (card.mechanism, chosen or card.mechanism))
    left, right = st.columns(2, gap="medium")
    with left:
        _show_map(after, card, "lesson-applied")
    with right:
        predictions.show_heading(after, card)
        predictions.show_effect(_effect(before, after), before.labels)
        predictions.show_bars(after, card, len(class_bars.shared_classes(after)))
    return _effect(before, after).changes_prediction


def heads() -> bool:
    """Photographs to choose from and the predictions of both heads; done where the heads disagree."""
    photos = {photo.id: photo for photo in samples.gallery().values() if photo.kind == "photograph"}
    chosen = state.lesson_photo or PHOTO

    def pick(photo: str) -> None:
        if photo in photos:
            state.lesson_photo = photo

    items = [Thumbnail(key, photo.title, _thumbnail(key)) for key, photo in photos.items()]
    strip(items, chosen, label="Photographs", key="lesson-strip", on_pick=pick)
    choice, card = _choose(chosen)
    explanation = _explain(choice, card)
    left, right = st.columns(2, gap="medium")
    with left:
        _show_map(explanation, card, "lesson-heads")
    with right:
        predictions.show_predictions(explanation)
        predictions.show_bars(explanation, card, len(class_bars.shared_classes(explanation)))
    return not explanation.heads_agree


def bright() -> bool:
    """The brightest or darkest fifth covered, for a variant and one whose map is inverted; done with both covers."""
    options = ("nothing", "the brightest fifth", "the darkest fifth")
    chosen = st.segmented_control("Cover", options, default=options[0], required=True, key="lesson-cover")
    state.lesson_covers_tried.add(chosen)
    for place, variant in zip(st.columns(2, gap="medium"), (ADDITIVE, INVERTED), strict=True):
        choice, card = _choose(PHOTO, variant)
        before = _explain(choice, card)
        after = before
        if chosen in options[1:]:
            after = _explain_covered(choice, card, before, _first_cells(before, FIFTH, brightest=chosen == options[1]))
        with place:
            predictions.show_heading(before, card)
            predictions.show_effect(_effect(before, after), before.labels)
            left, right = st.columns(2)
            with left:
                image = after.fitted.image.resize((224, 224))
                st.image(image, alt=f"What the network got, {chosen} covered.", width="stretch")
                st.caption(f"What it got: {chosen} covered.")
            with right:
                limits = (float(before.attention.min()), float(before.attention.max()))
                _show_map(before, card, f"lesson-bright-{variant}", limits)
                st.caption(maps.describe_range(before.attention))
    return set(options[1:]) <= state.lesson_covers_tried


def faithful() -> bool:
    """Cells covered in the map's order and in random order; done where only the map's order changes the prediction."""
    choice, card = _choose(PHOTO)
    before = _explain(choice, card)
    percent = st.slider("Cells covered", 0, 60, 0, 2, format="%d %%", key="lesson-share")
    share = percent / 100
    rng = np.random.default_rng(0)
    h, w = before.attention.shape
    random = np.zeros(h * w, bool)
    random[rng.permutation(h * w)[: round(share * h * w)]] = True
    cells = {"the map's order, brightest first": _first_cells(before, share), "random order": random.reshape(h, w)}
    changed = []
    for place, (name, covered) in zip(st.columns(2, gap="medium"), cells.items(), strict=True):
        after = _explain_covered(choice, card, before, covered) if covered.any() else before
        with place:
            st.markdown(f"**In {name}**")
            image = after.fitted.image.resize((448, 448))
            st.image(image, alt=f"The picture with {percent} % of its cells covered, in {name}.", width="stretch")
            predictions.show_effect(_effect(before, after), before.labels)
            changed.append(_effect(before, after).changes_prediction)
    return changed[0] and not changed[1]


def helps() -> bool:
    """The study's figure and a question on it; done with the answer that the same results give."""
    comparison = findings.compared(findings.read_study(), "none")
    different = set()
    for place, panel in zip(st.columns(max(1, len(comparison.rows)), gap="medium"), comparison.rows, strict=False):
        row = next((row for row in comparison.rows[panel] if row.label.startswith("additive")), None)
        if row is not None and row.outcome in ("higher", "lower"):
            different.add(panel)
        with place:
            st.markdown(f"###### {escape_markdown(panel)}")
            drawn, words = figures.dots(comparison, panel), figures.alt(comparison, panel)
            st.plotly_chart(drawn, key=f"lesson-{panel}", config=BARE, alt=words)
    options = [*comparison.rows, "on both", "on neither"]
    right = {0: "on neither", len(comparison.rows): "on both"}.get(len(different)) or next(iter(different))
    answer = st.radio(
        "For additive, a difference was seen …",
        options,
        index=None,
        format_func=lambda name: name if name.startswith("on ") else f"only on {name}",
        key="lesson-seen",
    )
    if answer and answer != right:
        st.warning("Look again: where does additive's bar leave the dotted line behind?", icon=":material/search:")
    return answer == right


def change() -> bool:
    """A map to paint; done when painting changes the prediction."""
    choice, card = _choose(PHOTO)
    subject = inference.get_subject(choice.chosen.picture, card, FIT)
    key, history = edit_panels.get_history(choice, card, subject)
    left, right = st.columns([3, 2], gap="medium")
    effect = effect_panel.compute_effects(choice, card, history, card.mechanism)[history.index]
    with left:
        edit_panels.show_board(choice, card, subject, key, history)
    with right:
        predictions.show_effect(effect, class_names(card))
    return effect.changes_prediction and history.current.name in TOOLS  # painted, and no ready-made map


def limits() -> bool:
    """Statements to call true or false; done when all are right."""
    right = []
    for i, (sentence, true, because) in enumerate(STATEMENTS):
        answer = st.radio(sentence, ("true", "false"), index=None, horizontal=True, key=f"lesson-statement-{i}")
        right.append(answer == ("true" if true else "false"))
        if answer:
            mark = ":green-badge[:material/check: right]" if right[-1] else ":orange-badge[:material/close: not so]"
            st.caption(f"{mark} {because}" if right[-1] else mark)
    return all(right)


STEP_PANELS: dict[str, Callable[[], bool]] = {
    "why": why,
    "parts": parts,
    "map": equations,
    "mechanism": mechanism,
    "heads": heads,
    "bright": bright,
    "faithful": faithful,
    "help": helps,
    "change": change,
    "limits": limits,
}


# ---- what several steps need ----


def require_variants() -> None:
    """End the page with a sentence where a variant that the lesson is about is missing or broken."""
    try:
        trouble = list(models.find_broken([find_variant(variant) for variant in (ADDITIVE, INVERTED)]).values())
    except ABNError as error:
        trouble = [str(error)]
    for sentence in trouble:
        st.warning(escape_markdown(sentence), icon=":material/warning:")
    if trouble:
        st.stop()


def _choose(photo: str, variant: str = ADDITIVE) -> tuple[Choice, Card]:
    """A step's own photograph and variant, in the form that the choice bar of other pages gives."""
    card = find_variant(variant)
    return Choice(image_picker.open_photo(photo), [card], [card], Selection((card,), TRAINED), FIT, VIEW), card


def _explain(choice: Choice, card: Card, applied: str = TRAINED) -> Explanation:
    return _explain_picture(choice.chosen.picture, card, applied)


def _explain_picture(picture: Picture, card: Card, applied: str = TRAINED) -> Explanation:
    explanations = inference.explain_image(picture, [card], fit=FIT, mechanism=applied)
    if not explanations:  # never where the page has required its networks
        st.stop()
    return explanations[0]


def _effect(before: Explanation, after: Explanation) -> Effect:
    return Effect("", after.attention, before.perception, after.perception)


def _show_map(explanation: Explanation, card: Card, key: str, limits: tuple[float, float] = (0.0, 1.0)) -> None:
    alt = maps.describe_map(explanation.attention, f"Attention map of {card.title}")
    maps.show_map(explanation.fitted.image, explanation.attention, VIEW, limits, alt=alt, key=key)


def _first_cells(explanation: Explanation, share: float, *, brightest: bool = True) -> np.ndarray:
    """The first `share` of a map's cells (h, w) bool, in its order."""
    order = cell_order(explanation.attention, brightest_first=brightest)
    chosen = np.zeros(order.size, bool)
    chosen[order[: round(share * order.size)]] = True
    return chosen.reshape(explanation.attention.shape)


def _explain_covered(choice: Choice, card: Card, before: Explanation, cells: np.ndarray) -> Explanation:
    """The explanation of the image with some cells covered."""
    picture = interventions.cover_cells(choice.chosen.picture, before.fitted, cells)
    return _explain_picture(picture, card)


@st.cache_data(show_spinner=False, max_entries=64)
def _thumbnail(photo: str) -> str:
    return thumbnail(image_picker.open_photo(photo).picture.image)
