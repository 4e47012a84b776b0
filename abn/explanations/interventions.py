"""Edited maps: what the perception branch says of another M. Only this branch runs again.

`perceive(g, M)` with the network's own M is exactly its forward pass, so whatever an edit changes is due to the edit.
That asks whether the perception branch uses the map, with no unnatural pixels; it doesn't tell why M is as it is. And
M = 0 is not "attention off": with the additive mechanism it also takes the mean gain away, which the branch is used to.
The fair controls are the constant mean of M and M shuffled in space, which both keep the mean gain.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import ImageStat
from torch import Tensor

from abn.errors import ABNError
from abn.explanations.explanation import jensen_shannon
from abn.images.decode import Picture
from abn.images.fit import Fitted, InputSpec, fit_picture, upsample
from abn.network.model import AttentionBranchNetwork, attend
from abn.variants.card import Card
from abn.variants.store import load_variant


@dataclass(frozen=True, eq=False)
class Subject:
    """One picture in one network, with g(x) and M kept, so that an edit costs the perception branch alone."""

    network: AttentionBranchNetwork
    fitted: Fitted  # what the network saw
    features: Tensor  # (1, C, h, w) g(x)
    attention: np.ndarray  # (h, w) float32, the network's own M

    def answers(self, attention: np.ndarray, mechanism: str | None = None) -> np.ndarray:
        """Perception head's probabilities (N, K) float32 for N maps (N, h, w), or (K,) for one (h, w), which may hold
        any finite number; `mechanism` None: the one that the network was trained with."""
        maps = np.asarray(attention, np.float32)
        if maps.shape[-2:] != self.attention.shape or maps.ndim not in (2, 3) or not np.isfinite(maps).all():
            wanted, given = (" × ".join(map(str, shape)) for shape in (self.attention.shape, maps.shape))
            raise ABNError(f"An edited map has {wanted} cells with a finite number in each; this one is {given}.")
        stacked = torch.from_numpy(maps.reshape(-1, 1, *self.attention.shape))
        features = self.features.expand(len(stacked), -1, -1, -1)
        with torch.inference_mode():
            if (mechanism or self.network.mechanism) == "none":  # g′ is g itself, and a layer may work in place
                features = features.clone()
            logits = self.network.perceive(features, stacked, mechanism)
        found = logits.softmax(1).numpy()
        return found[0] if maps.ndim == 2 else found

    def energy_kept(self, attention: np.ndarray, mechanism: str | None = None) -> np.ndarray:
        """‖g′‖ ÷ ‖g‖ of each channel (C,) float32: 1 where the map leaves it as it is; NaN for a channel of zeros."""
        with torch.inference_mode():
            maps = torch.from_numpy(np.asarray(attention, np.float32))[None, None]
            changed = attend(self.features, maps, mechanism or self.network.mechanism)
            before, after = (values.flatten(2).norm(dim=2)[0] for values in (self.features, changed))
        return torch.where(before > 0, after / before, torch.nan).numpy()


@dataclass(frozen=True, eq=False)
class Effect:
    """What another map, or another mechanism, does to the perception head's answer."""

    name: str  # of the edit
    attention: np.ndarray  # (h, w) float32, the map applied
    before: np.ndarray  # (K,) float32, what the network says by itself
    after: np.ndarray  # (K,) float32

    @property
    def named(self) -> int:
        """The class that the network names by itself."""
        return int(self.before.argmax())

    @property
    def change(self) -> float:
        """Δp: how much more probable that class has become."""
        return float(self.after[self.named] - self.before[self.named])

    @property
    def changes_prediction(self) -> bool:
        """Whether another class is named now."""
        return int(self.after.argmax()) != self.named

    @property
    def js_divergence(self) -> float:
        """How far apart the two answers are, all classes together: Jensen–Shannon divergence in bits, 0 to 1."""
        return jensen_shannon(self.before, self.after)


