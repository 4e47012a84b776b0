"""A room as JSON, and back. What is read may come from anywhere, so each field is checked against its type.

An array becomes its bytes in base64; NaN and infinite numbers are refused.
"""

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from abn.errors import RoomError
from abn.teaching.live_class.room import Room

KINDS: dict[str, Any] = {"bool": np.bool_, "float32": np.dtype("<f4")}  # of arrays
MAX_CELLS = 10_000

UNREADABLE = "The stored room can't be read, as another version of the app wrote it. Start a new live class."


def write_room(room: Room) -> str:
    """A room as JSON."""
    return json.dumps(_write(room), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def read_room(text: str | bytes) -> Room:
    """The room of a text. Raises `RoomError` for anything else."""
    try:
        room = _read(Room, json.loads(text))
        ids = [question.id for question in room.questions]
        if len(set(ids)) < len(ids) or not all(name.isdecimal() for name in ids):
            raise ValueError("the IDs of the questions")
        for question in room.questions:
            if question.picks_cell and question.maps[0].attention.shape != question.cells:
                raise ValueError("a map of another shape")
        return room
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise RoomError(UNREADABLE) from error


def _write(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _write(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray):
        kind = "bool" if value.dtype == bool else "float32"
        data = base64.b64encode(value.astype(KINDS[kind]).tobytes()).decode()
        return {"shape": list(value.shape), "kind": kind, "data": data}
    if isinstance(value, dict):
        return {key: _write(item) for key, item in value.items()}
    return [_write(item) for item in value] if isinstance(value, tuple) else value


def _read(kind: Any, value: Any) -> Any:
    """A value of JSON as a value of a type; raises one of several errors where it is none."""
    origin, arguments = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        if not isinstance(value, dict) or set(value) != set(hints):
            raise ValueError(f"{kind} has other fields")
        return kind(**{name: _read(hint, value[name]) for name, hint in hints.items()})
    if kind is np.ndarray:
        return _read_array(value)
    if origin is tuple:
        if arguments[-1:] == (Ellipsis,):
            return tuple(_read(arguments[0], item) for item in _checked(list, value))
        return tuple(_read(part, item) for part, item in zip(arguments, _checked(list, value), strict=True))
    if origin is Mapping:
        return {_checked(str, key): _read(arguments[1], item) for key, item in _checked(dict, value).items()}
    return _checked(kind, value)


def _checked(kind: Any, value: Any) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"{kind} expected")
    return value


def _read_array(value: dict) -> np.ndarray:
    """(h, w), bool or float32."""
    h, w = (_checked(int, side) for side in value["shape"])
    data = base64.b64decode(_checked(str, value["data"]), validate=True)
    array: Any = np.frombuffer(data, KINDS[value["kind"]])
    if not 0 <= h * w == array.size <= MAX_CELLS or not np.isfinite(array).all():
        raise ValueError("a map of another shape, or with NaN or infinite values")
    return array.reshape(h, w)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
