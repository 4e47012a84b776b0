"""Localization on Measure: whether a map lies on the object of the shipped scenes, beside uninformative controls."""

import html
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from abn.evaluation import localization
from abn.evaluation.localization import LocalizationScore, Scene
from abn.export.figures import MapStyle
from abn.images.fit import fit_picture
from abn.plots import color_limits, map_words, numbers, overlay
from abn.ui.components import map_view
from abn.ui.components.media import Encoded, encode
from abn.ui.components.strip import Thumbnail, make_thumbnail, show_strip
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import show_shaded_table
from abn.ui.layout import escape_markdown
from abn.ui.measure import words
from abn.ui.measure.sections import estimate_seconds, unique_titles
from abn.ui.runtime import jobs, models
from abn.ui.runtime.jobs import Job, Piece
from abn.ui.runtime.turns import page_turn
from abn.ui.state import state
from abn.variants.card import Card
from abn.vocabulary import InputSpec

JOB = "localization"
PANEL, THUMBNAIL = 448, 112  # pixels of a scene with its outline
MAX_DRAWN = 96  # scenes that stay drawn, at one network's input each
CONTROL_SHADE = "rgb(128 128 128 / .15)"


@dataclass(frozen=True, eq=False)
class MeasuredScores:
    """Scores by name of the variant or of the control, and how long they took."""

    scores: dict[str, list[LocalizationScore]]
    seconds: float


def show_localization(choice: Choice) -> Job:
    """The chosen variants' maps on all scenes, beside the controls, and one scene shown large."""
    scenes, cards = localization.scenes(), choice.selection.cards
    heading, plan = st.container(key="section-object"), st.empty()
    controls: dict[tuple, Piece] = {}  # by the size of the map and the input, each as its first variant has it
    for card in cards:
        controls.setdefault((card.map_size, card.input), _control_piece(card, scenes))
    pieces = {card.id: _variant_piece(card, scenes) for card in cards}
    other_kind = escape_markdown(numbers.in_quotes(card.title for card in cards if card.kind != "photograph"))
    if other_kind:
        st.info(words.OTHER_KIND.format(titles=other_kind), icon=":material/help:")
    duration = words.duration(estimate_seconds(choice, len(scenes)))
    label = words.RUN_SCENES.format(count=len(scenes), duration=duration)
    job = jobs.control(JOB, [*controls.values(), *pieces.values()], label, icon=":material/center_focus_strong:")
    measured = _results(pieces)
    with st.container():  # so that nothing below it moves while a job runs
        _show_results(choice, scenes, measured, _results(controls))
    text = words.LOCALIZATION
    if len(measured) == len(cards):
        hits = sorted(_count_hits(of_variant.scores[variant])["hits"] for variant, of_variant in measured.items())
        text = words.LOCALIZATION_RESULT.format(values=words.value_range([*map(str, hits)]), count=len(scenes))
    else:
        plan.markdown(words.LOCALIZATION_PLAN.format(count=len(scenes)))
    heading.subheader(text, anchor="object", help=words.LOCALIZATION_HELP)
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

    return Piece(
        (card.id, card.sha256, localization.FIT),
        words.SCENES_PIECE.format(title=card.title, count=len(scenes)),
        compute,
    )


def _control_piece(card: Card, scenes: Sequence[Scene]) -> Piece:
    def compute(_progress: jobs.Progress) -> MeasuredScores:
        with page_turn():
            return MeasuredScores(localization.score_controls(card, scenes=scenes), 0.0)

    rows, columns = card.map_size
    key = ("controls", card.map_size, card.input, localization.FIT)
    return Piece(key, words.CONTROL_PIECE.format(rows=rows, columns=columns), compute)


