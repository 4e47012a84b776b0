"""Photographs that no training saw, and what is measured on them.

*Labeled*: those that ship with the app, labeled by eye, several classes where a careful person would accept several.
*Held out*: the 15 % of the training's photographs that its hash keeps back; a head agrees where its first class is that
of the baseline (the backbone alone). *Masked*: photographs with masks of their objects, squashed to the input, for the
map.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from abn.evaluation.localization import FIT, fit_mask
from abn.images import samples
from abn.images.decode import open_picture
from abn.images.fit import fit_picture
from abn.network.model import AttentionBranchNetwork
from abn.training.distillation.warm_start import SPAN
from abn.training.measures import MaskedImages, Outputs, PlainNetwork, measure_maps, run_batches
from abn.training.sources.masked_photographs import MaskedPhotograph
from abn.training.sources.public_images import Source
from abn.vocabulary import InputSpec

BATCH = 50

Network = AttentionBranchNetwork | PlainNetwork
Figures = dict[str, Any]  # name → value, 0 … 1


@dataclass(frozen=True, eq=False)
class Labeled:
    """Photographs as the network takes them, and the classes that a careful person accepts."""

    inputs: Tensor  # (N, 3, H, W)
    accepted: Sequence[tuple[int, ...]]


def labeled(spec: InputSpec) -> Labeled:
    """The labeled photographs that ship with the app (center crop)."""
    photos = [photo for photo in samples.photographs() if photo.classes]
    inputs = torch.cat(list(_batches([photo.path for photo in photos], spec)))
    return Labeled(inputs, [photo.classes for photo in photos])


def masked(photographs: Sequence[MaskedPhotograph], spec: InputSpec) -> MaskedImages:
    """Photographs with masks, squashed to the input."""
    fitted = [fit_picture(photograph.picture, spec, FIT) for photograph in photographs]
    masks = [fit_mask(photograph.mask, fit) for photograph, fit in zip(photographs, fitted, strict=True)]
    return MaskedImages(torch.from_numpy(np.stack([fit.normalized(spec) for fit in fitted])), masks)


def measure_labeled(network: Network, photographs: Labeled) -> Figures:
    """How often each head's first, or one of its first five, is accepted."""
    return score_labeled(run_batches(network, photographs.inputs.split(BATCH)), photographs.accepted)


def score_labeled(outputs: Outputs, accepted_classes: Sequence[tuple[int, ...]]) -> Figures:
    """The same of outputs for photographs with these accepted classes."""
    figures: Figures = {"count": len(accepted_classes)}
    for head, logits in (("perception", outputs.logits), ("auxiliary", outputs.aux_logits)):
        if logits is not None:
            ranked = list(zip(logits.topk(5).indices.tolist(), accepted_classes, strict=True))
            top1 = np.mean([top[0] in accepted for top, accepted in ranked])
            top5 = np.mean([not set(top).isdisjoint(accepted) for top, accepted in ranked])
            figures |= {f"{head}_top1": round(float(top1), 4), f"{head}_top5": round(float(top5), 4)}
    return figures


def predict_held_out(network: Network, sources: Sequence[Source], spec: InputSpec) -> Outputs:
    """The outputs of a network for the held-out photographs among `sources` (center crop)."""
    return run_batches(network, _batches([source.path for source in sources if source.held_out], spec))


def measure_agreement(outputs: Outputs, named: Tensor) -> Figures:
    """How often the first class of each head is `named` (N,), that of the baseline."""
    figures: Figures = {"count": len(named)}
    for head, logits in (("perception", outputs.logits), ("auxiliary", outputs.aux_logits)):
        if logits is not None:
            figures[f"{head}_agreement"] = round(float((logits.argmax(1) == named).double().mean()), 4)
    return figures


def measure_masked(network: Network, photographs: MaskedImages) -> Figures:
    """The map against the masks, and the mean span of its cells from the 5th to the 95th percentile."""
    maps = run_batches(network, photographs.inputs.split(BATCH)).attention
    return score_maps(maps, photographs.masks)


def score_maps(maps: Tensor, masks: Sequence[np.ndarray]) -> Figures:
    """The same of maps (N, h, w)."""
    low, high = np.percentile(maps.flatten(1).numpy(), SPAN, axis=1)
    figures = {**measure_maps(maps, masks), "span": float((high - low).mean())}
    return {"count": len(masks), **{name: round(value, 4) for name, value in figures.items()}}


def _batches(paths: Sequence[Path], spec: InputSpec) -> Iterator[Tensor]:
    """Photographs as the network takes them, center crop, a batch at a time."""
    for start in range(0, len(paths), BATCH):
        pictures = [open_picture(path.read_bytes(), name=path.name) for path in paths[start : start + BATCH]]
        yield torch.from_numpy(np.stack([fit_picture(picture, spec).normalized(spec) for picture in pictures]))