def subjects(
    picture: Picture,
    cards: Sequence[Card],
    *,
    fit: str = "crop",
    load: Callable[[Card], AttentionBranchNetwork] = load_variant,
) -> list[Subject]:
    """Run extractor and attention branch once for each variant, and an extractor that several share once for all.

    Raises an `ABNError` for an unknown fit or broken weights.
    """
    seen: dict[tuple[str, InputSpec], Tensor] = {}
    found = []
    for card in cards:
        network, fitted, shared = load(card), fit_picture(picture, card.input, fit), (card.extractor_sha256, card.input)
        with torch.inference_mode():
            if shared not in seen:
                seen[shared] = network.extractor(torch.from_numpy(fitted.normalized(card.input))[None])
            _, attention = network.attention_branch(seen[shared])
        found.append(Subject(network, fitted, seen[shared], attention[0, 0].numpy()))
    return found


def subject(
    picture: Picture, card: Card, *, fit: str = "crop", load: Callable[[Card], AttentionBranchNetwork] = load_variant
) -> Subject:
    """The same for one variant."""
    return subjects(picture, [card], fit=fit, load=load)[0]


def strengthened(attention: np.ndarray, *, strength: float = 1.0, power: float = 1.0) -> np.ndarray:
    """α · M^γ with α `strength` and γ `power`: additive g′ = (1 + α · M^γ) · g, multiplicative g′ = α · M^γ · g."""
    return (strength * np.asarray(attention, np.float32) ** power).astype(np.float32)


def gain(attention: np.ndarray, mechanism: str) -> np.ndarray:
    """By what each cell of g is multiplied, (h, w) float32: 1 + M (additive), M (multiplicative) or 1 (none)."""
    ones = torch.ones(1, 1, *np.shape(attention))
    return attend(ones, torch.from_numpy(np.asarray(attention, np.float32))[None, None], mechanism)[0, 0].numpy()


# ---- presets: name → what it makes of M ----


def shuffled(attention: np.ndarray, seed: int = 0) -> np.ndarray:
    """The same values in other cells."""
    return np.random.default_rng(seed).permutation(attention.ravel()).reshape(attention.shape)


PRESETS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "own map": np.copy,
    "zeros": np.zeros_like,
    "ones": np.ones_like,
    "constant mean": lambda m: np.full_like(m, m.mean()),
    "shuffled": shuffled,
    "inverted": lambda m: m.max() + m.min() - m,  # the same range: bright where it was dark
    "flipped": lambda m: m[:, ::-1].copy(),
}
CONTROLS = ("constant mean", "shuffled")  # they keep the mean gain, so they ask for the place alone


def borrowed(attention: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Another variant's or another picture's map (h, w), brought to the cells of this one."""
    return attention.copy() if attention.shape == shape else upsample(attention, shape[::-1])


def covered(picture: Picture, fitted: Fitted, cells: np.ndarray) -> Picture:
    """The picture with some `cells` (h, w) bool of what the network sees of it covered by its own mean color.

    It is covered before it is fitted, so that it goes through a network as any other picture does; a pixel that lies in
    a covered cell in part is covered. What a network saw beside the picture can't be covered.
    """
    image, (h, w), size = picture.image.copy(), cells.shape, fitted.image.width
    color = tuple(round(value) for value in ImageStat.Stat(image).mean)
    for row, column in np.argwhere(cells):
        corners = zip((column * size / w, row * size / h), ((column + 1) * size / w, (row + 1) * size / h), strict=True)
        (left, right), (top, bottom) = (
            (math.floor(scale * start + offset + 1e-6), math.ceil(scale * end + offset - 1e-6))
            for (start, end), scale, offset in zip(corners, fitted.scale, fitted.offset, strict=True)
        )
        image.paste(color, (max(0, left), max(0, top), max(0, right), max(0, bottom)))
    name = hashlib.sha256(f"{picture.sha256} {cells.shape} {fitted.extent}".encode() + np.packbits(cells).tobytes())
    return Picture(image, name.hexdigest(), picture.name, (*picture.notes, "A part of it is covered."))


def changed(picture: Picture, hidden: Picture) -> float:
    """The share of a picture's pixels, 0 to 1, that another of the same size has differently."""
    one, other = (np.asarray(p.image) for p in (picture, hidden))
    return float((one != other).any(-1).mean())
