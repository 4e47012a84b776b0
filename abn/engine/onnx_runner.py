"""A network in ONNX Runtime: half of PyTorch's time on a CPU, and no interpreter lock while it computes."""

from collections.abc import Mapping

import numpy as np
import onnxruntime

from abn.engine.graphs import CLASSIFIER, LAST_CELLS, LAYER, GraphError
from abn.engine.runner import Tail
from abn.errors import ABNError

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
NO_MEMORY = "There is too little memory for so many images at once: choose fewer (--batch on the command line)."
PREFIXES = {"extract": "extractor.", "attend": "attention_branch.", "classify": "perception_branch."}

onnxruntime.disable_telemetry_events()
onnxruntime.set_default_logger_severity(3)  # errors: a graph that can't be run is told in our own words


class OnnxRunner:
    """Runs the graphs of an architecture with the weights of a variant."""

    engine = "ONNX Runtime"

    def __init__(
        self,
        graphs: Mapping[str, bytes],
        weights: Mapping[str, np.ndarray],
        *,
        mechanism: str,
        threads: int = 1,
        device: str = "cpu",
    ) -> None:
        """`weights` are those of the whole network by their own names; `threads` 0: as many as there are cores;
        `device` is cpu, cuda or cuda:N. Raises `GraphError` where the weights don't fit."""
        self.mechanism = mechanism
        self.class_head = weights["attention_branch.class_head.weight"][:, :, 0, 0].astype(np.float32)
        self._sessions = {
            part: _create_session(graphs[part], weights, prefix, threads, device) for part, prefix in PREFIXES.items()
        }
        names = self._sessions["classify"].get_modelmeta().custom_metadata_map
        self._last_layer = names.get(LAYER)
        self._classifier = weights[f"{PREFIXES['classify']}{names[CLASSIFIER]}.weight"] if self._last_layer else None

    @property
    def tail(self) -> Tail | None:
        if self._last_layer is None or self._classifier is None:
            return None
        return Tail(self._last_layer, self._classifier.astype(np.float32), self._last_cells)

    def extract(self, images: np.ndarray) -> np.ndarray:
        (features,) = self._run("extract", images, "features")
        return features

    def attend(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        aux_logits, attention = self._run("attend", features, "aux_logits", "attention")
        return aux_logits, attention

    def respond(self, features: np.ndarray) -> np.ndarray:
        (response,) = self._run("attend", features, "response")
        return response

    def classify(self, features: np.ndarray) -> np.ndarray:
        (logits,) = self._run("classify", features, "logits")
        return logits

    def _last_cells(self, features: np.ndarray) -> np.ndarray:
        (cells,) = self._run("classify", features, LAST_CELLS)
        return cells

    def _run(self, part: str, values: np.ndarray, *outputs: str) -> list[np.ndarray]:
        session = self._sessions[part]
        try:
            return session.run(outputs, {session.get_inputs()[0].name: np.ascontiguousarray(values, np.float32)})
        except Exception as error:  # onnxruntime's own errors share no class
            if "memory" in str(error):
                raise ABNError(NO_MEMORY) from error
            raise


def has_cuda() -> bool:
    """Whether ONNX Runtime can compute on a GPU here."""
    return CUDA in onnxruntime.get_available_providers()


def _providers(device: str) -> list:
    kind, _, number = device.partition(":")
    return [(CUDA, {"device_id": int(number or 0)}), CPU] if kind == "cuda" else [CPU]


def _create_session(
    graph: bytes, weights: Mapping[str, np.ndarray], prefix: str, threads: int, device: str
) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    names = [name for name in weights if name.startswith(prefix) and weights[name].dtype.kind == "f"]  # no counts
    values = [np.ascontiguousarray(weights[name], np.float32) for name in names]
    options.add_external_initializers(names, [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in values])
    try:
        return onnxruntime.InferenceSession(graph, options, providers=_providers(device))
    except Exception as error:  # onnxruntime's own errors share no class
        raise GraphError("The graph does not fit the weights.") from error
