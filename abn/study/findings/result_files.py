"""The result files: where they are, what makes them, and their JSON as dataclasses, any fault as one sentence."""

import functools
import json
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from abn import files
from abn.errors import ABNError

RESULTS = Path(__file__).parents[1] / "results"
REPORT = "python -m abn study report"
COST = "python -m abn study cost"
PUBLISHED = "git checkout abn/study/results/published.json"
Loaded = TypeVar("Loaded")


def load(name: str, command: str, results: Path | None, parse: Callable[[Any], Loaded]) -> Loaded:
    """`parse` of what a file in the folder of results holds; `command` makes the file.

    Parsed again only where the file has changed, so what is returned is shared and must not be altered.

    Raises:
        ABNError: where the file is missing, is no JSON object, or `parse` raises one of Python's own errors.
    """
    path = (results or RESULTS) / name
    try:
        return _load(path, files.stamp(path), parse)
    except FileNotFoundError as error:
        raise ABNError(f"These results are missing ({name}): {command} makes them.") from error
    except (OSError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ABNError(f"These results can't be read ({name}): {command} makes them again.") from error


@functools.lru_cache(maxsize=8)
def _load(path: Path, _stamp: tuple[int, int] | None, parse: Callable[[Any], Any]) -> Any:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise TypeError(f"{path.name} is no object")
    return parse(content)


def from_json(kind: Any, value: Any) -> Any:
    """Plain data as `kind`: a dataclass, which ignores keys that it has no field for; tuple[X, ...], dict[K, X] or
    X | None of such; a number or text. Raises KeyError, TypeError, ValueError or AttributeError where it is none."""
    origin, parameters = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _type_hints(kind)
        required = [field.name for field in fields(kind) if field.name in value or field.default is MISSING]
        return kind(**{name: from_json(hints[name], value[name]) for name in required})
    if origin is tuple:
        return tuple(from_json(parameters[0], item) for item in value)
    if origin is dict:
        return {parameters[0](key): from_json(parameters[1], item) for key, item in value.items()}
    if origin is UnionType:
        return None if value is None else from_json(parameters[0], value)
    return value if kind is Any else kind(value)


_type_hints = functools.cache(get_type_hints)  # resolving them takes longer than reading a file
