"""The feature bank: training samples as features of the frozen extractor, written once and shared by every variant.

The extractor is never trained, so g(x) is computed once for each sample; training then costs the two branches alone.
"""

import json
import logging
import math
import shutil
from collections.abc import Callable, Mapping
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
from abn.training.distillation.training_samples import SCENES, Sample

CHUNK = 64  # samples between two saves
KIND = "float16"

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FeatureBank:
    """N samples and their targets; features are memory-mapped, so a bank may be larger than the memory."""

    features: np.ndarray  # (N, C, h, w) float16, g(x)
    logits: np.ndarray  # (N, K) float16, the backbone's for the image that each sample asks about
    kinds: np.ndarray  # (N,) which of `training_samples.KINDS`

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def whole_images(self) -> np.ndarray:
        """The samples whose target is the backbone's prediction for the very same image."""
        return np.flatnonzero(~np.isin(self.kinds, SCENES))

    def __getitem__(self, which: np.ndarray) -> tuple[Tensor, Tensor]:
        """Samples `which` (B,) → g(x) (B, C, h, w) and target probabilities (B, K)."""
        features = torch.from_numpy(self.features[which].astype(np.float32))
        target = torch.from_numpy(self.logits[which].astype(np.float32)).softmax(1)
        return features.contiguous(memory_format=torch.channels_last), target


def build_bank(
    folder: Path,
    backbone: nn.Module,
    draw: Callable[[np.random.Generator], tuple[Sample, int]],
    *,
    samples: int,
    seed: int,
    origin: str = "",
) -> FeatureBank:
    """Make or resume a bank in `folder`; each sample is drawn from a generator of its own. `origin` identifies what
    they are drawn from."""
    halves, size = cut(backbone), input_spec(backbone).size
    with torch.no_grad():
        g = halves.extractor(torch.zeros(1, 3, size, size))
        classes = halves.perception_branch(g).shape[1]
    arrays = {"features": g.shape[1:], "logits": (classes,), "kinds": ()}
    with ThreadPoolExecutor(2) as pool:

        @torch.no_grad()
        def compute(start: int, stop: int) -> tuple[np.ndarray, ...]:
            drawn = list(pool.map(lambda i: draw(scenes.seeded_generator(seed, i)), range(start, stop)))
            g = halves.extractor(scenes.to_inputs([sample.image for sample, _ in drawn], size))
            features = g.half().numpy()
            others = [i for i, (sample, _) in enumerate(drawn) if sample.asked is not sample.image]
            if others:  # the prediction for another image than its own is the target
                g[others] = halves.extractor(scenes.to_inputs([drawn[i][0].asked for i in others], size))
            kinds = np.array([kind for _, kind in drawn], np.float16)
            return features, halves.perception_branch(g).half().numpy(), kinds

        return FeatureBank(*fill_arrays(folder, arrays, samples, compute, origin=f"{origin} {seed}"))


def fill_arrays(
    folder: Path,
    shapes: Mapping[str, tuple[int, ...]],
    count: int,
    compute: Callable[[int, int], tuple[np.ndarray, ...]],
    *,
    origin: str,
) -> list[np.memmap]:
    """Arrays of half precision in files, (count, *shape) of each name, filled a chunk at a time by
    `compute(start, stop)`; resumes where it was stopped. Raises `ABNError` where the folder holds those of another
    `origin`."""
    progress = folder / "progress.json"
    state: dict = json.loads(progress.read_text()) if progress.is_file() else {"origin": origin, "done": 0}
    if state["origin"] != origin:
        raise ABNError(loop.OTHER_SETTINGS.format(name=folder.name))
    if state["done"] and not all((folder / f"{name}.npy").is_file() for name in shapes):
        state["done"] = 0  # a file was removed
    arrays = [_open_array(folder / f"{name}.npy", (count, *shape)) for name, shape in shapes.items()]
    done = int(state["done"])
    for start in range(done, count, CHUNK):
        stop = min(start + CHUNK, count)
        for array, values in zip(arrays, compute(start, stop), strict=True):
            array[start:stop] = values
            array.flush()
        files.write_file(progress, json.dumps({"origin": origin, "done": stop}))
        log.info("%s: %d of %d samples", folder.name, stop, count)
    return arrays


def _open_array(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """An array in a file, made where there is none; `ABNError` where the disk has no room for it."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        size, free = math.prod(shape) * np.dtype(KIND).itemsize, shutil.disk_usage(path.parent).free
        if size > free:  # a full disk would kill a process that writes to a memory-mapped file
            raise ABNError(
                f"{path.name} needs {size / 1e9:.1f} GB, and the work folder's disk has {free / 1e9:.1f} GB."
            )
        np.lib.format.open_memmap(path, mode="w+", dtype=KIND, shape=shape)
    array = np.lib.format.open_memmap(path, mode="r+")
    if array.shape != shape:
        raise ABNError(f"{path.name} in the work folder has shape {array.shape}, not {shape}: give another --work.")
    return array
