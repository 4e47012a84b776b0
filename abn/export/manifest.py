"""The manifest of an export: what was asked, of which bytes and weights, and what came out, so that it can come again.

`manifest_of` makes one of a `Record`; `read_manifest` reads one from bytes that may come from anybody, as JSON or in
the zip of an export. No pixel and no metadata of a picture is in it: only the hash of its bytes, and its name.
"""

import functools
import hashlib
import io
import json
import platform
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from abn.errors import ManifestError
from abn.export.figures import RAW, Drawing, Record, npy
from abn.images.display_name import display_name, one_line
from abn.images.fit import FITS
from abn.plots.color_limits import SCALES
from abn.plots.color_maps import COLOR_MAPS
from abn.plots.overlay import MARKS
from abn.vocabulary import HEADS, MECHANISM_CHOICES, MECHANISMS

FORMAT = "ABN Explorer export"
VERSION = 1
TOP = 5  # classes of each head whose probabilities are held
FILE = "manifest.json"  # its name in the zip of an export
MAX_BYTES = 100_000_000  # of an export
MAX_JSON = 4_000_000  # of a manifest
MAX_DIRECTORY = 100_000  # bytes of a zip behind its last file: the list of its files
MAX_RESULTS = 32
MAX_CELLS = 128  # along one side of a map
PACKAGES = ("torch", "torchvision", "timm", "numpy", "pillow")


@dataclass(frozen=True)
class Result:
    """What one variant made of the picture."""

    variant: str
    weights: str  # sha256 of the file of its weights
    trained_with: str
    applied: str
    auxiliary: tuple[tuple[int, str, float], ...]  # class, label and probability, the likeliest first
    perception: tuple[tuple[int, str, float], ...]
    attention: np.ndarray = field(compare=False)  # (h, w) float32, raw M
    map_sha256: str  # of the .npy file of it


@dataclass(frozen=True)
class Manifest:
    """One export."""

    sha256: str  # of the bytes of the picture
    name: str
    photo: str | None  # the gallery's photograph; None: a picture of somebody's own
    fit: str
    mechanism: str  # "trained", or the one that was put in its place
    results: tuple[Result, ...]  # at least one
    drawing: Drawing = RAW
    date: str = ""
    software: Mapping[str, str] = field(default_factory=dict)  # name → version
    files: Mapping[str, str] = field(default_factory=dict)  # of the export, name → sha256
    notes: tuple[str, ...] = field(default=(), compare=False)  # what was read and isn't known here, a sentence each

    def to_json(self) -> str:
        """As text, the same for the same manifest."""
        picture = {"sha256": self.sha256, "name": self.name, "gallery": self.photo}
        said = {
            "format": FORMAT,
            "version": VERSION,
            "date": self.date,
            "picture": picture,
            "fit": self.fit,
            "mechanism": self.mechanism,
            "view": asdict(self.drawing),
            "variants": [{"id": one.variant, "sha256": one.weights} for one in self.results],
            "results": [_result_as_json(one) for one in self.results],
            "software": dict(self.software),
            "files": dict(self.files),
        }
        return json.dumps(said, indent=1, ensure_ascii=False) + "\n"


def _result_as_json(result: Result) -> dict[str, Any]:
    values = result.attention
    heads = {
        head: [{"class": k, "label": label, "probability": p} for k, label, p in getattr(result, head)]
        for head in HEADS
    }
    return {
        "variant": result.variant,
        "trained_with": result.trained_with,
        "applied": result.applied,
        **heads,
        "map": {
            "shape": list(values.shape),
            "min": float(values.min()),
            "mean": float(values.mean()),
            "max": float(values.max()),
            "sha256": result.map_sha256,
            "rows": [" ".join(f"{value:.9g}" for value in row) for row in values],  # every digit that float32 has
        },
    }


def manifest_of(record: Record, files: Mapping[str, str] | None = None) -> Manifest:
    """The manifest of an export; `files` are the hashes of what goes with it."""
    results = [
        Result(
            variant=card.id,
            weights=card.sha256,
            trained_with=one.trained_with,
            applied=one.applied,
            **{head: tuple((p.index, p.label, p.probability) for p in one.top(head, TOP)) for head in HEADS},
            attention=one.attention.astype(np.float32),
            map_sha256=hashlib.sha256(npy(one)).hexdigest(),
        )
        for one, card in zip(record.explanations, record.cards, strict=True)
    ]
    picture = record.picture
    return Manifest(
        sha256=picture.sha256,
        name=picture.name,
        photo=record.photo,
        fit=record.fit,
        mechanism=record.mechanism,
        results=tuple(results),
        drawing=record.drawing,
        date=record.date,
        software=software(),
        files=dict(files or {}),
    )


