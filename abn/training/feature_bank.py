"""The bank: training samples as the frozen extractor sees them, written once and shared by every variant.

The extractor is never trained, so g(x) is computed once for each sample; training then costs the two branches alone.
A sample is an object pasted into a scene, whose target is the backbone's answer to the object *clean and centerd*, or a
picture as it is, whose target is the backbone's own answer: the first kind teaches, the second keeps.
"""

import json
import logging
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from abn import files
from abn.errors import ABNError
from abn.network.backbone import input_spec
from abn.training import loop, scenes
from abn.training.public_sources import Source

CHUNK = 64  # samples between two saves
SHARES = {  # of the samples of a bank
    "stamp scene": 0.40,
    "clip-art scene": 0.20,
    "photograph": 0.20,
    "clean object": 0.08,
    "mixture": 0.12,
}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Teacher:
    """The frozen backbone, as halves, and its answers to the clean cut-outs."""

    extractor: nn.Module
    perception_branch: nn.Module
    size: int  # input pixels
    answers: Tensor  # (cut-outs, K) probabilities, averaged over scenes.GROUNDS


@dataclass(frozen=True)
class Bank:
    """N samples; memory-mapped, so a bank may be larger than the machine's memory."""

    features: np.ndarray  # (N, C, h, w) float16, g(x)
    own: np.ndarray  # (N, K) float16, the backbone's own logits for the very picture
    cutout: np.ndarray  # (N,) int32, the cut-out that is the target; -1: the backbone's own answer is

    def __len__(self) -> int:
        return len(self.cutout)


def batch(images: list[np.ndarray], size: int) -> Tensor:
    """RGB uint8 (224, 224, 3) each → (B, 3, size, size) as the backbones want it (bicubic, mean = std = 0.5)."""
    if size != scenes.SIZE:
        images = [np.asarray(Image.fromarray(image).resize((size, size), Image.BICUBIC)) for image in images]
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    return (stacked.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def clean_answers(backbone: nn.Module, cutouts: list[Source]) -> Tensor:
    """The backbone's probabilities for each cut-out clean and centerd (cut-outs, K), averaged over scenes.GROUNDS."""
    size = input_spec(backbone).size
    views = [
        backbone(batch([scenes.clean(source, ground) for source in cutouts], size)).softmax(1)
        for ground in scenes.GROUNDS
    ]
    return torch.stack(views).mean(0)


def answers(backbone: nn.Module, cutouts: list[Source], path: Path) -> Tensor:
    """`clean_answers`, kept in `path`."""
    keys = [source.key for source in cutouts]
    if path.is_file():
        kept = torch.load(path, weights_only=True)
        if kept["keys"] == keys:
            return kept["answers"]
    total = []
    for start in range(0, len(cutouts), CHUNK):
        some = cutouts[start : start + CHUNK]
        total.append(clean_answers(backbone, some))
        log.info("clean cut-outs: %d of %d", start + len(some), len(cutouts))
    result = torch.cat(total)
    loop.store(path, {"keys": keys, "answers": result})
    return result


def sample(cutouts: list[Source], photographs: list[Source], rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """One training picture (224, 224, 3) and the index of the cut-out that is its target (-1: none)."""
    kind = rng.choice(list(SHARES), p=list(SHARES.values()))
    if kind.endswith("scene"):
        wanted = "stamp" if kind.startswith("stamp") else "clipart"
        made = _scene(cutouts, photographs, rng, wanted)
        return made.image, made.cutout
    if kind == "photograph":
        return _crop(photographs, rng), -1
    if kind == "clean object":
        return _clean(cutouts, rng), -1
    first = _clean(cutouts, rng) if rng.random() < 0.5 else _scene(cutouts, photographs, rng, "stamp").image
    weight = rng.uniform(0.3, 0.7)
    return (weight * first + (1 - weight) * _crop(photographs, rng)).astype(np.uint8), -1


def _scene(cutouts: list[Source], photographs: list[Source], rng: np.random.Generator, kind: str) -> scenes.Scene:
    of_kind = [i for i, source in enumerate(cutouts) if source.kind == kind]
    return scenes.scene(cutouts, photographs, rng, which=of_kind[int(rng.integers(len(of_kind)))])


def _crop(photographs: list[Source], rng: np.random.Generator) -> np.ndarray:
    return scenes.crop(photographs[int(rng.integers(len(photographs)))], rng, smallest=0.25)


def _clean(cutouts: list[Source], rng: np.random.Generator) -> np.ndarray:
    ground = tuple(int(v) for v in rng.integers(0, 256, 3))
    return scenes.clean(cutouts[int(rng.integers(len(cutouts)))], ground, int(rng.uniform(90, 220)))


def build(
    folder: Path, size: int, teacher: Teacher, draw: Callable[[np.random.Generator], tuple[np.ndarray, int]], seed: int
) -> Bank:
    """Make or resume the bank of `size` samples in `folder`; each sample is drawn from its own generator."""
    folder.mkdir(parents=True, exist_ok=True)
    count, classes = folder / "count.json", teacher.answers.shape[1]
    with torch.no_grad():
        shape = tuple(teacher.extractor(torch.zeros(1, 3, teacher.size, teacher.size)).shape[1:])
    done = json.loads(count.read_text()) if count.is_file() else 0
    arrays = {
        name: _array(folder / f"{name}.npy", (size, *rest), kind)
        for name, rest, kind in (
            ("features", shape, "float16"),
            ("own", (classes,), "float16"),
            ("cutout", (), "int32"),
        )
    }
    with ThreadPoolExecutor(2) as pool:
        for start in range(done, size, CHUNK):
            stop = min(start + CHUNK, size)
            drawn = list(pool.map(lambda i: draw(scenes.generator(seed, i)), range(start, stop)))
            with torch.no_grad():
                features = teacher.extractor(batch([image for image, _ in drawn], teacher.size))
                own = teacher.perception_branch(features)
            arrays["features"][start:stop] = features.half().numpy()
            arrays["own"][start:stop] = own.half().numpy()
            arrays["cutout"][start:stop] = [cutout for _, cutout in drawn]
            for array in arrays.values():
                array.flush()
            files.write_file(count, json.dumps(stop))
            log.info("bank: %d of %d samples", stop, size)
    return Bank(**arrays)


def _array(path: Path, shape: tuple[int, ...], kind: str) -> np.ndarray:
    if not path.is_file():
        with files.atomic_file(
            path
        ) as file:  # with all the room that it takes: a disk that fills later ends the process
            header = {"descr": np.dtype(kind).str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            file.flush()
            room = math.prod(shape) * np.dtype(kind).itemsize
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), file.tell(), room)
            else:  # macOS and Windows promise no room
                file.truncate(file.tell() + room)
    kept = np.lib.format.open_memmap(path, mode="r+")
    if kept.shape != shape:
        raise ABNError(
            f"{path.name} in the work folder holds {kept.shape} values and not {shape}. Give another --work folder."
        )
    return kept
