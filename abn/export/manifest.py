"""The manifest of an export: image and weights by their hashes, all settings, and the results, as JSON.

No pixel and no metadata of the image is in it: only the hash of its file, and its name.
"""

import functools
import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from abn.explanations.explanation import Explanation
from abn.export.figures import Comparison, npy_bytes
from abn.vocabulary import HEADS

MANIFEST_NAME = "manifest.json"
FORMAT = "ABN Explorer export"
VERSION = 2  # 1 also held every cell of the maps, which lie beside it as .npy
TOP = 5  # classes of each head
PACKAGES = ("torch", "torchvision", "timm", "numpy", "pillow")
SOURCE_SUFFIXES = (".py", ".toml", ".html", ".css", ".svg", ".js")


def manifest_json(comparison: Comparison, file_hashes: Mapping[str, str] | None = None) -> str:
    """The manifest of a comparison; `file_hashes` are the SHA-256 hashes of the exported files by name."""
    picture = comparison.picture
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "date": comparison.date,
        "image": {"sha256": picture.sha256, "name": picture.name, "gallery": comparison.photo},
        "fit": comparison.fit,
        "mechanism": comparison.mechanism,
        "view": asdict(comparison.style),
        "variants": [{"id": card.id, "sha256": card.sha256} for card in comparison.cards],
        "results": [_result(explanation) for explanation in comparison.explanations],
        "software": software_versions(),
        "files": dict(file_hashes or {}),
    }
    return json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"


def map_sha256(attention: np.ndarray) -> str:
    """SHA-256 of the .npy file of a map."""
    return hashlib.sha256(npy_bytes(attention)).hexdigest()


def head_record(explanation: Explanation, head: str, top: int) -> list[dict[str, object]]:
    """A head's likeliest classes as plain data."""
    return [{"class": p.index, "label": p.label, "probability": p.probability} for p in explanation.top(head, top)]


def map_record(attention: np.ndarray) -> dict[str, object]:
    """Shape and range of a map as plain data."""
    range_ = {name: float(getattr(attention, name)()) for name in ("min", "mean", "max")}
    return {"shape": list(attention.shape), **range_}


def _result(explanation: Explanation) -> dict[str, object]:
    return {
        "variant": explanation.variant,
        "trained_with": explanation.trained_with,
        "applied": explanation.applied,
        **{head: head_record(explanation, head, TOP) for head in HEADS},
        "map": {**map_record(explanation.attention), "sha256": map_sha256(explanation.attention)},
    }


@functools.cache
def software_versions() -> dict[str, str]:
    """Versions of Python and of the packages that compute, and a hash of this package's source, texts and styles."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    digest, root = hashlib.sha256(), Path(__file__).parents[1]
    for path in sorted(path for path in root.rglob("*.*") if path.suffix in SOURCE_SUFFIXES):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    return {**versions, "abn": f"source {digest.hexdigest()[:12]}"}
