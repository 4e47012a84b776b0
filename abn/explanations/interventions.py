"""Edited maps: what the perception branch predicts with another M. Only this branch runs again.

`perceive(g, M)` with the network's own M is exactly its forward pass, so whatever an edit changes is due to the edit.
It tests whether the perception branch uses the map, without unnatural pixels; it doesn't explain why M is as it is.
M = 0 is not "attention off": with the additive mechanism it also removes the mean gain that the branch was trained
with. The controls are the constant mean of M and M shuffled in space: both keep the mean gain (shuffling also destroys
the map's smoothness).
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import ImageStat

from abn.engine.inference import Load, run_variants
from abn.engine.loading import load_runner
from abn.engine.runner import Runner, perceive, reweight, softmax
from abn.errors import ABNError
from abn.explanations.explanation import js_divergence
from abn.images.decode import Picture
from abn.images.fit import Fitted, fit_picture, upsample
from abn.variants.card import Card


@dataclass(frozen=True, eq=False)
class AttendedImage:
    """One image in one network with g(x) and M computed, so that an edit costs the perception branch alone."""

    runner: Runner
    fitted: Fitted  # what the network saw
    features: np.ndarray  # (1, C, h, w) g(x)
    attention: np.ndarray  # (h, w) float32, the network's own M

    def predict(self, attention: np.ndarray, mechanism: str | None = None) -> np.ndarray:
        """Perception head's probabilities (N, K) float32 for N maps (N, h, w), or (K,) for one (h, w), which may hold
        any finite number; `mechanism` None: the one that the network was trained with."""
        maps = np.asarray(attention, np.float32)
        if maps.shape[-2:] != self.attention.shape or maps.ndim not in (2, 3) or not np.isfinite(maps).all():
            expected, given = (" × ".join(map(str, shape)) for shape in (self.attention.shape, maps.shape))
            raise ABNError(f"An edited map has {expected} cells with a finite number in each; this one is {given}.")
        stacked = maps.reshape(-1, 1, *self.attention.shape)
        probabilities = softmax(perceive(self.runner, self.features, stacked, mechanism))
        return probabilities[0] if maps.ndim == 2 else probabilities

    def norm_ratio(self, attention: np.ndarray, mechanism: str | None = None) -> np.ndarray:
        """‖g′‖ / ‖g‖ of each channel (C,) float32: 1 where the map leaves it unchanged; NaN for a channel of zeros."""
        maps = np.asarray(attention, np.float32)[None, None]
        reweighted = reweight(self.features, maps, mechanism or self.runner.mechanism)
        before, after = (np.linalg.norm(values[0], axis=(1, 2)) for values in (self.features, reweighted))
        return np.divide(after, before, out=np.full_like(before, np.nan), where=before > 0)


@dataclass(frozen=True, eq=False)
class Effect:
    """How another map, or another mechanism, changes the perception head's prediction."""

    name: str  # of the edit
    attention: np.ndarray  # (h, w) float32, the map applied
    before: np.ndarray  # (K,) float32, probabilities with the network's own map and mechanism
    after: np.ndarray  # (K,) float32

    @property
    def predicted_class(self) -> int:
        """The class predicted before the edit."""
        return int(self.before.argmax())

    @property
    def change(self) -> float:
        """Δp: how much more probable that class has become."""
        return float(self.after[self.predicted_class] - self.before[self.predicted_class])

    @property
    def changes_prediction(self) -> bool:
        """Whether another class is predicted now."""
        return int(self.after.argmax()) != self.predicted_class

    @property
    def js_divergence(self) -> float:
        """Jensen–Shannon divergence of the two distributions in bits, 0 to 1."""
        return js_divergence(self.before, self.after)


def attend_variants(
    picture: Picture, cards: Sequence[Card], *, fit: str = "crop", load: Load = load_runner
) -> list[AttendedImage]:
    """Run extractor and attention branch of each variant; an extractor that several share runs once.

    Raises an `ABNError` for an unknown fit or broken weights.
    """
    inputs = {spec: [fit_picture(picture, spec, fit)] for spec in {card.input for card in cards}}
    return [
        AttendedImage(run.runner, run.fitted[0], run.features, run.attention[0, 0])
        for run in run_variants(inputs, cards, load=load)
    ]


def attend_image(picture: Picture, card: Card, *, fit: str = "crop", load: Load = load_runner) -> AttendedImage:
    """The same for one variant."""
    return attend_variants(picture, [card], fit=fit, load=load)[0]


def scale_map(attention: np.ndarray, *, strength: float = 1.0, power: float = 1.0) -> np.ndarray:
    """α · M^γ with α `strength` and γ `power`: additive g′ = (1 + α · M^γ) · g, multiplicative g′ = α · M^γ · g."""
    return (strength * np.asarray(attention, np.float32) ** power).astype(np.float32)


def gain(attention: np.ndarray, mechanism: str) -> np.ndarray:
    """The factor of each cell of g, (h, w) float32: 1 + M (additive), M (multiplicative) or 1 (none)."""
    maps = np.asarray(attention, np.float32)[None, None]
    return reweight(np.ones_like(maps), maps, mechanism)[0, 0]


def shuffle_cells(attention: np.ndarray, seed: int = 0) -> np.ndarray:
    """The same values in other cells."""
    return np.random.default_rng(seed).permutation(attention.ravel()).reshape(attention.shape)


# name of an edit → the map that it makes of M
PRESETS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "own map": np.copy,
    "zeros": np.zeros_like,
    "ones": np.ones_like,
    "constant mean": lambda m: np.full_like(m, m.mean()),
    "shuffled": shuffle_cells,
    "inverted": lambda m: m.max() + m.min() - m,  # the same range: bright where it was dark
    "flipped": lambda m: m[:, ::-1].copy(),
}
CONTROLS = ("constant mean", "shuffled")  # they keep the mean gain and lose the spatial pattern


def resize_map(attention: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Another variant's or another image's map (h, w), brought to the cells of this one."""
    return attention.copy() if attention.shape == shape else upsample(attention, shape[::-1])


def cover_cells(picture: Picture, fitted: Fitted, cells: np.ndarray) -> Picture:
    """The image with some `cells` (h, w) bool of the network's input covered by the image's mean color.

    The original is covered, not the input, so that the result is an image like any other. A pixel that lies in a
    covered cell in part is covered; padding beside the image can't be.
    """
    image, (h, w), size = picture.image.copy(), cells.shape, fitted.image.width
    parts = [side / full for side, full in zip(image.size, picture.full_size, strict=True)]
    color = tuple(round(value) for value in ImageStat.Stat(image).mean)
    for row, column in np.argwhere(cells):
        corners = zip((column * size / w, row * size / h), ((column + 1) * size / w, (row + 1) * size / h), strict=True)
        (left, right), (top, bottom) = (
            (math.floor(part * (scale * start + offset) + 1e-6), math.ceil(part * (scale * end + offset) - 1e-6))
            for (start, end), scale, offset, part in zip(corners, fitted.scale, fitted.offset, parts, strict=True)
        )
        image.paste(color, (max(0, left), max(0, top), max(0, right), max(0, bottom)))
    name = hashlib.sha256(f"{picture.sha256} {cells.shape} {fitted.extent}".encode() + np.packbits(cells).tobytes())
    notes = (*picture.notes, "A part of it is covered.")
    return Picture(image, name.hexdigest(), picture.name, notes, picture.full_size)


def changed_pixel_share(picture: Picture, other: Picture) -> float:
    """The share of pixels, 0 to 1, in which two images of the same size differ."""
    return float((np.asarray(picture.image) != np.asarray(other.image)).any(-1).mean())
