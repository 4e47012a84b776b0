"""The graph of a timm CNN (torch.fx): the nodes that everything passes through, and the pieces before and after.

No network's name is used. A module that torch.fx can't trace, because it branches on values or sizes, stays one node.
Inputs and outputs of a piece are (B, C, h, w), whichever memory order the network itself uses.
"""

import logging
import threading
from dataclasses import dataclass

import torch
from timm.layers import BlurPool2d, get_notrace_functions, get_notrace_modules
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from abn.errors import BackboneError

MAX_CLOSED = 12  # kinds of module that torch.fx may fail on before a network counts as one that can't be traced
ALTERNATIVES = "Choose a backbone that docs/backbones.md lists, such as resnet18 or efficientnet_b0."

_tracing = threading.Lock()  # torch.fx changes nn.Module for all threads while it traces, and back: never two at once

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CutPoint:
    """A node that everything passes through: after it no earlier value is needed any more. It holds a square map."""

    node: fx.Node
    channels: int
    cells: int  # along each axis
    channels_last: bool  # (B, h, w, C) and not (B, C, h, w)


class _Tracer(fx.Tracer):
    """torch.fx with timm's own list of modules not to trace; strided layers stay one node. torch.fx intercepts calls by
    other threads as well; they are passed through."""

    def __init__(self, closed: tuple[type[nn.Module], ...]):
        super().__init__(autowrap_functions=tuple(get_notrace_functions()))
        self._leaves = (nn.Conv2d, BlurPool2d, *get_notrace_modules(), *closed)
        self.failed: nn.Module | None = None  # the innermost module that could not be looked into
        self._thread = threading.get_ident()

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        return isinstance(module, self._leaves) or super().is_leaf_module(module, qualified_name)

    def getattr(self, attr, value, known):
        return super().getattr(attr, value, known) if threading.get_ident() == self._thread else value

    def call_module(self, module, forward, args, kwargs):
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        try:
            return super().call_module(module, forward, args, kwargs)
        except Exception:
            self.failed = self.failed or module
            raise


def trace(network: nn.Module, size: int) -> fx.Graph:
    """The network's graph, every node with its shape for one image of size × size pixels."""
    name = type(network).__name__
    closed: list[type[nn.Module]] = []
    while True:
        tracer = _Tracer(tuple(closed))
        try:
            with _tracing:
                graph = tracer.trace(network)
            break
        except Exception as error:  # torch.fx fails in as many ways as there are models
            if tracer.failed is None or len(closed) == MAX_CLOSED:
                log.info("tracing %s failed", name, exc_info=error)
                raise BackboneError(
                    f"{name} can't be traced into a graph ({type(error).__name__}), so it can't be cut. {ALTERNATIVES}"
                ) from error
            closed.append(type(tracer.failed))
    try:
        with torch.no_grad():
            ShapeProp(fx.GraphModule(network, graph)).propagate(torch.zeros(1, 3, size, size))
    except Exception as error:
        log.info("%s did not run", name, exc_info=error)
        raise BackboneError(
            f"{name} does not run on an image of {size} × {size} px once it is traced ({type(error).__name__}), "
            f"so it can't be cut. {ALTERNATIVES}"
        ) from error
    return graph


def shape(node: fx.Node) -> tuple[int, ...]:
    """Shape of the node's tensor, for one image; empty where it is no tensor."""
    return tuple(getattr(node.meta.get("tensor_meta"), "shape", ()))


def cut_points(graph: fx.Graph) -> list[CutPoint]:
    """The nodes with a square map of more than one cell that everything passes through, in the order of the graph."""
    nodes = list(graph.nodes)
    position = {node: i for i, node in enumerate(nodes)}
    size, needed_until, points = shape(nodes[0])[-1], -1, []
    for i, node in enumerate(nodes):
        if node.op == "get_attr":
            continue  # a parameter can be fetched again in either half
        if needed_until <= i and len(shape(node)) == 4:
            _, a, b, c = shape(node)
            channels, cells = (a, b) if b == c else (c, b)
            if b in (a, c) and 1 < cells < size:
                points.append(CutPoint(node, channels, cells, channels_last=b != c))
        needed_until = max([needed_until, *(position[user] for user in node.users)])
    return points


def module_paths(node: fx.Node) -> list[str]:
    """The modules that the node lies in, and the one that it calls."""
    stack = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
    return [*stack, str(node.target)] if node.op == "call_module" else stack


def piece(root: nn.Module, graph: fx.Graph, *, start: CutPoint | None, end: CutPoint | None) -> fx.GraphModule:
    """The part after `start` (None: from the images) up to `end` (None: to the logits), with the weights of `root`.

    Its input is never changed: where the first operation works in place, it gets a copy.
    """
    module = _piece(root, graph, start, end, copied=False)
    if start is not None and _changes_input(module, (1, start.channels, start.cells, start.cells)):
        module = _piece(root, graph, start, end, copied=True)
    return module


def _piece(
    root: nn.Module, graph: fx.Graph, start: CutPoint | None, end: CutPoint | None, *, copied: bool
) -> fx.GraphModule:
    result, copies, nodes = fx.Graph(), {}, list(graph.nodes)
    if start is not None:
        features = result.placeholder("features")
        features = result.call_method("clone", (features,)) if copied else features
        copies[start.node] = result.call_method("permute", (features, 0, 2, 3, 1)) if start.channels_last else features
        position = nodes.index(start.node)
        before, nodes = nodes[:position], nodes[position + 1 :]
        later = set(nodes)
        for node in before:  # parameters fetched early and used late
            if node.op == "get_attr" and not later.isdisjoint(node.users):
                copies[node] = result.node_copy(node)
    for node in nodes:
        copies[node] = result.node_copy(node, copies.__getitem__)
        if end is not None and node is end.node:
            last = copies[node]
            result.output(result.call_method("permute", (last, 0, 3, 1, 2)) if end.channels_last else last)
            break
    return fx.GraphModule(root, result)


def _changes_input(module: fx.GraphModule, shape: tuple[int, ...]) -> bool:
    """Whether the module changes its input in place; torch counts such changes, except in inference mode."""
    with torch.inference_mode(False), torch.no_grad():
        features = torch.zeros(shape)
        fx.Interpreter(module).run(features)
        return features._version > 0
