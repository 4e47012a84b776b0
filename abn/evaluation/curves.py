"""Deletion and insertion curves (RISE, Petsiuk et al. 2018, arXiv 1806.07421): what an answer depends on, cell by cell.

Deletion: the cells of the picture give way to a baseline in a map's order, brightest first; insertion: they are
uncovered on a blurred copy. The score is a probability after each step, the figure the area under it. Cells are taken
whole, so no tie inside an enlarged cell decides anything. An area says something only beside a random order's; another
baseline gives another area; and a picture with holes is one that the network never met.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from abn.errors import ABNError
from abn.evaluation.metrics import cells_mask

BASELINES = ("mean color", "gray", "black", "blurred")
BLUR = 8  # the blurred copy has so many times fewer pixels along each axis

Probability = Callable[[Tensor, Tensor], Tensor]  # images (B, 3, H, W), classes (B,) → probabilities (B,)


@dataclass(frozen=True, eq=False)
class Curve:
    """One picture that turns into another, cell by cell."""

    start: Tensor  # (3, H, W)
    end: Tensor  # (3, H, W)
    order: np.ndarray  # (h·w,) cells as flat indices, in the order in which they change
    shape: tuple[int, int]  # (h, w)
    named: int  # the class whose probability is followed

    def at(self, share: float) -> Tensor:
        """The picture (3, H, W) once `share` of its cells have changed."""
        gone = torch.from_numpy(cells_mask(self.order, share, self.shape, tuple(self.start.shape[1:])))
        return torch.where(gone, self.end, self.start)


def baseline(image: Tensor, name: str, *, black: Tensor | None = None) -> Tensor:
    """What takes the place of a picture (3, H, W), which is normalized; "gray" is its zero, the mean of all pictures.

    `black` (3,) is where black lies after normalization, needed for "black" alone.
    """
    if name == "mean color":
        return image.mean((1, 2), keepdim=True).expand_as(image)
    if name == "gray":
        return torch.zeros_like(image)
    if name == "black" and black is not None:
        return black[:, None, None].expand_as(image)
    if name == "blurred":
        small = F.avg_pool2d(image[None], BLUR, ceil_mode=True)
        return F.interpolate(small, image.shape[1:], mode="bilinear", align_corners=False)[0]
    raise ABNError(f"There is no baseline {name!r}. Choose one of: {', '.join(BASELINES)}.")


def follow(
    curves: Sequence[Curve],
    probability: Probability,
    shares: Sequence[float],
    *,
    batch: int,
    progress: Callable[[float], object] = lambda share: None,
) -> np.ndarray:
    """The probability along each curve: (curves, shares) float64.

    `batch` pictures are asked at once, whichever curves they belong to. `progress` gets the share that is done after
    each batch; whatever it raises ends the work.
    """
    scores = np.zeros((len(curves), len(shares)))
    steps = [(i, j) for i in range(len(curves)) for j in range(len(shares))]
    for some in _parts(steps, batch):
        images = torch.stack([curves[i].at(shares[j]) for i, j in some])
        named = torch.tensor([curves[i].named for i, _ in some])
        with torch.inference_mode():
            found = probability(images.contiguous(memory_format=torch.channels_last), named)
        for (i, j), value in zip(some, found.tolist(), strict=True):
            scores[i, j] = value
        progress((some[-1][0] * len(shares) + some[-1][1] + 1) / len(steps))
    return scores


def _parts(steps: list, size: int) -> Iterator[list]:
    for start in range(0, len(steps), size):
        yield steps[start : start + size]
