"""`python -m abn export NAME --onnx FILE`: a variant as one ONNX model that runs without this package.

    images (B, 3, size, size) float32, RGB in 0 … 1, not normalized: the model does that
    → logits (B, K), aux_logits (B, K), attention (B, 1, h, w), class_maps (B, K, h, w)

B is free. The metadata holds the card (`abn.card`) and the names of the K classes (`abn.classes`), both as JSON.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from abn import files
from abn.engine.export_graphs import OPSET, import_onnx
from abn.errors import ABNError
from abn.network.model import AttentionBranchNetwork
from abn.variants.card import Card, class_names
from abn.variants.checkpoint import CheckpointError, NamedFile, PartnerMissing, read_files
from abn.variants.own import load_checkpoint
from abn.variants.store import find_variant, load_variant

OUTPUTS = ("logits", "aux_logits", "attention", "class_maps")
TOLERANCE = 1e-4  # between ONNX Runtime and PyTorch, of outputs as large as 1
DIFFERS = (
    "Nothing was written: ONNX Runtime and PyTorch differ by {difference:.1g} in {output}, more than the tolerance."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn export`."""
    parser.add_argument("name", metavar="NAME", help="id of a variant, or path of a .safetensors file with its card")
    parser.add_argument(
        "--onnx", required=True, type=Path, metavar="FILE", help="path of the ONNX model to write; must not exist"
    )


def run(args: argparse.Namespace) -> int:
    """Export one variant, checked with ONNX Runtime against PyTorch; never over a file that is there."""
    if args.onnx.exists():
        raise ABNError(f"The file {args.onnx} exists already: choose another name.")
    card, network = _load(args.name)
    data = export_model(network, card)
    files.write_file(args.onnx, data)
    size = card.input.size
    print(f"{args.onnx}: {len(data) / 1e6:.1f} MB, opset {OPSET}, images (B, 3, {size}, {size}) in 0 … 1")
    return 0


def _load(name: str) -> tuple[Card, AttentionBranchNetwork]:
    """A variant by its id, or from a .safetensors file."""
    path = Path(name)
    if path.suffix != ".safetensors":
        card = find_variant(name)
        return card, load_variant(card)
    given = [path, *(beside for beside in (path.with_suffix(".json"),) if beside.is_file())]
    contents = read_files({file.name: NamedFile(file.name, file.read_bytes()) for file in given})
    checkpoint = contents[path.name]
    if isinstance(checkpoint, CheckpointError):
        raise checkpoint
    if checkpoint is None:
        raise PartnerMissing(f"{path.name} has no card.")
    own = load_checkpoint(checkpoint)
    return own.card, own.network


class _WholeNetwork(nn.Module):
    """From an image in 0 … 1 to all outputs."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: AttentionBranchNetwork, card: Card) -> None:
        super().__init__()
        self.network = network
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(getattr(card.input, name))[:, None, None])

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        output = self.network((images - self.mean) / self.std)
        return tuple(getattr(output, name) for name in OUTPUTS)


def export_model(network: AttentionBranchNetwork, card: Card) -> bytes:
    """The model as bytes of an ONNX file. Raises `ABNError` where ONNX Runtime computes something else."""
    import_onnx()
    whole, size = _WholeNetwork(network, card).eval(), card.input.size
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    program = torch.onnx.export(
        whole,
        (images,),
        dynamo=True,
        opset_version=OPSET,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        input_names=["images"],
        output_names=list(OUTPUTS),
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    del model.metadata_props[:]
    for key, value in (("abn.card", card.to_json()), ("abn.classes", class_names(card))):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, json.dumps(value, ensure_ascii=False)
    data = model.SerializeToString()
    _check(data, whole, images)
    return data


def _check(data: bytes, whole: _WholeNetwork, images: Tensor) -> None:
    """Run a batch of another size than the example's in both engines."""
    import onnxruntime

    batch = torch.cat([images, images.flip(3)])[:3]
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = whole(batch)
    for name, ours, theirs in zip(OUTPUTS, session.run(OUTPUTS, {"images": batch.numpy()}), expected, strict=True):
        difference = float((np.abs(ours - theirs.numpy()) / np.maximum(1, np.abs(theirs.numpy()))).max())
        if not difference <= TOLERANCE:
            raise ABNError(DIFFERS.format(output=name, difference=difference))
