"""Every number of a fine-tuning with edited maps, and what of the network learns."""

import math
from dataclasses import dataclass, field
from typing import Any

from abn.errors import ABNError

MAP, HEADS, BRANCHES = "map", "heads", "branches"
LEARNS = {  # what learns → what it is, each with all of those before it
    MAP: "the map head alone",
    HEADS: "also the class head and the perception branch",
    BRANCHES: "also the trunk's last layer",
}

NEGATIVE = "The weight of the map loss (λ) must be 0 or more, not {value:g}: 0 leaves the map loss out."
NO_STEP = "A fine-tuning needs 1 step or more, and 1 image or more per step: give a larger number."
BAD_NUMBER = "The setting {name} must be a number, 0 or more: give another one."
NOT_LEARNING = "There is nothing named {value!r} that can learn: choose one of {choices}."


def _setting(default: Any, help: str) -> Any:
    """A field that is an option of `python -m abn teach` too."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every number of a fine-tuning. Raises `ABNError` for one that can't be."""

    map_weight: float = _setting(50.0, "weight λ of the map loss; 0 leaves it out (the control)")
    steps: int = _setting(80, "number of steps")
    learns: str = _setting(BRANCHES, "what learns: " + "; ".join(f"{name}, {text}" for name, text in LEARNS.items()))
    kept_maps: float = _setting(
        1.0, "weight of the replayed photographs' own maps in the map loss; 0 lets the map change on other images"
    )
    batch: int = _setting(8, "number of examples per step, and of replayed photographs")
    rate: float = _setting(1e-4, "peak learning rate of the class head, the trunk's last layer, the perception branch")
    map_rate: float = _setting(0.5, "peak learning rate of the map head, as a share of the size of its weights")
    seed: int = _setting(1, "random seed of the order of the images")

    def __post_init__(self) -> None:
        if math.isnan(self.map_weight) or not 0 <= self.map_weight < math.inf:
            raise ABNError(NEGATIVE.format(value=self.map_weight))
        if self.steps < 1 or self.batch < 1:
            raise ABNError(NO_STEP)
        for name in ("kept_maps", "rate", "map_rate", "seed"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ABNError(BAD_NUMBER.format(name=name))
        if self.learns not in LEARNS:
            raise ABNError(NOT_LEARNING.format(value=self.learns, choices=", ".join(LEARNS)))