def _show_results(
    choice: Choice, scenes: Sequence[Scene], variants: dict[str, MeasuredScores], controls: dict[tuple, MeasuredScores]
) -> None:
    """Hits and misses of those variants that have been measured, their numbers, and one scene shown large."""
    if not variants:
        return
    scores, titles = (
        {variant: measured.scores[variant] for variant, measured in variants.items()},
        unique_titles(choice),
    )
    st.html(_scene_styles())
    for variant, of_variant in scores.items():
        st.markdown(words.HITS.format(title=escape_markdown(titles[variant]), **_count_hits(of_variant)))
        st.html(_hits_and_misses(scenes, of_variant))
    by_size = {size: measured.scores for (size, _), measured in controls.items()}  # means differ by the cells alone
    if by_size:
        items = [
            words.CONTROL_ITEM.format(name=name, **_count_hits(of_control))
            for name, of_control in next(iter(by_size.values())).items()
        ]
        st.markdown(words.CONTROL_HITS.format(controls=", ".join(items)))
    with st.expander(words.NUMBERS_AND_LIMITS, icon=":material/123:"):
        _show_numbers(titles, scores, by_size)
        seconds = sum(measured.seconds for measured in variants.values())
        st.caption(f"{words.LOCALIZATION_NOTE} {words.took(seconds)}")
        st.markdown(words.LOCALIZATION_LIMITS.format(count=len(scenes), points=100 / len(scenes)))
    jobs.fragment_unless_busy(_show_scene)(choice, scenes, scores)


def _count_hits(scores: Sequence[LocalizationScore]) -> dict[str, int]:
    means = localization.mean_scores(scores)
    return {"hits": round(means.pointing * means.count) if means.count else 0, "count": means.count}


def _hits_and_misses(scenes: Sequence[Scene], scores: Sequence[LocalizationScore]) -> str:
    """A thumbnail for each scene with the object's outline, the brightest cell framed, and whether it hits."""
    by_scene = {score.scene: score for score in scores}
    tiles = ""
    for number, scene in enumerate(scenes):
        score = by_scene[scene.id]
        rows, columns = score.attention.shape
        row, column = np.unravel_index(score.attention.argmax(), score.attention.shape)
        place = f"left: {100 * column / columns:.1f}%; top: {100 * row / rows:.1f}%"
        size = f"width: {100 / columns:.1f}%; height: {100 / rows:.1f}%"
        result, mark = (words.HIT, "✓") if score.hit else (words.MISS, "✗")
        alt = html.escape(words.THUMBNAIL_ALT.format(scene=scene.title, result=result))
        tiles += (
            f'<div class="abn-scene-{number} abn-{result}" role="img" aria-label="{alt}" title="{alt}">'
            f'<i style="{place}; {size}"></i><b aria-hidden="true">{mark}</b></div>'
        )
    return f'<div class="abn-hits">{tiles}</div>'


@st.cache_data(show_spinner=False, max_entries=1)
def _scene_styles() -> str:
    """Each scene as a background, for the thumbnails of all variants."""
    images = [overlay.data_url(_with_outline(scene, THUMBNAIL), quality=75) for scene in localization.scenes()]
    rules = "".join(f".abn-scene-{number} {{background-image: url({image})}}" for number, image in enumerate(images))
    return f"<style>{rules}</style>"


def _show_numbers(
    titles: dict[str, str],
    scores: dict[str, list[LocalizationScore]],
    controls: dict[tuple[int, int], dict[str, list[LocalizationScore]]],
) -> None:
    table = [(titles[variant], _mean_cells(of_variant)) for variant, of_variant in scores.items()]
    shades = [[""] * 4 for _ in table]
    for (rows, columns), of_size in controls.items():
        for name, of_control in of_size.items():
            title = words.SIZE.format(name=name, rows=rows, columns=columns) if len(controls) > 1 else name
            table.append((title, _mean_cells(of_control)))
            shades.append([CONTROL_SHADE] * 4)
    header = [words.MAP, words.COUNT, words.POINTING, words.MAP_SHARE, words.ROC_AUC]
    show_shaded_table(header, table, shades)


def _mean_cells(scores: Sequence[LocalizationScore]) -> list[str]:
    means = localization.mean_scores(scores)
    hits = words.POINTING_CELL.format(percent=100 * means.pointing, **_count_hits(scores))
    return [str(means.count), hits, f"{means.energy:.2f}", f"{means.auc:.2f}"]


