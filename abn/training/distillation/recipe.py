"""What each shipped ImageNet variant is (variants.toml), and every number of its training."""

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from abn.training.sources.packages import BACKBONES, Backbone


def _setting(default: Any, help: str) -> Any:
    """A field that is an option of `python -m abn distil` too."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Recipe:
    """Every number of the training."""

    samples: int = _setting(9_000, "number of samples in the feature bank")
    batch: int = _setting(32, "number of samples per step")
    attention_steps: int = _setting(188, "steps of the first stage (attention branch)")
    joint_steps: int = _setting(150, "steps of the second stage (both branches)")
    heads_steps: int = _setting(500, "steps of the third stage (both heads, map fixed)")
    map_mean: float = _setting(0.5, "mean of the map on photographs, set after the second stage")
    map_span: float = _setting(0.4, "its span from the 5th to the 95th percentile, set with it")
    attention_rate: float = _setting(2e-4, "peak learning rate of pretrained weights in the first stage")
    rate: float = _setting(1e-4, "peak learning rate of pretrained weights in the second stage")
    map_rate: float = _setting(4e-3, "peak learning rate of the map head")
    heads_rate: float = _setting(4e-5, "peak learning rate of the perception branch in the third stage")
    class_head_rate: float = _setting(3e-4, "peak learning rate of the class head in the third stage")
    weight_decay: float = _setting(1e-4, "weight decay of AdamW")
    seed: int = _setting(1, "random seed of samples and order")

    def rate_of(self, parameter: str, stage: str) -> float:
        """The peak learning rate of a network's parameter in a stage."""
        if stage == "heads":
            return self.class_head_rate if ".class_head." in parameter else self.heads_rate
        if stage == "attention":
            return self.attention_rate
        return self.map_rate if ".map_" in parameter else self.rate


@dataclass(frozen=True)
class Variant:
    """What one shipped variant is."""

    mechanism: str
    title: str
    summary: str
    backbone: Backbone
    gain_compensated: bool = True  # in the joint stage
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
