"""Localization on Measure: whether a map lies on the object of the shipped scenes, beside uninformative controls."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from abn.evaluation import localization
from abn.evaluation.localization import LocalizationScore, Scene
from abn.export.figures import MapStyle
from abn.images.fit import fit_picture
from abn.plots import color_limits, map_words, numbers, overlay
from abn.ui import maps
from abn.ui.components import map_view
from abn.ui.components.media import encode
from abn.ui.components.strip import Thumbnail, make_thumbnail, show_strip
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import show_shaded_table
from abn.ui.layout import escape_markdown
from abn.ui.measure.sections import describe_seconds, show_limits, unique_titles
from abn.ui.runtime import jobs, models
from abn.ui.runtime.jobs import Job, Piece
from abn.ui.runtime.turns import page_turn
from abn.ui.state import state
from abn.variants.card import Card

JOB = "localization"
CONTROL_SHADE = "rgb(128 128 128 / .15)"
CAN = (
    "Whether bright cells lie on the object, which is known here to the pixel. A figure means something only "
    "beside the gray rows: a constant map knows nothing, the middle is where objects like to be, and the mask "
    "itself is about the best that so many cells can do."
)
CANNOT = (
    "With {count} scenes, one scene is {points:.0f} points of pointing, so small differences are "
    "chance. The objects are drawings pasted on photographs, easier to find by their edges than what is in a real "
    "photograph: the figures on the cards are of photographs with masks. And where a map lies doesn't say whether "
    "the answer uses it: “None (control)” never applies its map and may find the object, “Additive, upside down” "
    "finds all but the object, and both answer about as well as the others."
)


@dataclass(frozen=True, eq=False)
class MeasuredScores:
    """Scores by name of the variant or of the control, and how long they took."""

    scores: dict[str, list[LocalizationScore]]
    seconds: float


def show_localization(choice: Choice) -> Job:
    """The chosen variants' maps on all scenes, beside the controls, and one scene shown large."""
    scenes, cards = localization.scenes(), choice.selection.cards
    controls: dict[tuple, Piece] = {}  # by the size of the map and the input, each as its first variant has it
    for card in cards:
        controls.setdefault((card.map_size, card.input), _control_piece(card, scenes))
    pieces = {card.id: _variant_piece(card, scenes) for card in cards}
    untrained = escape_markdown(", ".join(card.title for card in cards if card.kind != "photograph"))
    if untrained:
        st.info(
            "The scenes are photographs, and these networks never learned any, so that their maps of them mean little: "
            f"{untrained}.",
            icon=":material/help:",
        )
    label, icon = f"Measure on {len(scenes)} scenes", ":material/center_focus_strong:"
    job = jobs.control(JOB, [*controls.values(), *pieces.values()], label, icon=icon)
    with st.container():  # so that nothing below it moves while a job goes on
        _show_results(choice, scenes, _results(pieces), _results(controls))
    show_limits(CAN, CANNOT.format(count=len(scenes), points=100 / len(scenes)))
    return job


def _results(pieces: dict[Any, Piece]) -> dict[Any, MeasuredScores]:
    """Those that have been measured."""
    results = jobs.results(JOB, list(pieces.values()))
    return {key: result for key, result in zip(pieces, results, strict=True) if result}


def _variant_piece(card: Card, scenes: Sequence[Scene]) -> Piece:
    def compute(progress: jobs.Progress) -> MeasuredScores:
        begun = time.perf_counter()
        scores = localization.localize(
            [card], scenes=scenes, load=models.load_runner, progress=progress, turn=page_turn()
        )
        return MeasuredScores(scores, time.perf_counter() - begun)

    return Piece((card.id, card.sha256, localization.FIT), f"{card.title} on {len(scenes)} scenes", compute)


def _control_piece(card: Card, scenes: Sequence[Scene]) -> Piece:
    def compute(_progress: jobs.Progress) -> MeasuredScores:
        with page_turn():
            return MeasuredScores(localization.score_controls(card, scenes=scenes), 0.0)

    h, w = card.map_size
    key = ("controls", card.map_size, card.input, localization.FIT)
    return Piece(key, f"Maps of {h} × {w} cells that know nothing", compute)


def _show_results(
    choice: Choice, scenes: Sequence[Scene], variants: dict[str, MeasuredScores], controls: dict[tuple, MeasuredScores]
) -> None:
    """The table, and one scene shown large, of those variants that have been measured."""
    if not variants:
        return
    scores = {variant: measured.scores[variant] for variant, measured in variants.items()}
    table = [(unique_titles(choice)[variant], _mean_cells(of_variant)) for variant, of_variant in scores.items()]
    shades = [[""] * 4 for _ in table]
    by_size = {size: measured for (size, _), measured in controls.items()}  # means differ by the cells alone
    for (h, w), measured in by_size.items():
        size = f", {h} × {w} cells" if len(by_size) > 1 else ""
        table += [(f"{name}{size}", _mean_cells(of_control)) for name, of_control in measured.scores.items()]
    shades += [[CONTROL_SHADE] * 4 for _ in table[len(shades) :]]
    show_shaded_table(["Map", "n", "Pointing", "Energy ÷ area", "ROC-AUC"], table, shades)
    seconds = sum(measured.seconds for measured in variants.values())
    st.caption(
        f"{describe_seconds(seconds, 'The maps')} n: scenes. Pointing: the brightest cell lies on the object. "
        "Energy ÷ area: the object's share of the map's sum over its share of the picture, 1 is no better than "
        "anywhere. ROC-AUC: the probability that a randomly chosen object pixel is brighter than a randomly chosen "
        "background pixel, 0.5 is no better than anywhere. Whole scenes are squashed to the input, whatever fit is "
        "chosen above."
    )
    jobs.fragment_unless_busy(_show_scene)(choice, scenes, scores)


