"""Does the map lie on the object? Pointing, energy ratio and ROC-AUC on the shipped scenes, whose masks are known.

Each is compared with uninformative controls, a constant map and a center prior, and with the object's own mask in as
many cells, about the best that a map of that many can do (even it may miss a thin object). The objects are drawings
with sharp edges on photographs, so edges alone may attract a map; and that a map lies on the object doesn't mean that
the prediction depends on it.
"""

import functools
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from abn.engine.inference import Load
from abn.engine.loading import load_runner
from abn.evaluation.metrics import energy_ratio, pointing_hit, roc_auc
from abn.explanations.explainer import explain_inputs
from abn.explanations.explanation import Explanation, Prediction
from abn.images.decode import Picture, open_picture
from abn.images.fit import Fitted, fit_picture
from abn.images.samples import SAMPLES, photographs
from abn.variants.card import Card
from abn.vocabulary import HEADS

FOLDER = SAMPLES / "scenes"
FIT = "squash"  # all of a scene is seen
BATCH = 2  # scenes explained at once, as in deletion_insertion
CENTER_SIGMA = 0.25  # standard deviation of the center prior, in sides of the image
CONSTANT, CENTER, MASK = CONTROLS = ("constant map", "center prior", "object mask")


@dataclass(frozen=True, eq=False)
class Scene:
    """An image with one object whose mask is known."""

    id: str
    title: str
    alt: str  # description for screen readers
    picture: Picture
    mask: np.ndarray  # (H, W) bool, read-only
    index: int | None  # the object's ImageNet class; None where no class fits for certain
    credit: str


@dataclass(frozen=True, eq=False)
class LocalizationScore:
    """One map against one scene's mask. NaN where the fit left the object out, or nothing beside it."""

    scene: str  # its id
    attention: np.ndarray  # (h, w)
    hit: bool  # the center of the brightest cell is on the object
    energy: float  # the map's share on the object ÷ the object's share of the area; 1 for a constant map
    auc: float  # probability that a random object pixel is brighter than a random background pixel; 0.5: constant map
    auxiliary: Prediction | None = None  # None for a control
    perception: Prediction | None = None


@dataclass(frozen=True)
class MeanScores:
    """Mean scores over the scenes in which they can be measured."""

    count: int  # scenes
    pointing: float  # share of hits
    energy: float
    auc: float


@functools.cache
def scenes() -> tuple[Scene, ...]:
    """The scenes that ship with the app."""
    photos = {photo.file: photo for photo in photographs()}
    scenes = []
    for record in json.loads((FOLDER / "scenes.json").read_text(encoding="utf-8")):
        photo = photos[record["ground"]]
        scenes.append(
            Scene(
                id=Path(record["file"]).stem,
                title=record["title"],
                alt=record["alt"],
                picture=open_picture((FOLDER / record["file"]).read_bytes(), name=record["file"]),
                mask=_read_mask(FOLDER / record["mask"]),
                index=record["class"],
                credit=f"Drawing from openclipart (public domain) on a part of “{photo.title}”, "
                f"{photo.author} ({photo.license}).",
            )
        )
    return tuple(scenes)


