"""What each shipped ImageNet variant is (variants.toml), and every number of its training."""

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from abn.training.sources.packages import BACKBONES, Backbone


@dataclass(frozen=True)
class Recipe:
    """Every number of the training."""

    samples: int = 12_000  # of the feature bank
    batch: int = 48
    attention_epochs: float = 1.5
    joint_epochs: float = 0.8
    perception_epochs: float = 1.0
    rate: float = 2e-4  # peak learning rate of pretrained convolutions, one cycle, AdamW
    map_rate: float = 1e-3  # peak learning rate of the map head
    weight_decay: float = 1e-4
    seed: int = 1

    def steps(self, stage: str) -> int:
        """Optimization steps of a stage."""
        return int(self.samples * getattr(self, f"{stage}_epochs") / self.batch)


@dataclass(frozen=True)
class Variant:
    """What one shipped variant is."""

    mechanism: str
    title: str
    summary: str
    backbone: Backbone
    gain_compensated: bool = True
    lesson: str = ""
    changes: dict[str, Any] = field(default_factory=dict)  # to the recipe
    fixed: tuple[str, ...] = ()  # parts that don't learn, beside those that never do
    map_recorded: bool = False  # whether the history of its map is recorded

    def adapt(self, recipe: Recipe) -> Recipe:
        """The recipe of this variant."""
        return replace(recipe, **self.changes)


def _read_variants() -> dict[str, Variant]:
    stored = tomllib.loads(Path(__file__).with_name("variants.toml").read_text(encoding="utf-8"))
    return {
        name: Variant(**{**entry, "backbone": BACKBONES[entry["backbone"]], "fixed": tuple(entry.get("fixed", ()))})
        for name, entry in stored.items()
    }


VARIANTS = _read_variants()
