"""The card of a new network: what is counted on the network, and the fields given by the caller."""

from typing import Any

import torch

from abn.network.complexity import count_flops, count_parameters
from abn.network.model import AttentionBranchNetwork
from abn.variants.card import IMAGENET, Card
from abn.vocabulary import InputSpec


def create_card(network: AttentionBranchNetwork, *, classes: str | list[str], input: InputSpec, **fields: Any) -> Card:
    """Mechanism, map size, trunk, parameters and FLOPs come from the network; `fields` are the card's other fields.

    Nothing is measured yet, and the hashes are for `save_variant` to fill in.
    """
    with torch.inference_mode():
        attention = network(torch.zeros(1, 3, input.size, input.size)).attention
    return Card(
        mechanism=network.mechanism,
        num_classes=1000 if classes == IMAGENET else len(classes),
        classes=classes,
        input=input,
        map_size=tuple(attention.shape[2:]),
        parameters=count_parameters(network),
        flops=count_flops(network, input.size),
        trunk=network.attention_branch.trunk_kind,
        **{"measured": {}, "sha256": "", "extractor_sha256": "", **fields},
    )
