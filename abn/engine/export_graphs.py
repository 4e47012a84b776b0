"""`python -m abn graphs`: write the graphs of the variants' architectures. Needs the packages onnx and onnxscript."""

import argparse
import hashlib
import itertools
import json
import logging
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from abn import files
from abn.engine.graphs import CLASSIFIER, FOLDER, INDEX, LAST_CELLS, LAYER, PARTS, graph_file
from abn.errors import ABNError
from abn.network.backbone import build
from abn.network.model import AttentionBranch, AttentionBranchNetwork
from abn.network.tail import pooled_classifier, record_last_cells
from abn.variants.card import Card
from abn.variants.store import find_variant, list_variants

OPSET = 20
MISSING = "This needs the packages onnx and onnxscript: pip install onnx onnxscript."

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn graphs`."""
    parser.add_argument(
        "--variant",
        metavar="ID[,ID...]",
        help="write only the graphs of these variants' architectures; ids separated by commas (default: all)",
    )
    parser.add_argument("--out", type=Path, default=FOLDER, metavar="FOLDER", help="folder for the graphs")


def run(args: argparse.Namespace) -> int:
    """Write the graphs of each architecture once, and the index of all in the folder."""
    cards = [find_variant(name) for name in args.variant.split(",")] if args.variant else list_variants()
    for card in {graph_file(card, PARTS[0]): card for card in cards}.values():
        write_graphs(card, args.out)
    return 0


def write_graphs(card: Card, folder: Path = FOLDER) -> None:
    """Write the graphs of a card's architecture, and their hashes into the folder's index."""
    network = build(card.backbone, num_classes=card.num_classes, mechanism=card.mechanism).eval()
    index_path = folder / INDEX
    index = json.loads(index_path.read_text(encoding="utf-8")) if index_path.is_file() else {}
    for part, graph in export_graphs(network, card.input.size).items():
        name = graph_file(card, part)
        files.write_file(folder / name, graph)
        index[name] = hashlib.sha256(graph).hexdigest()
        log.info("%s: %.0f KB", name, len(graph) / 1000)
    files.write_file(index_path, json.dumps(dict(sorted(index.items())), indent=1) + "\n")


class _Part(nn.Module):
    """A part of a network by itself, its tensors named as in the whole network."""

    def __init__(self, network: AttentionBranchNetwork, part: str, compute: Callable) -> None:
        super().__init__()
        self.add_module(part, network.get_submodule(part))
        self._part, self._compute = part, compute

    def forward(self, values: Tensor) -> Tensor | tuple[Tensor, ...]:
        return self._compute(self.get_submodule(self._part), values)


def _attend(branch: AttentionBranch, features: Tensor) -> tuple[Tensor, ...]:
    """The class head is linear: of the mean of A it makes the mean of the class maps, for a hundredth of the work."""
    response = branch.respond(features)
    aux_logits = branch.class_head(response.mean((2, 3), keepdim=True)).flatten(1)
    return aux_logits, branch.read(response)[1], response


def _classify(branch: nn.Module, features: Tensor) -> tuple[Tensor, Tensor]:
    with record_last_cells(branch) as cells:
        logits = branch(features)
    return logits, cells[-1][1]


def export_graphs(network: AttentionBranchNetwork, size: int) -> dict[str, bytes]:
    """Part → graph, without the weights, for images of `size` pixels and batches of any number."""
    images = torch.zeros(2, 3, size, size)
    with torch.no_grad(), record_last_cells(network.perception_branch) as cells:
        features = network.extractor(images)
        logits = network.perception_branch(features.clone())
    classifier = cells and pooled_classifier(network.perception_branch, cells[-1][1], logits)
    extractor = _Part(network, "extractor", nn.Module.__call__)
    attention_branch = _Part(network, "attention_branch", _attend)
    perception_branch = _Part(network, "perception_branch", _classify if classifier else nn.Module.__call__)
    parts = {
        "extract": (extractor, images, ["images"], ["features"]),
        "attend": (attention_branch, features, ["features"], ["aux_logits", "attention", "response"]),
        "classify": (perception_branch, features, ["features"], ["logits", LAST_CELLS][: 2 if classifier else 1]),
    }
    names = {LAYER: cells[-1][0], CLASSIFIER: classifier} if classifier else {}
    return {part: _export(*parts[part], names if part == "classify" else {}) for part in PARTS}


def _export(module: nn.Module, example: Tensor, inputs: list[str], outputs: list[str], names: dict[str, str]) -> bytes:
    onnx, optimizer = import_onnx()
    program = torch.onnx.export(
        module.eval(),
        (example,),
        dynamo=True,
        optimize=False,  # it would fold batch norms into convolutions, whose weights then have no name of their own
        opset_version=OPSET,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        input_names=inputs,
        output_names=outputs,
        verbose=False,
    )
    assert program is not None
    graph = program.model_proto
    named = {tensor.name for tensor in graph.graph.initializer}
    optimizer.fold_constants(graph, onnx_shape_inference=False)
    optimizer.remove_unused_nodes(graph)
    _drop_zero_biases(graph)
    for tensor in graph.graph.initializer:
        if tensor.name in named:
            _make_external(tensor, onnx.TensorProto.EXTERNAL)
    parts = (graph.graph.node, graph.graph.input, graph.graph.output, graph.graph.initializer)
    for described in (graph, graph.graph, *itertools.chain(*parts)):  # where in our code each comes from
        described.doc_string = ""
        del described.metadata_props[:]
    del graph.graph.value_info[:]
    onnx.helper.set_model_props(graph, names)
    return graph.SerializeToString(deterministic=True)


def import_onnx() -> tuple:
    """The packages onnx and onnxscript.optimizer, or `ABNError`."""
    try:
        import onnx
        from onnxscript import optimizer
    except ImportError as error:
        raise ABNError(MISSING) from error
    return onnx, optimizer


def _drop_zero_biases(graph) -> None:
    """The exporter gives a convolution without bias one of zeros."""
    used = {name for node in graph.graph.node if node.op_type != "Conv" for name in node.input}
    constants = {tensor.name: tensor for tensor in graph.graph.initializer}
    dropped = set()
    for node in graph.graph.node:
        if node.op_type == "Conv" and len(node.input) == 3 and not any(constants[node.input[2]].raw_data):
            dropped.add(node.input.pop())
    for name in dropped - used:
        graph.graph.initializer.remove(constants[name])


def _make_external(tensor, external: int) -> None:
    """Let a tensor be given from memory: its place in a file is stated and never read."""
    size = len(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = external
    for key, value in (("location", "weights"), ("offset", "0"), ("length", str(size))):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
