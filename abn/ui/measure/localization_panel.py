"""What the Measure page shows of the shipped scenes: whether a map finds the object, beside maps that know nothing."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image

from abn.evaluation import localization
from abn.evaluation.localization import LocalizationScore, Scene
from abn.images.fit import fit_picture, upsample
from abn.plots import color_limits, map_words, numbers, overlay
from abn.ui.components import map_view
from abn.ui.components.strip import Thumbnail, strip, thumbnail
from abn.ui.controls.choice_bar import Choice
from abn.ui.controls.view_settings import View
from abn.ui.layout import escape_markdown
from abn.ui.maps import PANEL, show_color_bar
from abn.ui.measure.deletion_insertion_panel import both_sides, names, table, took
from abn.ui.runtime import jobs, models
from abn.ui.runtime.engine import page_turn
from abn.ui.runtime.jobs import Job, Piece
from abn.ui.state import state
from abn.variants.card import Card


@dataclass(frozen=True, eq=False)
class Measured:
    """What some maps find, by name of the variant or of the control, and how long that took."""

    found: dict[str, list[LocalizationScore]]
    seconds: float


def finding(choice: Choice) -> Job:
    """The chosen variants' maps on all scenes, beside the controls, and one scene shown large."""
    scenes, cards = localization.scenes(), choice.selection.cards
    grids = list(dict.fromkeys((card.map_size, card.input) for card in cards))
    controls = [_controls(next(c for c in cards if (c.map_size, c.input) == grid), scenes) for grid in grids]
    pieces = [_piece(card, scenes) for card in cards]
    strangers = [card.title for card in cards if card.kind != "photograph"]
    if strangers:
        st.info(
            f"The scenes are photographs, and these networks never learned any, so that their maps of them mean little: "
            f"{escape_markdown(', '.join(strangers))}.",
            icon=":material/help:",
        )
    job = jobs.control(
        "finding", [*controls, *pieces], f"Measure on {len(scenes)} scenes", icon=":material/center_focus_strong:"
    )
    with st.container():  # so that nothing below it moves while a job goes on
        _found(choice, scenes, pieces, dict(zip(grids, controls, strict=True)))
    both_sides(
        "Whether bright cells lie on the object, which is known here to the pixel. A figure means something only "
        "beside the gray rows: a constant map knows nothing, the middle is where objects like to be, and the mask "
        "itself is about the best that so many cells can do.",
        f"With {len(scenes)} scenes, one scene is {100 / len(scenes):.0f} points of pointing, so small differences are "
        "chance. The objects are drawings pasted on photographs: easier to find by their edges than the held-out "
        "scenes whose figures stand on the cards. And where a map lies doesn't say whether the answer uses it: “None "
        "(control)” never applies its map and may find the object, “Additive, upside down” finds all but the object, "
        "and both answer about as well as the others.",
    )
    return job


def _found(choice: Choice, scenes: Sequence[Scene], pieces: Sequence[Piece], controls: dict[tuple, Piece]) -> None:
    """The table, and one scene shown large, of those variants that are known."""
    known = jobs.results("finding", pieces)
    shown = [(card, one.found[card.id]) for card, one in zip(choice.selection.cards, known, strict=True) if one]
    if shown:
        beside = [
            (grid[0], one)
            for grid, one in zip(controls, jobs.results("finding", list(controls.values())), strict=True)
            if one
        ]
        _table(choice, shown, beside)
        seconds = sum(one.seconds for one in known if one)
        st.caption(
            f"{took(seconds, 'The maps')} n: scenes. Pointing: the brightest cell lies on the object. Energy ÷ area: "
            "the object's share of the map's sum over its share of the picture, 1 is no better than anywhere. ROC-AUC: "
            "how often a pixel of the object is brighter than one beside it, 0.5 is no better than anywhere. Whole "
            "scenes are squashed to the input, whatever fit is chosen above."
        )
        jobs.fragment_unless_busy(_one_scene)(choice, scenes, shown)


def _piece(card: Card, scenes: Sequence[Scene]) -> Piece:
    def make(tell) -> Measured:
        begun = time.perf_counter()
        found = localization.localize([card], scenes=scenes, load=models.load_network, progress=tell, turn=page_turn())
        return Measured(found, time.perf_counter() - begun)

    return Piece((card.id, card.sha256, localization.FIT), f"{card.title} on {len(scenes)} scenes", make)


def _controls(card: Card, scenes: Sequence[Scene]) -> Piece:
    def make(_tell) -> Measured:
        begun = time.perf_counter()
        with page_turn():
            found = localization.score_controls(card, scenes=scenes)
        return Measured(found, time.perf_counter() - begun)

    h, w = card.map_size
    return Piece(
        ("controls", card.map_size, card.input, localization.FIT), f"Maps of {h} × {w} cells that know nothing", make
    )


