"""Why plain vision transformers are refused: cut as an Attention Branch Network would be, they hardly depend on M.

docs/backbones.md has the figures. If this test fails because M has an effect, build them.
"""

from collections.abc import Callable

import pytest
import timm
import torch
from torch import Tensor

from abn.network.backbone import create_model

Perceive = Callable[[Tensor], Tensor]  # a gain (B, 1, h, w) → logits (B, K)


def vision_transformer(images: Tensor, *, mean_gain: bool) -> tuple[Perceive, Tensor]:
    """The last quarter of the blocks behind a gain on the patch tokens, and the logits of the whole. The class token
    is passed on as it is, or with `mean_gain` times the mean of the gain."""
    torch.manual_seed(0)
    vit = timm.create_model("vit_tiny_patch16_224", num_classes=10).eval()
    torch.nn.init.normal_(vit.head.weight, std=0.02)
    first, prefix = 3 * len(vit.blocks) // 4, vit.num_prefix_tokens
    tokens = vit.norm_pre(vit._pos_embed(vit.patch_embed(images)))  # (B, 1 + h·w, C)
    for block in vit.blocks[:first]:
        tokens = block(tokens)

    def perceive(gain: Tensor) -> Tensor:
        of_patches = gain.flatten(2).transpose(1, 2)  # (B, h·w, 1)
        of_class = of_patches.mean(1, keepdim=True) if mean_gain else 1.0
        weighted = torch.cat([tokens[:, :prefix] * of_class, tokens[:, prefix:] * of_patches], 1)
        for block in vit.blocks[first:]:
            weighted = block(weighted)
        return vit.forward_head(vit.norm(weighted))

    return perceive, vit(images)


def cnn(images: Tensor) -> tuple[Perceive, Tensor]:
    network = create_model("resnet18", num_classes=10, seed=0)
    features = network.extractor(images)
    return lambda gain: network.perception_branch(features * gain), network.perception_branch(features)


def effects(perceive: Perceive, count: int) -> tuple[float, float]:
    """The change of the logits by M shuffled and by M inverted, relative to their spread over the images."""
    generator = torch.Generator().manual_seed(2)
    attention = torch.rand(count, 1, 14, 14, generator=generator)
    shuffled = attention.flatten(2)[..., torch.randperm(196, generator=generator)].view_as(attention)
    logits = perceive(1 + attention)
    spread = (logits - logits.mean(0)).norm()
    changes = [(perceive(1 + other) - logits).norm() / spread for other in (shuffled, 1 - attention)]
    return float(changes[0]), float(changes[1])


@pytest.mark.slow
@torch.no_grad()
def test_a_vision_transformer_hardly_depends_on_its_map_and_a_cnn_does():
    images = torch.randn(8, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    assert min(effects(cnn(images)[0], 8)) > 0.2
    for mean_gain in (False, True):
        perceive, whole = vision_transformer(images, mean_gain=mean_gain)
        assert torch.equal(perceive(torch.ones(8, 1, 14, 14)), whole)
        assert max(effects(perceive, 8)) < 0.05
