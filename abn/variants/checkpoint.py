"""Untrusted safetensors files and model cards, checked before a network is built.

Checked in this order, each problem one plain sentence: that the file is no pickle; its header (8 bytes of length, then
JSON), whose tensors must fill the file exactly; and the card, from the header or from a JSON file beside it. What
can be counted on the network is not taken from the card. No torch is needed.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import PurePath
from typing import Any, NoReturn

from PIL import Image

from abn.errors import CheckpointError, PickleError
from abn.images.display_name import one_line
from abn.variants.card import IMAGENET, Card, card_from_json
from abn.variants.fitting import quote_name
from abn.variants.store import CARD_KEY, HASH_FIELDS
from abn.vocabulary import InputSpec

PREFIX = "own:"  # of the ids made here; no variant on disk has such a name
MAX_BYTES = 200_000_000  # of a file
MAX_JSON = 1_000_000  # bytes of a header or of a card
MAX_DIMENSIONS = 8  # of a tensor
MAX_SIDE = 512  # pixels of the input
MAX_CLASSES = 25_000
MAX_ENTRIES = 400  # that a card has on its training, its measures and its license
MAX_DEPTH = 6  # of those entries in each other

TEXT_LENGTHS = {
    "title": 60,
    "summary": 300,
    "lesson": 300,
    "mechanism": 20,
}  # characters kept of a card's texts; else 80
BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}  # a number
FLOATS = ("F64", "F32", "F16", "BF16")
_PICKLES = re.compile(rb"\x80[\x01-\x05]|PK\x03\x04|\x1f\x8b|BZh|\xfd7zXZ|.{257}ustar|\(dp|\(lp|c\w+\n\w+\n", re.DOTALL)
EMPTY = "{name} is empty: copy or download it again."
LFS_POINTER = "{name} is a pointer of Git LFS, not the checkpoint itself: run `git lfs pull`, or download the file."
WEB_PAGE = "{name} is a web page, not a checkpoint: download the file itself."
_OTHER_KINDS = (
    (re.compile(rb"version https://git-lfs"), LFS_POINTER),
    (re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|head|\?xml)", re.IGNORECASE), WEB_PAGE),
)
ONE_CLASS = (
    "The card lists one class, and both heads end in a softmax. For one sigmoid output z, save the network with two "
    "classes: the logits (0, z) predict the same."
)
NO_SAFETENSORS = "This is not a safetensors file, or it is cut short: save or upload it again."


class PartnerMissing(CheckpointError):
    """The file is sound, and needs another beside it."""


@dataclass(frozen=True)
class NamedFile:
    """An uploaded file."""

    name: str  # without a path, harmless to show as plain text
    data: bytes


@dataclass(frozen=True)
class Header:
    """The header of a safetensors file."""

    tensors: dict[str, tuple[str, tuple[int, ...]]]  # name → type as in `BYTES`, shape
    metadata: dict[str, str]


@dataclass(frozen=True)
class Checkpoint:
    """Weights whose header is in order, and the card that belongs to them; not yet loaded."""

    name: str
    data: bytes
    sha256: str
    header: Header
    card: Card  # its claims

    @property
    def id(self) -> str:
        """The variant's id: equal weights are one variant."""
        return f"{PREFIX}{self.sha256[:12]}"


# ---- files ----


