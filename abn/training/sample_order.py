"""The order in which a training sees its images: epoch after epoch, each in a new order that the seed alone decides.

However many processes share a batch, and wherever a stopped training resumes, step 17 sees the same images.
"""

import math

import numpy as np


class SampleOrder:
    """Batches (batch,) of images 0 … count − 1, one a step, across the ends of epochs."""

    def __init__(self, count: int, *, batch: int, epochs: float, seed: int):
        self.count, self.batch, self.epochs, self.seed = count, batch, epochs, seed
        self._recent: dict[int, np.ndarray] = {}  # the permutations of the last two epochs, as a batch may span two

    def __len__(self) -> int:
        """Steps."""
        return int(self.count * self.epochs / self.batch)

    def __getitem__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """The epoch (batch,) and the index (batch,) of each image of a step."""
        epochs, places = np.divmod(step * self.batch + np.arange(self.batch), self.count)
        return epochs, np.concatenate(
            [self._permutation(epoch)[places[epochs == epoch]] for epoch in np.unique(epochs)]
        )

    def mirrored(self) -> np.ndarray:
        """Which images are to be mirrored, half of them: (steps, batch) bool."""
        rng, _ = self._draw(math.ceil(self.epochs))
        return rng.random((len(self), self.batch)) < 0.5

    def epoch_ends(self) -> list[int]:
        """The steps after which an epoch is complete, ascending, and last of all the end of training."""
        epochs = range(1, math.ceil(self.epochs))
        return sorted({step for epoch in epochs if (step := int(epoch * self.count / self.batch))} | {len(self)})

    def _permutation(self, epoch: int) -> np.ndarray:
        if epoch not in self._recent:
            _, permutation = self._draw(epoch + 1)
            self._recent = dict([*self._recent.items()][-1:]) | {epoch: permutation}
        return self._recent[epoch]

    def _draw(self, epochs: int) -> tuple[np.random.Generator, np.ndarray]:
        """The generator after so many epochs, and the permutation of the last one."""
        rng = np.random.default_rng(self.seed)
        for _ in range(epochs):
            permutation = rng.permutation(self.count)
        return rng, permutation


def mixed_seed(*numbers: int) -> int:
    """One seed of several numbers, such that near ones have nothing in common."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
