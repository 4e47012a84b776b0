"""A network in PyTorch, for what has no graph: any CNN with random weights, a checkpoint of another architecture."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from abn.engine.runner import Tail
from abn.network.model import AttentionBranchNetwork


class TorchRunner:
    """Runs an `AttentionBranchNetwork` where its weights lie, CPU or GPU."""

    engine = "PyTorch"
    tail: Tail | None = None  # `abn.explanations.cam` computes class maps by gradients

    def __init__(self, network: AttentionBranchNetwork) -> None:
        self.network, self.mechanism = network, network.mechanism
        self.class_head = network.attention_branch.class_head.weight.detach()[:, :, 0, 0].cpu().numpy()
        self._device = next(network.parameters()).device

    def extract(self, images: np.ndarray) -> np.ndarray:
        return self._run(self.network.extractor, images)

    def attend(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        class_maps, attention = self._run(self.network.attention_branch, features)
        return class_maps.mean((2, 3)), attention

    def respond(self, features: np.ndarray) -> np.ndarray:
        return self._run(self.network.attention_branch.respond, features)

    def classify(self, features: np.ndarray) -> np.ndarray:
        return self._run(self.network.perception_branch, features)

    @torch.inference_mode()
    def _run(self, part: Callable[[Tensor], Tensor], values: np.ndarray):
        """What a part of the network computes; it may work in place, so it gets a copy."""
        result = part(torch.from_numpy(values.copy()).to(self._device))
        return tuple(v.cpu().numpy() for v in result) if isinstance(result, tuple) else result.cpu().numpy()