def read_files(files: Mapping[str, NamedFile]) -> dict[str, Checkpoint | CheckpointError | None]:
    """Key → weights with their card, an error, or None for a card that belongs to other weights here.

    A card belongs to the weights whose hash it holds. Weights without such a card use the one in their header.
    """
    results: dict[str, Checkpoint | CheckpointError | None] = {}
    cards: dict[str, dict[str, Any]] = {}
    weights: dict[str, Header] = {}
    for key, file in files.items():
        try:
            if len(file.data) > MAX_BYTES:
                raise CheckpointError(f"This file has more than {MAX_BYTES // 10**6} MB: choose a smaller network.")
            if not _holds_header(file.data) and re.match(rb"(\xef\xbb\xbf)?\s*\{", file.data):
                cards[key] = _read_json(file.data, "card")
            else:
                weights[key] = read_header(file.data)
        except CheckpointError as error:
            results[key] = error
    for key, header in weights.items():
        file = files[key]
        sha256 = hashlib.sha256(file.data).hexdigest()
        stems = {PurePath(files[other].name).stem: other for other in cards}
        card_by_hash = next((other for other, card in cards.items() if card.get("sha256") == sha256), None)
        card_by_name = stems.get(PurePath(file.name).stem)
        try:
            if card_by_hash:
                claims, results[card_by_hash] = cards[card_by_hash], None
            elif card_by_name:
                results[card_by_name] = None
                raise CheckpointError(
                    f"These weights do not belong to {files[card_by_name].name}, as one of the two files was "
                    "changed: export both again."
                )
            elif CARD_KEY in header.metadata:
                claims = _read_json(header.metadata[CARD_KEY].encode(), "card")
            else:
                raise PartnerMissing(
                    "The header of these weights holds no card: choose the .json file of the same name as well."
                )
            results[key] = Checkpoint(file.name, file.data, sha256, header, read_card(claims))
        except CheckpointError as error:
            results[key] = error
    for key in cards:
        results.setdefault(key, PartnerMissing("This card has no weights: choose the .safetensors file as well."))
    return {key: results[key] for key in files}


def read_header(data: bytes) -> Header:
    """The header of a safetensors file whose tensors lie one after the other and fill the file exactly.

    Raises `PickleError` for what may be a pickle, by its content and whatever it is called, and `CheckpointError`.
    """
    if sentence := name_other_kind(data[:512], "This file"):
        raise CheckpointError(sentence)
    if not _holds_header(data):
        if _PICKLES.match(data[:512]):
            raise PickleError("This file was not opened, as it is a pickle or an archive, which could run code.")
        length = int.from_bytes(data[:8], "little")
        if data[8:9] == b"{" and MAX_JSON < length <= len(data) - 8:
            raise CheckpointError(f"The header of this file has more than {MAX_JSON // 10**6} MB.")
        raise CheckpointError(NO_SAFETENSORS)
    length = int.from_bytes(data[:8], "little")
    header = _read_json(data[8 : 8 + length], "header")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise CheckpointError("The header of this file holds something besides text and tensors.")
    if not header:
        raise CheckpointError("This file holds no tensors: choose another one.")
    spans, tensors = [], {}
    for name, entry in header.items():
        kind, shape, (begin, end) = _read_entry(name, entry)
        if end - begin != BYTES[kind] * math.prod(shape):
            raise CheckpointError(f"The size of the tensor {quote_name(name)} is not what its shape and type make.")
        spans.append((begin, end, name))
        tensors[name] = kind, shape
    position = 0
    for begin, end, name in sorted(spans):
        if begin != position:
            raise CheckpointError(f"The tensor {quote_name(name)} doesn't begin where the one before it ends.")
        position = end
    if position != len(data) - 8 - length:
        raise CheckpointError(NO_SAFETENSORS)
    return Header(tensors, metadata)


def name_other_kind(beginning: bytes, name: str) -> str:
    """The sentence for what isn't a checkpoint at all, by the beginning of the file; empty where it may be one."""
    if not beginning:
        return EMPTY.format(name=name)
    return next((sentence.format(name=name) for kind, sentence in _OTHER_KINDS if kind.match(beginning)), "")


def _holds_header(data: bytes) -> bool:
    return data[8:9] == b"{" and 2 <= int.from_bytes(data[:8], "little") <= min(MAX_JSON, len(data) - 8)


def _read_entry(name: str, entry: Any) -> tuple[str, tuple[int, ...], tuple[int, int]]:
    """Type, shape and offsets in bytes (begin, end) of a tensor in the header. Raises `CheckpointError`."""
    try:
        kind, shape, offsets = (entry[key] for key in ("dtype", "shape", "data_offsets"))
        whole = all(type(number) is int and 0 <= number <= MAX_BYTES for number in [*shape, *offsets])
        lengths_fit = len(shape) <= MAX_DIMENSIONS and len(offsets) == 2 and len(entry) == 3
        if kind in BYTES and isinstance(shape, list) and whole and lengths_fit:
            return kind, tuple(shape), tuple(offsets)
    except (TypeError, KeyError):
        pass
    raise CheckpointError(
        f"The header gives no valid type, shape and place for {quote_name(name)}: save the file again."
    )