def _show_scene(choice: Choice, scenes: Sequence[Scene], scores: dict[str, list[LocalizationScore]]) -> None:
    """One scene large: the object's outline, each variant's map on it, and its scores."""
    by_id = {scene.id: scene for scene in scenes}
    state.scene = chosen = state.scene if state.scene in by_id else scenes[0].id
    show_strip(_thumbnails(), chosen, label=words.SCENES, key="scenes", on_pick=partial(setattr, state, "scene"))
    scene, titles = by_id[chosen], unique_titles(choice)
    with st.container(key="pairs-scene"):
        first, *columns = st.columns(max(2, len(scores)) + 1, gap="medium")
    with first:
        st.markdown(f"##### {escape_markdown(scene.title)}")
        st.image(_encode_outlined(scene).data, width="stretch", alt=scene.alt)
        share, credit = 100 * scene.mask.mean(), escape_markdown(scene.credit)
        st.caption(words.OUTLINE.format(percent=share, credit=credit))
    cards = [card for card in choice.selection.cards if card.id in scores]
    shown = [next(score for score in scores[card.id] if score.scene == chosen) for card in cards]
    limits = color_limits.limits([score.attention for score in shown], choice.view.scale)
    for column, card, score, span in zip(columns, cards, shown, limits, strict=False):
        with column:
            st.markdown(f"##### {escape_markdown(titles[card.id])}")
            _show_map(scene, card, score, choice.view, span)


def _outline(mask: np.ndarray, side: int) -> Image.Image:
    """An object's outline (a mask of any size, bool), on nothing, `side` pixels wide and high."""
    inside = np.asarray(Image.fromarray(mask).resize((side, side), Image.Resampling.NEAREST))
    gray = Image.new("RGB", (side, side), "gray")
    drawn = overlay.mark_brightest(gray, gray, inside, "contour")
    line = (np.asarray(drawn) != np.asarray(gray)).any(-1)
    drawn.putalpha(Image.fromarray(line))
    return drawn


def _with_outline(scene: Scene, side: int) -> Image.Image:
    image = scene.picture.image.resize((side, side), Image.Resampling.BICUBIC).convert("RGB")
    outline = _outline(scene.mask, side)
    image.paste(outline, mask=outline)
    return image


@st.cache_resource(show_spinner=False, max_entries=MAX_DRAWN, hash_funcs={Scene: attrgetter("id")})
def _encode_outlined(scene: Scene) -> Encoded:
    return encode(_with_outline(scene, PANEL))


@st.cache_resource(show_spinner=False, max_entries=MAX_DRAWN, hash_funcs={Scene: attrgetter("id")})
def _encode_input(scene: Scene, spec: InputSpec) -> tuple[Encoded, Encoded]:
    """A scene at a network's input, and its object's outline there."""
    fitted = fit_picture(scene.picture, spec, localization.FIT)
    return encode(fitted.image), encode(_outline(localization.fit_mask(scene.mask, fitted), PANEL))


def _show_map(scene: Scene, card: Card, score: LocalizationScore, view: MapStyle, span: tuple[float, float]) -> None:
    """A map over the scene at the variant's input, the object outlined and the brightest cell framed."""
    image, outline = _encode_input(scene, card.input)
    row, column = np.unravel_index(score.attention.argmax(), score.attention.shape)
    result = words.HITS_OBJECT if score.hit else words.MISSES_OBJECT
    alt = words.SCENE_ALT.format(
        title=card.title,
        scene=scene.title,
        place=map_words.brightest_place(score.attention),
        result=result,
        share=score.energy,
        auc=score.auc,
    )
    map_view.show(
        image,
        score.attention,
        view,
        span,
        alt=alt,
        key=f"scene-{card.id}",
        picked=(int(row), int(column)),
        cover=outline,
    )
    mark = f":material/check: {words.HIT}" if score.hit else f":material/close: {words.MISS}"
    st.markdown(f"**{mark}** · {words.SCENE_SCORES.format(share=score.energy, auc=score.auc)}")
    if score.perception:
        label = escape_markdown(numbers.short_label(score.perception.label))
        probability = numbers.percent(score.perception.probability)
        st.caption(words.SCENE_PREDICTION.format(label=label, probability=probability))


@st.cache_data(show_spinner=False, max_entries=1)
def _thumbnails() -> list[Thumbnail]:
    return [Thumbnail(scene.id, scene.title, make_thumbnail(scene.picture.image)) for scene in localization.scenes()]