@functools.cache
def software() -> Mapping[str, str]:
    """What the numbers were made with; of this package a hash of its own source, as it has no number."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    digest, home = hashlib.sha256(), Path(__file__).parents[1]
    for path in sorted(home.rglob("*.py")):
        digest.update(f"{path.relative_to(home).as_posix()}\n".encode() + path.read_bytes())
    return {**found, "abn": f"source {digest.hexdigest()[:12]}"}


# ---- reading ----

NO_MANIFEST = "This is no export of ABN Explorer: choose its zip, or the manifest.json in it."


def read_manifest(data: bytes) -> Manifest:
    """A manifest from the bytes of its file, or of the whole zip; `ManifestError` of one plain sentence.

    What only concerns how maps are drawn, and isn't known here, is as by default, and `notes` says so.
    """
    if len(data) > MAX_BYTES:
        raise ManifestError(f"This file has more than {MAX_BYTES // 10**6} MB: no export is as large.")
    if data.startswith(b"PK"):
        data = _of_zip(data)
    if len(data) > MAX_JSON:
        raise ManifestError(f"This manifest has more than {MAX_JSON // 10**6} MB: none is as large.")
    try:
        said = json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:  # JSON's and Unicode's own errors are ValueErrors
        raise ManifestError(NO_MANIFEST) from error
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise ManifestError(NO_MANIFEST)
    if said.get("version") != VERSION:
        raise ManifestError("This export was made by another version of ABN Explorer, whose manifest isn't read here.")
    try:
        return _manifest(said)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise ManifestError("This manifest was altered: something in it is missing or of the wrong kind.") from error


def _of_zip(data: bytes) -> bytes:
    """The manifest's bytes out of the zip, no more of it unpacked than a manifest may have."""
    end = data.rfind(b"PK\x05\x06")
    listed = int.from_bytes(data[end + 12 : end + 16], "little")  # bytes of the list of files
    if end < 0 or listed > MAX_DIRECTORY or b"PK\x06\x06" in data[-MAX_DIRECTORY:]:  # the latter: a list of any length
        raise ManifestError(NO_MANIFEST)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            info = archive.getinfo(FILE)
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
                raise ManifestError(NO_MANIFEST)
            with archive.open(info) as stream:
                return stream.read(MAX_JSON + 1)
    except ManifestError:
        raise
    except Exception as error:  # zipfile raises nearly anything of a hostile file
        raise ManifestError(NO_MANIFEST) from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _manifest(said: dict[str, Any]) -> Manifest:
    """What a JSON object says. Raises one of Python's own errors where it says none."""
    picture, variants, results = said["picture"], said["variants"], said["results"]
    if not 1 <= len(results) <= MAX_RESULTS or len(variants) != len(results):
        raise ValueError("as many variants as results")
    drawing, notes = _drawing(said["view"])
    photo = picture["gallery"]
    return Manifest(
        sha256=_hash(picture["sha256"]),
        name=display_name(_text(picture["name"])),
        photo=None if photo is None else _text(photo),
        fit=_one_of(said["fit"], FITS),
        mechanism=_one_of(said["mechanism"], MECHANISM_CHOICES),
        results=tuple(_result(variant, result) for variant, result in zip(variants, results, strict=True)),
        drawing=drawing,
        date=_text(said["date"]),
        software=_pairs(said["software"]),
        files=_pairs(said["files"]),
        notes=notes,
    )


def _result(variant: dict[str, Any], result: dict[str, Any]) -> Result:
    if variant["id"] != result["variant"]:
        raise ValueError("results in the order of the variants")
    rows = result["map"]["rows"]
    if not 1 <= len(rows) <= MAX_CELLS or not all(isinstance(row, str) and len(row) <= 32 * MAX_CELLS for row in rows):
        raise ValueError("rows of numbers")
    if not all(result[head] for head in HEADS):
        raise ValueError("at least one prediction of each head")
    attention = np.array([[_number(float(value)) for value in row.split()] for row in rows], np.float32)
    if attention.ndim != 2 or not 1 <= attention.shape[1] <= MAX_CELLS:
        raise ValueError("cells in a row")
    return Result(
        variant=_text(variant["id"]),
        weights=_hash(variant["sha256"]),
        trained_with=_text(result["trained_with"]),
        applied=_one_of(result["applied"], MECHANISMS),
        **{head: tuple(map(_prediction, result[head][:TOP])) for head in HEADS},
        attention=attention,
        map_sha256=_hash(result["map"]["sha256"]),
    )


def _prediction(said: dict[str, Any]) -> tuple[int, str, float]:
    k = said["class"]
    if type(k) is not int or not 0 <= k < 10**6:
        raise ValueError("a class")
    return k, _text(said["label"]), _number(said["probability"])


def _drawing(view: dict[str, Any]) -> tuple[Drawing, tuple[str, ...]]:
    """How maps were drawn; what isn't known here is as by default, with a sentence."""
    known = {
        "opacity": lambda value: type(value) in (int, float) and 0 <= value <= 1,
        "colors": lambda value: isinstance(value, str) and value in COLOR_MAPS,
        "scale": lambda value: isinstance(value, str) and value in SCALES,
        "smooth": lambda value: type(value) is bool,
        "top": lambda value: type(value) is int and 0 <= value <= 50,
        "mark": lambda value: isinstance(value, str) and value in MARKS,
    }
    usual = asdict(RAW)
    unknown = [name for name, right in known.items() if name not in view or not right(view[name])]
    taken = {name: usual[name] if name in unknown else view[name] for name in known}
    notes = [f"The export's value for {name} isn't known here: maps are drawn with {usual[name]}." for name in unknown]
    return Drawing(**taken), tuple(notes)


def _one_of(value: Any, known: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in known:
        raise ValueError("an unknown word")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return one_line(value, 300)


def _hash(value: Any) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError("no hash")
    return value


def _number(value: Any) -> float:
    """A probability, or a cell of M."""
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise ValueError("no number from 0 to 1")
    return float(value)


def _pairs(said: dict[str, Any]) -> dict[str, str]:
    if len(said) > 100:
        raise ValueError("too many")
    return {_text(name): _text(value) for name, value in said.items()}