def _read_mask(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        mask = np.array(image.convert("1"))
    mask.flags.writeable = False  # all sessions share it
    return mask


def localize(
    cards: Sequence[Card],
    *,
    scenes: Sequence[Scene],
    load: Load = load_runner,
    fit: str = FIT,
    progress: Callable[[float], object] = lambda share: None,
    turn: AbstractContextManager = nullcontext(),  # noqa: B008  it holds nothing
) -> dict[str, list[LocalizationScore]]:
    """For each variant's id the scores of its map, scene by scene.

    `turn` is held while the networks run on one batch of scenes. `progress` gets the share that is done after
    each batch; whatever it raises ends the work.
    """
    scores: dict[str, list[LocalizationScore]] = {card.id: [] for card in cards}
    specs = {card.input for card in cards}
    for start in range(0, len(scenes) if cards else 0, BATCH):
        batch = scenes[start : start + BATCH]
        with turn:
            inputs = {spec: [fit_picture(scene.picture, spec, fit) for scene in batch] for spec in specs}
            rows = explain_inputs(inputs, cards, load=load)
        for scene, row in zip(batch, rows, strict=True):
            for explanation in row:
                scores[explanation.variant].append(_score_explanation(scene, explanation))
        progress((start + len(batch)) / len(scenes))
    return scores


def score_controls(card: Card, *, scenes: Sequence[Scene], fit: str = FIT) -> dict[str, list[LocalizationScore]]:
    """The scores of maps that no network computed, in the cells and at the input of `card`: for each of CONTROLS, by
    scene. Of tied brightest cells the one nearest their common center is made the brightest, as a tie never hits."""
    prior = center_prior(card.map_size)
    scores: dict[str, list[LocalizationScore]] = {name: [] for name in CONTROLS}
    for scene in scenes:
        mask = fit_mask(scene.mask, fit_picture(scene.picture, card.input, fit))
        maps = {CONSTANT: np.full(card.map_size, 0.5, np.float32), CENTER: prior, MASK: _in_cells(mask, card.map_size)}
        for name, values in maps.items():
            scores[name].append(score_map(scene.id, values, mask))
    return scores


def score_map(scene: str, attention: np.ndarray, mask: np.ndarray) -> LocalizationScore:
    """One map (h, w) against a mask over the same square: all figures."""
    hit, energy, auc = pointing_hit(attention, mask), energy_ratio(attention, mask), roc_auc(attention, mask)
    return LocalizationScore(scene, attention, hit, energy, auc)


def mean_scores(scores: Sequence[LocalizationScore]) -> MeanScores:
    """The means over the scenes that can be measured; NaN where there is none."""
    kept = [score for score in scores if not np.isnan(score.auc)]
    figures = np.array([(score.hit, score.energy, score.auc) for score in kept], float).reshape(-1, 3)
    pointing, energy, auc = figures.mean(0) if kept else [float("nan")] * 3
    return MeanScores(len(kept), float(pointing), float(energy), float(auc))


def fit_mask(mask: np.ndarray, fitted: Fitted) -> np.ndarray:
    """A mask (H, W) over the original, bool or of any numbers, fitted to the input: (size, size) of the same type;
    padding is background (0)."""
    height, width = mask.shape
    columns, rows = (
        np.floor(scale * (np.arange(fitted.image.width) + 0.5) + offset).astype(int)
        for scale, offset in zip(fitted.scale, fitted.offset, strict=True)
    )
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    return np.where(inside, mask[np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))], mask.dtype.type(0))


def _score_explanation(scene: Scene, explanation: Explanation) -> LocalizationScore:
    figures = score_map(scene.id, explanation.attention, fit_mask(scene.mask, explanation.fitted))
    auxiliary, perception = (explanation.top(head, 1)[0] for head in HEADS)
    return replace(figures, auxiliary=auxiliary, perception=perception)


def center_prior(cells: tuple[int, int]) -> np.ndarray:
    """A Gaussian on the center: (h, w)."""
    down, across = ((np.arange(count) + 0.5) / count - 0.5 for count in cells)
    return _break_tie(np.exp(-(down[:, None] ** 2 + across**2) / (2 * CENTER_SIGMA**2)).astype(np.float32))


def _in_cells(mask: np.ndarray, cells: tuple[int, int]) -> np.ndarray:
    """How much of each cell the object covers: (h, w) in 0 to 1."""
    covered = Image.fromarray(mask.astype(np.float32)).resize(cells[::-1], Image.Resampling.BOX)
    return _break_tie(np.asarray(covered))


def _break_tie(values: np.ndarray) -> np.ndarray:
    """The map with one brightest cell: of equal ones that nearest their center keeps its value, others lose 0.1 %."""
    brightest = np.argwhere(values == values.max())
    nearest = ((brightest - brightest.mean(0)) ** 2).sum(1).argmin()
    sharpened = values * np.float32(0.999)
    sharpened[tuple(brightest[nearest])] = values.max()
    return sharpened
