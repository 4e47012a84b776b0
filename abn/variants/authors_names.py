"""Names of layers and classes in the authors' code, and ours for them."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from abn.network.architectures import registry
from abn.variants.card import IMAGENET


@dataclass(frozen=True)
class AuthorsNames:
    """The authors' names for the parts of a network → ours.

    `outer` is the first part of a name; None for a layer that their forward pass never uses. `inner` are later parts
    that differ; empty where ours has no such level.
    """

    outer: dict[str, str | None]
    inner: dict[str, str] = field(default_factory=dict)

    def translate(self, name: str) -> str | None:
        """Our name of a weight: None where it is to be left out, "" where there is none."""
        outer, *inner = name.split(".")
        part = self.outer.get(outer, "")
        if not part:
            return part
        return ".".join([part, *filter(None, (self.inner.get(name, name) for name in inner))])


BRANCH = {
    "bn_att": "attention_branch.trunk_norm",
    "att_conv": "attention_branch.to_classes",
    "bn_att2": "attention_branch.class_norm",
    "att_conv2": "attention_branch.class_head",
    "att_conv3": "attention_branch.map_head",
    "bn_att3": "attention_branch.map_norm",
}


def _outer(extractor: str, trunk: str, perception_branch: str) -> dict[str, str | None]:
    """Names of layers that are the same with the authors and with us, under the part where they stand."""
    return {
        **{name: f"extractor.{name}" for name in extractor.split()},
        **{trunk: "attention_branch.trunk"},
        **{name: f"perception_branch.{name}" for name in perception_branch.split()},
        **BRANCH,
    }


RESNET = AuthorsNames(_outer("conv1 bn1 layer1 layer2", "att_layer3", "layer3 fc"))
LARGE_RESNET = AuthorsNames(_outer("conv1 bn1 layer1 layer2 layer3", "att_layer4", "layer4 fc"))
DENSENET = AuthorsNames(_outer("conv1 dense1 trans1 dense2 trans2", "att_dense3", "dense3 bn fc"))
WRN = AuthorsNames(
    _outer("conv1 block1 block2", "att_block3", "block3 bn1 fc"), inner={"layer": "", "convShortcut": "shortcut"}
)
RESNEXT = AuthorsNames(
    {
        "conv_1_3x3": "extractor.conv1",
        "bn_1": "extractor.bn1",
        "stage_1": "extractor.layer1",
        "stage_2": "extractor.layer2",
        "stage_att": "attention_branch.trunk",
        "stage_3": "perception_branch.layer3",
        "classifier": "perception_branch.fc",
        **BRANCH,
        "bn_att": None,
    },
    inner={
        **{f"stage_{stage}_bottleneck_{i}": str(i) for stage in ("1", "2", "att", "3") for i in range(3)},
        "conv_reduce": "conv1",
        "bn_reduce": "bn1",
        "conv_conv": "conv2",
        "bn": "bn2",
        "conv_expand": "conv3",
        "bn_expand": "bn3",
        "shortcut": "downsample",
        "shortcut_conv": "0",
        "shortcut_bn": "1",
    },
)
ARCHS = {
    **{name.removeprefix(registry.CIFAR): RESNET for name in registry.SMALL_RESNETS},
    "densenet": DENSENET,
    "wrn": WRN,
    "resnext": RESNEXT,
    **{name: LARGE_RESNET for name in registry.DESIGNS if name.startswith(registry.IMAGENET)},
}

# the data that the authors train with, by the kind of network and the number of classes, in the data's own order
_CIFAR = tomllib.loads(Path(__file__).with_name("cifar_classes.toml").read_text(encoding="utf-8"))
CIFAR10, CIFAR100 = _CIFAR["cifar10"], _CIFAR["cifar100"]
CLASSES: dict[tuple[str, int], str | list[str]] = {
    (registry.CIFAR, 10): CIFAR10,
    (registry.CIFAR, 100): CIFAR100,
    (registry.IMAGENET, 1000): IMAGENET,
}