def _mean_cells(scores: Sequence[LocalizationScore]) -> list[str]:
    means = localization.mean_scores(scores)
    hits = f"{100 * means.pointing:.0f} % ({round(means.pointing * means.count)} of {means.count})"
    return [str(means.count), hits, f"{means.energy:.2f}", f"{means.auc:.2f}"]


def _show_scene(choice: Choice, scenes: Sequence[Scene], scores: dict[str, list[LocalizationScore]]) -> None:
    """One scene large: the object's outline, each variant's map on it, and its scores."""
    by_id = {scene.id: scene for scene in scenes}
    state.scene = chosen = state.scene if state.scene in by_id else scenes[0].id
    show_strip(_thumbnails(), chosen, label="Scenes", key="scenes", on_pick=partial(setattr, state, "scene"))
    scene, titles = by_id[chosen], unique_titles(choice)
    with st.container(key="pairs-scene"):
        first, *columns = st.columns(max(2, len(scores)) + 1, gap="medium")
    with first:
        st.markdown(f"##### {escape_markdown(scene.title)}")
        st.image(_with_outline(scene), width="stretch", alt=scene.alt)
        st.caption(
            f"The outline is the object: {100 * scene.mask.mean():.0f} % of the scene. {escape_markdown(scene.credit)}"
        )
    cards = [card for card in choice.selection.cards if card.id in scores]
    shown = [next(score for score in scores[card.id] if score.scene == chosen) for card in cards]
    limits = color_limits.limits([score.attention for score in shown], choice.view.scale)
    for column, card, score, span in zip(columns, cards, shown, limits, strict=False):
        with column:
            st.markdown(f"##### {escape_markdown(titles[card.id])}")
            _show_map(scene, card, score, choice.view, span)


def _outline(mask: np.ndarray) -> Image.Image:
    """An object's outline (a mask of any size, bool), on nothing, at the size of a panel."""
    inside = np.asarray(Image.fromarray(mask).resize((maps.PANEL, maps.PANEL), Image.Resampling.NEAREST))
    gray = Image.new("RGB", (maps.PANEL, maps.PANEL), "gray")
    drawn = overlay.mark_brightest(gray, gray, inside, "contour")
    line = (np.asarray(drawn) != np.asarray(gray)).any(-1)
    drawn.putalpha(Image.fromarray(line))
    return drawn


def _with_outline(scene: Scene) -> Image.Image:
    image = maps.enlarge(scene.picture.image).copy()
    outline = _outline(scene.mask)
    image.paste(outline, mask=outline)
    return image


def _show_map(scene: Scene, card: Card, score: LocalizationScore, view: MapStyle, span: tuple[float, float]) -> None:
    """A map over the scene as this network saw it, the object outlined and the brightest cell framed."""
    fitted = fit_picture(scene.picture, card.input, localization.FIT)
    row, column = np.unravel_index(score.attention.argmax(), score.attention.shape)
    place, hit = map_words.brightest_place(score.attention), "hits" if score.hit else "misses"
    map_view.show(
        maps.encode_once(maps.enlarge(fitted.image)),
        score.attention,
        view,
        span,
        alt=f"Map of {card.title} on the scene “{scene.title}”: its brightest cell, {place}, {hit} the object; "
        f"energy ÷ area {score.energy:.2f}, ROC-AUC {score.auc:.2f}.",
        key=f"scene-{card.id}",
        picked=(int(row), int(column)),
        cover=encode(_outline(localization.fit_mask(scene.mask, fitted))),
    )
    badge = ":green-badge[:material/check: hit]" if score.hit else ":orange-badge[:material/close: miss]"
    st.markdown(f"{badge} :small[energy ÷ area {score.energy:.2f} · ROC-AUC {score.auc:.2f}]")
    if score.perception:
        label = escape_markdown(numbers.short_label(score.perception.label))
        probability = numbers.percent(score.perception.probability)
        st.caption(f"Perception head: {label} {probability}. Framed: the brightest cell.")


@st.cache_data(show_spinner=False, max_entries=1)
def _thumbnails() -> list[Thumbnail]:
    return [Thumbnail(scene.id, scene.title, make_thumbnail(scene.picture.image)) for scene in localization.scenes()]
