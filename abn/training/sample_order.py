"""The order in which a training sees its pictures: pass after pass, each in a new order that the seed alone decides.

However many processes share a batch, and wherever a stopped training goes on, step 17 is the same pictures.
"""

import numpy as np


class Order:
    """Batches (batch,) of pictures 0 … count − 1, one a step, across the ends of passes."""

    def __init__(self, count: int, *, batch: int, epochs: float, seed: int):
        self.count, self.batch, self.epochs, self.seed = count, batch, epochs, seed
        self._restart()

    def __len__(self) -> int:
        """Steps."""
        return int(self.count * self.epochs / self.batch)

    def __getitem__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Of each picture of a step: the pass (batch,) that it is seen in, and which it is (batch,)."""
        place = step * self.batch + np.arange(self.batch)
        passes, within = place // self.count, place % self.count
        which = [self._permutation(p)[within[passes == p]] for p in np.unique(passes)]
        return passes, np.concatenate(which)

    def mirrored(self) -> np.ndarray:
        """Which pictures are to be mirrored, half of them: (steps, batch) bool."""
        self._permutation(int(np.ceil(self.epochs)) - 1)
        drawn = self._rng.random((len(self), self.batch)) < 0.5
        self._restart()
        return drawn

    def ends(self) -> list[int]:
        """The steps after which a pass is complete, rising, and last of all the end of training."""
        passes = range(1, int(np.ceil(self.epochs)))
        return sorted({step for p in passes if (step := int(p * self.count / self.batch))} | {len(self)})

    def _restart(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        self._drawn, self._permutations = 0, {}

    def _permutation(self, number: int) -> np.ndarray:
        """The order of pass `number`. Those before it are drawn too, as they come; the last two are kept."""
        if number < self._drawn and number not in self._permutations:
            self._restart()
        while self._drawn <= number:
            self._permutations[self._drawn] = self._rng.permutation(self.count)
            self._permutations.pop(self._drawn - 2, None)
            self._drawn += 1
        return self._permutations[number]
