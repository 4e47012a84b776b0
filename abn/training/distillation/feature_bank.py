"""The feature bank: training samples as features of the frozen extractor, written once and shared by every variant.

The extractor is never trained, so g(x) is computed once for each sample; training then costs the two branches alone.
A sample is a scene, whose soft target is the backbone's prediction for its object *alone and centered*; or any other
image, whose soft target is the backbone's own prediction for it, so that its predictions there are preserved.
"""

import json
import logging
import math
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from abn import files
from abn.errors import ABNError
from abn.network.backbone import input_spec
from abn.network.cutting import cut
from abn.training import loop
from abn.training.distillation import scenes
from abn.training.sources import public_images
from abn.training.sources.public_images import Source

CHUNK = 64  # samples between two saves
SHARES = {  # of the samples of a bank
    "stamp scene": 0.40,
    "clip-art scene": 0.20,
    "photograph": 0.20,
    "centered object": 0.08,
    "mixture": 0.12,
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FeatureBank:
    """N samples and their targets; features are memory-mapped, so a bank may be larger than the memory."""

    features: np.ndarray  # (N, C, h, w) float16, g(x)
    logits: np.ndarray  # (N, K) float16, the backbone's for the image itself
    cutout: np.ndarray  # (N,) int32, the cut-out whose prediction is the target; −1: the image's own is
    cutout_targets: Tensor  # (cut-outs, K) probabilities

    def __len__(self) -> int:
        return len(self.cutout)

    def __getitem__(self, which: np.ndarray) -> tuple[Tensor, Tensor]:
        """Samples `which` (B,) → g(x) (B, C, h, w) and target probabilities (B, K)."""
        features = torch.from_numpy(self.features[which].astype(np.float32))
        own = torch.from_numpy(self.logits[which].astype(np.float32)).softmax(1)
        cutout = torch.from_numpy(self.cutout[which].astype(np.int64))
        target = torch.where((cutout >= 0)[:, None], self.cutout_targets[cutout.clamp(min=0)], own)
        return features.contiguous(memory_format=torch.channels_last), target


def open_bank(backbone: nn.Module, packages: Path, work: Path, *, samples: int, seed: int) -> FeatureBank:
    """The bank of `samples` samples, made or resumed in `work`, of images that are not held out."""
    cutouts = [source for source in public_images.cutouts(packages) if not source.held_out]
    photographs = [source for source in public_images.photographs(packages) if not source.held_out]
    return build_bank(
        work / "bank",
        backbone,
        lambda rng: draw_sample(cutouts, photographs, rng),
        cutout_targets=_stored_targets(backbone, cutouts, work / "answers.pt"),
        samples=samples,
        seed=seed,
    )


# ---- targets ----


@torch.no_grad()
def predict_cutouts(backbone: nn.Module, cutouts: Sequence[Source]) -> Tensor:
    """The backbone's probabilities for each cut-out alone and centered, (cut-outs, K), averaged over plain grounds."""
    size = input_spec(backbone).size
    probabilities = [
        backbone(scenes.to_inputs([scenes.centered_object(source, ground) for source in cutouts], size)).softmax(1)
        for ground in scenes.GROUNDS
    ]
    return torch.stack(probabilities).mean(0)


def _stored_targets(backbone: nn.Module, cutouts: list[Source], path: Path) -> Tensor:
    """`predict_cutouts`, stored in `path`."""
    keys = [source.key for source in cutouts]
    if path.is_file():
        stored = torch.load(path, weights_only=True)
        if stored["keys"] == keys:
            return stored["answers"]
    chunks = []
    for start in range(0, len(cutouts), CHUNK):
        chunks.append(predict_cutouts(backbone, cutouts[start : start + CHUNK]))
        log.info("targets of cut-outs: %d of %d", start + len(chunks[-1]), len(cutouts))
    targets = torch.cat(chunks)
    loop.write_state(path, {"keys": keys, "answers": targets})
    return targets


# ---- samples ----


def draw_sample(
    cutouts: Sequence[Source], photographs: Sequence[Source], rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    """One training image (224, 224, 3), and the index of the cut-out that gives its target (−1: none)."""

    def scene(kind: str) -> scenes.Scene:
        of_kind = [i for i, source in enumerate(cutouts) if source.kind == kind]
        return scenes.compose(cutouts, photographs, rng, which=of_kind[int(rng.integers(len(of_kind)))])

    def photograph() -> np.ndarray:
        return scenes.random_crop(photographs[int(rng.integers(len(photographs)))], rng, min_share=0.25)

    def centered() -> np.ndarray:
        red, green, blue = (int(level) for level in rng.integers(0, 256, 3))
        source = cutouts[int(rng.integers(len(cutouts)))]
        return scenes.centered_object(source, (red, green, blue), int(rng.uniform(90, 220)))

    kind = rng.choice(list(SHARES), p=list(SHARES.values()))
    if kind.endswith("scene"):
        composed = scene("stamp" if kind == "stamp scene" else "clipart")
        return composed.image, composed.cutout
    if kind == "photograph":
        return photograph(), -1
    if kind == "centered object":
        return centered(), -1
    first = centered() if rng.random() < 0.5 else scene("stamp").image
    weight = rng.uniform(0.3, 0.7)
    return (weight * first + (1 - weight) * photograph()).astype(np.uint8), -1


def build_bank(
    folder: Path,
    backbone: nn.Module,
    draw: Callable[[np.random.Generator], tuple[np.ndarray, int]],
    *,
    cutout_targets: Tensor,
    samples: int,
    seed: int,
) -> FeatureBank:
    """Make or resume a bank in `folder`; each sample is drawn from a generator of its own."""
    halves, size = cut(backbone), input_spec(backbone).size
    with torch.no_grad():
        shape = tuple(halves.extractor(torch.zeros(1, 3, size, size)).shape[1:])
    features = _open_array(folder / "features.npy", (samples, *shape), "float16")
    logits = _open_array(folder / "own.npy", (samples, cutout_targets.shape[1]), "float16")
    cutout = _open_array(folder / "cutout.npy", (samples,), "int32")
    count = folder / "count.json"
    done = json.loads(count.read_text()) if count.is_file() else 0
    with ThreadPoolExecutor(2) as pool:
        for start in range(done, samples, CHUNK):
            stop = min(start + CHUNK, samples)
            drawn = list(pool.map(lambda i: draw(scenes.seeded_generator(seed, i)), range(start, stop)))
            with torch.no_grad():
                g = halves.extractor(scenes.to_inputs([image for image, _ in drawn], size))
                logits[start:stop] = halves.perception_branch(g).half().numpy()
            features[start:stop] = g.half().numpy()
            cutout[start:stop] = [index for _, index in drawn]
            for array in (features, logits, cutout):
                array.flush()
            files.write_file(count, json.dumps(stop))
            log.info("feature bank: %d of %d samples", stop, samples)
    return FeatureBank(features, logits, cutout, cutout_targets)


def _open_array(path: Path, shape: tuple[int, ...], kind: str) -> np.memmap:
    """An array in a file, made where there is none; `ABNError` where the disk has no room for it."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        size, free = math.prod(shape) * np.dtype(kind).itemsize, shutil.disk_usage(path.parent).free
        if size > free:  # a full disk would kill a process that writes to a memory-mapped file
            raise ABNError(
                f"{path.name} needs {size / 1e9:.1f} GB, and the work folder's disk has {free / 1e9:.1f} GB."
            )
        np.lib.format.open_memmap(path, mode="w+", dtype=kind, shape=shape)
    array = np.lib.format.open_memmap(path, mode="r+")
    if array.shape != shape:
        raise ABNError(f"{path.name} in the work folder has shape {array.shape}, not {shape}: give another --work.")
    return array
