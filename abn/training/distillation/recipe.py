"""What each shipped ImageNet variant is, and every number of its training."""

from dataclasses import dataclass, field, replace
from typing import Any

from abn.training.sources.packages import LITE0, LITE2, Backbone


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
    gain_compensated: bool = True
    lesson: str = ""
    changes: dict[str, Any] = field(default_factory=dict)  # to the recipe
    fixed: tuple[str, ...] = ()  # parts that don't learn, beside those that never do
    backbone: Backbone = LITE0
    map_recorded: bool = False  # whether the history of its map is recorded

    def adapt(self, recipe: Recipe) -> Recipe:
        """The recipe of this variant."""
        return replace(recipe, **self.changes)


LITE2_CHANGES = {"samples": 4_800, "attention_epochs": 1.2}  # a sample takes 1.8 times the FLOPs of one of Lite0

VARIANTS = {
    "imagenet-lite0-additive": Variant(
        "additive",
        "Additive",
        "The map lifts what it finds: each feature is multiplied by 1 + M, so nothing is ever lost.",
        map_recorded=True,
    ),
    "imagenet-lite0-multiplicative": Variant(
        "multiplicative",
        "Multiplicative",
        "The map is a mask: each feature is multiplied by M, so dark cells fade away.",
    ),
    "imagenet-lite0-none": Variant(
        "none", "None (control)", "The same network and training, but the map is computed and never applied."
    ),
    "imagenet-lite0-additive-unfolded": Variant(
        "additive",
        "Additive, upside down",
        "Additive attention whose warm start kept its gain, with a map head that learns fast: its map turned over.",
        gain_compensated=False,
        changes={"map_rate": 0.1, "joint_epochs": 0.4, "perception_epochs": 0.4},
        fixed=("attention_branch.trunk", "attention_branch.to_classes", "attention_branch.map_norm"),
        lesson="This map is dark on the object: nothing in the training asks that bright should mean important. "
        "Compare its answers with those of the additive variant.",
    ),
    "imagenet-lite2-additive": Variant(
        "additive",
        "Additive, Lite2",
        "The additive map on a larger backbone, which sees 260 pixels a side in place of 224.",
        changes=LITE2_CHANGES,
        backbone=LITE2,
    ),
    "imagenet-lite2-multiplicative": Variant(
        "multiplicative",
        "Multiplicative, Lite2",
        "The multiplicative map on a larger backbone, which sees 260 pixels a side in place of 224.",
        changes=LITE2_CHANGES,
        backbone=LITE2,
    ),
}