def _read_json(data: bytes, what: str) -> dict[str, Any]:
    """A JSON object without doubles, from the text of a header or a card."""

    def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("a name twice")
        return dict(pairs)

    def refuse(constant: str) -> NoReturn:
        raise ValueError(constant)

    if len(data) > MAX_JSON:
        raise CheckpointError(f"The {what} has more than {MAX_JSON // 10**6} MB: shorten it.")
    try:
        results = json.loads(data.decode("utf-8-sig"), object_pairs_hook=unique_keys, parse_constant=refuse)
    except (ValueError, RecursionError) as error:  # JSON's and Unicode's own errors are ValueErrors
        raise CheckpointError(
            f"The {what} can't be read, as it is damaged or has the same entry twice: save it again."
        ) from error
    if not isinstance(results, dict):
        raise CheckpointError(f"The {what} can't be read, as it is not a JSON object: save it again.")
    return results


# ---- cards ----


def read_card(claims: dict[str, Any]) -> Card:
    """An untrusted card with its texts shortened and its numbers checked; what is counted on the network is empty.

    Raises `CheckpointError`.
    """
    counted = {"map_size": (0, 0), "parameters": {}, "flops": {}, "trunk": "", **dict.fromkeys(HASH_FIELDS, "")}
    try:
        card = card_from_json({**claims, **counted})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            "This card can't be read, as entries are missing, unknown or of the wrong kind: save it again with "
            "this app."
        ) from error
    if card.num_classes == 1:
        raise CheckpointError(ONE_CLASS)
    if not 2 <= card.num_classes <= MAX_CLASSES:
        raise CheckpointError(f"The card lists {card.num_classes:,} classes; the app can show 2 to {MAX_CLASSES:,}.")
    if not _is_possible(card.input):
        raise CheckpointError(
            f"The input on the card is not an RGB square of 16 to {MAX_SIDE} pixels with a normalization: correct the "
            "card."
        )
    records = (card.trained, card.measured, card.license)
    if not all(isinstance(record, dict) for record in records) or _count_entries(list(records)) > MAX_ENTRIES:
        raise CheckpointError("The card holds more entries than can be shown: shorten it.")
    texts = {field.name: getattr(card, field.name) for field in fields(card) if field.type is str}
    shortened: dict[str, Any] = {name: one_line(text, TEXT_LENGTHS.get(name, 80)) for name, text in texts.items()}
    card = replace(card, **shortened)
    return replace(
        card,
        title=card.title or "Nameless",
        num_classes=int(card.num_classes),
        classes=card.classes if card.classes == IMAGENET else [one_line(name, 100) or "?" for name in card.classes],
        trained=_shorten(card.trained),
        measured=_shorten(card.measured),
        license=_shorten(card.license),
    )


def _is_possible(spec: InputSpec) -> bool:
    numbers = (spec.crop_pct, *spec.mean, *spec.std)
    return (
        type(spec.size) is int
        and 16 <= spec.size <= MAX_SIDE
        and all(type(number) in (int, float) and abs(number) <= 1000 for number in numbers)
        and 0.1 <= spec.crop_pct <= 1
        and len(spec.mean) == len(spec.std) == 3
        and min(spec.std) > 1e-6
        and isinstance(spec.interpolation, str)
        and spec.interpolation.upper() in Image.Resampling.__members__
    )


def _count_entries(record: Any, depth: int = 0) -> int:
    """Number of entries in nested data; above the limit where they are nested too deep."""
    if depth > MAX_DEPTH:
        return MAX_ENTRIES + 1
    inside = record.values() if isinstance(record, dict) else record if isinstance(record, list) else ()
    return 1 + sum(_count_entries(value, depth + 1) for value in inside)


def _shorten(record: Any) -> Any:
    """The same with short texts, and integers beyond 10¹⁸ as text."""
    if isinstance(record, dict):
        return {one_line(key, 60): _shorten(value) for key, value in record.items()}
    if isinstance(record, list):
        return [_shorten(value) for value in record]
    if isinstance(record, float | bool) or record is None:
        return record
    return record if isinstance(record, int) and abs(record) < 10**18 else one_line(str(record), 300)
