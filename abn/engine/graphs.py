"""The graphs that ONNX Runtime runs: three for each architecture, number of classes and
input size, without weights.

    extract   images → features
    attend    features → aux_logits, attention, response
    classify  features (reweighted) → logits, last_cells

A graph names the tensors of the weights' own file and holds none of them, so that `.safetensors` stays the one source
of weights, and all variants of a family share 80 KB. `python -m abn graphs` writes them (`export_graphs.py`);
`index.json` holds the hash of each, and what is not as it says is not run.
"""

import hashlib
import json
from pathlib import Path

from abn.variants.card import CHECKPOINTS, Card

PARTS = ("extract", "attend", "classify")
FOLDER = CHECKPOINTS / "graphs"
LAST_CELLS = "last_cells"  # output of the last layer with cells, where a linear layer reads their average
LAYER, CLASSIFIER = "abn.layer", "abn.classifier"  # in a graph's metadata: the names of those two layers
INDEX = "index.json"  # file → sha256


class GraphError(Exception):
    """A graph is missing or is not the one that was made; the sentence says which."""


def graph_file(card: Card, part: str) -> str:
    """The name of the file of a graph that runs a card's variant: its architecture, classes and input size."""
    return f"{card.backbone}-{card.num_classes}-{card.input.size}px-{part}.onnx"


def read_graphs(card: Card, folder: Path = FOLDER) -> dict[str, bytes]:
    """Part → graph. Raises `GraphError`."""
    graphs = {}
    for part in PARTS:
        name = graph_file(card, part)
        try:
            index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            graphs[part] = (folder / name).read_bytes()
        except (OSError, ValueError) as error:
            raise GraphError(f"There is no graph {name}.") from error
        if index.get(name) != hashlib.sha256(graphs[part]).hexdigest():
            raise GraphError(f"The graph {name} is not the one that was made.")
    return graphs