def _table(
    choice: Choice,
    shown: Sequence[tuple[Card, list[LocalizationScore]]],
    beside: Sequence[tuple[tuple[int, int], Measured]],
) -> None:
    """Variants, and the controls in gray; these for each size of map, where there are several."""
    titles = names(choice)
    gray = []
    for (h, w), measured in beside:
        cells = f", {h} × {w} cells" if len(beside) > 1 else ""
        gray += [_row(f"{name}{cells}", found) for name, found in measured.found.items()]
    head = ["Map", "n", "Pointing", "Energy ÷ area", "ROC-AUC"]
    table(head, [_row(titles[card.id], found) for card, found in shown], gray)


def _row(name: str, found: Sequence[LocalizationScore]) -> list[str]:
    means = localization.mean_scores(found)
    hits = f"{100 * means.pointing:.0f} % ({round(means.pointing * means.count)} of {means.count})"
    return [name, str(means.count), hits, f"{means.energy:.2f}", f"{means.auc:.2f}"]


def _one_scene(choice: Choice, scenes: Sequence[Scene], shown: Sequence[tuple[Card, list[LocalizationScore]]]) -> None:
    """One scene large: the object's outline, each variant's map on it, and what it is worth."""
    by_id = {scene.id: scene for scene in scenes}
    state.scene = chosen = state.scene if state.scene in by_id else scenes[0].id
    strip(_thumbnails(), chosen, label="Scenes", key="scenes", on_pick=_pick)
    scene, titles = by_id[chosen], names(choice)
    with st.container(key="pairs-scene"):
        first, *rest = st.columns(max(2, len(shown)) + 1, gap="medium")
    with first:
        st.markdown(f"##### {escape_markdown(scene.title)}")
        mask = np.asarray(Image.fromarray(scene.mask).resize((PANEL, PANEL), Image.Resampling.NEAREST))
        image = scene.picture.image.resize((PANEL, PANEL), Image.Resampling.BICUBIC)
        st.image(overlay.mark_brightest(image, image, mask, "contour"), width="stretch", alt=scene.alt)
        st.caption(
            f"The outline is the object: {100 * scene.mask.mean():.0f} % of the scene. {escape_markdown(scene.credit)}"
        )
    found = {card.id: next(one for one in some if one.scene == chosen) for card, some in shown}
    spans = color_limits.limits([one.attention for one in found.values()], choice.view.scale)
    for place, (card, _), span in zip(rest, shown, spans, strict=False):
        with place:
            st.markdown(f"##### {escape_markdown(titles[card.id])}")
            _map(scene, card, found[card.id], choice.view, span)


def _map(scene: Scene, card: Card, found: LocalizationScore, view: View, span: tuple[float, float]) -> None:
    """A map over the scene as this network saw it, the object outlined and the brightest cell framed."""
    fitted = fit_picture(scene.picture, card.input, localization.FIT)
    image = fitted.image.resize((PANEL, PANEL), Image.Resampling.BICUBIC)
    mask = Image.fromarray(localization.fit_mask(scene.mask, fitted)).resize((PANEL, PANEL), Image.Resampling.NEAREST)
    values = upsample(found.attention, (PANEL, PANEL), view.smooth)
    drawn = overlay.overlay(image, values, opacity=view.opacity, color_map=view.colors, low=span[0], high=span[1])
    row, column = np.unravel_index(found.attention.argmax(), found.attention.shape)
    where, hit = map_words.brightest_place(found.attention), "hits" if found.hit else "misses"
    map_view.show(
        overlay.mark_brightest(drawn, image, np.asarray(mask), "contour"),
        found.attention,
        alt=f"Map of {card.title} on the scene “{scene.title}”: its brightest cell, {where}, {hit} the object; "
        f"energy ÷ area {found.energy:.2f}, ROC-AUC {found.auc:.2f}.",
        key=f"scene-{card.id}",
        picked=(int(row), int(column)),
    )
    show_color_bar(view.colors, *span)
    badge = ":green-badge[:material/check: hit]" if found.hit else ":orange-badge[:material/close: miss]"
    st.markdown(f"{badge} :small[energy ÷ area {found.energy:.2f} · ROC-AUC {found.auc:.2f}]")
    if found.perception:
        label = escape_markdown(numbers.short_label(found.perception.label))
        st.caption(
            f"Perception head: {label} {numbers.percent(found.perception.probability)}. Framed: the brightest cell."
        )


def _pick(scene: str) -> None:
    state.scene = scene


@st.cache_data(show_spinner=False, max_entries=1)
def _thumbnails() -> list[Thumbnail]:
    return [Thumbnail(scene.id, scene.title, thumbnail(scene.picture.image)) for scene in localization.scenes()]
