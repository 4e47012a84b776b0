"""The Attention Branch Network: a CNN that carries its own attention map.

    Fukui, Hirakawa, Yamashita, Fujiyoshi: Attention Branch Network: Learning of Attention Mechanism
    for Visual Explanation. CVPR 2019. https://arxiv.org/abs/1812.10025

A CNN is cut in two: the feature extractor computes g(x), the perception branch classifies. Between them stands the
attention branch, which predicts the class too (auxiliary head) and computes one map M(x) that reweighs g(x):

    multiplicative   g'(x) = M(x) · g(x)              (Eq. 1)
    additive         g'(x) = (1 + M(x)) · g(x)        (Eq. 2)
    none             g'(x) = g(x)                     (our control: the map is computed and not applied)

Both heads are trained with cross-entropy, L = L_att + L_per. L_att sends no gradient to the map head and L_per none to
the class head; the trunk learns from both. So nothing in the loss makes a bright cell an important one.

What differs from the authors' code: the pools are adaptive, so any input size works; the result is named; nothing
about a call is kept on `self`, so one model can serve many threads; the mechanism is a choice and not hard-coded.

Letters: B batch, C channels of g, T channels of the trunk, K classes, h × w cells of M (14 × 14 for 224 px).
"""

from typing import NamedTuple

from torch import Tensor, nn

from abn.errors import ABNError
from abn.vocabulary import MECHANISMS


def attend(features: Tensor, attention: Tensor, mechanism: str) -> Tensor:
    """g(x) (B, C, h, w) and M (B, 1, h, w) → g'(x) (B, C, h, w)."""
    if mechanism == "multiplicative":
        return attention * features  # Eq. 1
    if mechanism == "additive":
        return (attention * features).add_(features)  # Eq. 2 as M · g + g, which rounds as the authors' code does
    if mechanism == "none":
        return features
    raise _unknown(mechanism)


def _unknown(mechanism: object) -> ABNError:
    return ABNError(f"mechanism must be one of {', '.join(MECHANISMS)}; got {str(mechanism)[:40]!r}")


class AttentionBranch(nn.Module):
    """Trunk, class head and map head (paper, Sec. 3.1); no convolution of the heads has a bias.

    Both heads read the trunk response A. The map head is 3×3 as in the authors' code (their figure says 1×1).
    `trunk_kind` describes the trunk on the model card; `norm_trunk` is off for the authors' ResNeXt alone.
    """

    def __init__(
        self, trunk: nn.Module, *, trunk_channels: int, num_classes: int, trunk_kind: str = "", norm_trunk: bool = True
    ):
        super().__init__()
        self.trunk, self.trunk_kind = trunk, trunk_kind
        self.trunk_norm = nn.BatchNorm2d(trunk_channels) if norm_trunk else nn.Identity()
        self.to_classes = nn.Conv2d(trunk_channels, num_classes, kernel_size=1, bias=False)
        self.class_norm = nn.BatchNorm2d(num_classes)
        self.class_head = nn.Conv2d(num_classes, num_classes, kernel_size=1, bias=False)
        self.map_head = nn.Conv2d(num_classes, 1, kernel_size=3, padding=1, bias=False)
        self.map_norm = nn.BatchNorm2d(1)

    def respond(self, features: Tensor) -> Tensor:
        """g(x) (B, C, h, w) → the trunk response A (B, K, h, w)."""
        response = self.trunk(features)  # (B, T, h, w); one name, so that no layer's input outlives it
        response = self.trunk_norm(response)  # (B, T, h, w)
        response = self.to_classes(response)  # (B, K, h, w)
        return self.class_norm(response).relu_()  # A: (B, K, h, w)

    def read(self, response: Tensor) -> tuple[Tensor, Tensor]:
        """A (B, K, h, w) → class maps (B, K, h, w) and the attention map M (B, 1, h, w)."""
        class_maps = self.class_head(response)  # (B, K, h, w)
        attention = self.map_norm(self.map_head(response)).sigmoid()  # (B, 1, h, w), in (0, 1)
        return class_maps, attention

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """g(x) (B, C, h, w) → class maps (B, K, h, w) and the attention map M (B, 1, h, w)."""
        return self.read(self.respond(features))  # of A (B, K, h, w)


class ABNOutput(NamedTuple):
    """What one forward pass computes."""

    logits: Tensor  # (B, K) perception head
    aux_logits: Tensor  # (B, K) auxiliary head
    attention: Tensor  # (B, 1, h, w) M, in (0, 1)
    class_maps: Tensor  # (B, K, h, w) their mean over (h, w) is exactly aux_logits
    features: Tensor  # (B, C, h, w) g(x)


class AttentionBranchNetwork(nn.Module):
    """Feature extractor, attention branch and perception branch, joined by one of `MECHANISMS`."""

    def __init__(
        self, *, extractor: nn.Module, attention_branch: AttentionBranch, perception_branch: nn.Module, mechanism: str
    ):
        super().__init__()
        if mechanism not in MECHANISMS:
            raise _unknown(mechanism)
        self.extractor = extractor
        self.attention_branch = attention_branch
        self.perception_branch = perception_branch
        self.mechanism = mechanism

    def forward(self, images: Tensor) -> ABNOutput:
        """Images (B, 3, H, W), normalized as the backbone expects them → both heads, the map and all between."""
        return self.explain_features(self.extractor(images))  # of g(x) (B, C, h, w)

    def explain_features(self, features: Tensor, mechanism: str | None = None) -> ABNOutput:
        """All that follows g(x) (B, C, h, w), so that variants with the same extractor run it once."""
        class_maps, attention = self.attention_branch(features)  # (B, K, h, w), (B, 1, h, w)
        logits = self.perceive(features, attention, mechanism)  # (B, K)
        aux_logits = class_maps.mean((2, 3))  # (B, K)
        return ABNOutput(logits, aux_logits, attention, class_maps, features)

    def perceive(self, features: Tensor, attention: Tensor, mechanism: str | None = None) -> Tensor:
        """The perception branch alone: g(x) (B, C, h, w) and any map (B, 1, h, w) → logits (B, K).

        With the network's own map and mechanism (the default) this is exactly the forward pass; another map or
        mechanism is an intervention.
        """
        return self.perception_branch(attend(features, attention, mechanism or self.mechanism))  # of g'(x) (B, C, h, w)
