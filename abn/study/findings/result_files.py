"""The result files: where they are, what makes them, and their JSON as dataclasses, any fault as one sentence."""

import json
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from abn.errors import ABNError

RESULTS = Path(__file__).parents[1] / "results"
REPORT = "python -m abn study report"
COST = "python -m abn study cost"
PUBLISHED = "git checkout abn/study/results/published.json"
Loaded = TypeVar("Loaded")


def load(name: str, command: str, results: Path | None, parse: Callable[[Any], Loaded]) -> Loaded:
    """`parse` of what a file in the folder of results holds; `command` makes the file.

    Raises:
        ABNError: where the file is missing, is no JSON object, or `parse` raises one of Python's own errors.
    """
    try:
        content = json.loads(((results or RESULTS) / name).read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise TypeError(f"{name} is no object")
        return parse(content)
    except FileNotFoundError as error:
        raise ABNError(f"These results are missing ({name}): {command} makes them.") from error
    except (OSError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ABNError(f"These results can't be read ({name}): {command} makes them anew.") from error


def from_json(kind: Any, value: Any) -> Any:
    """Plain data as `kind`: a dataclass, which ignores keys that it has no field for; tuple[X, ...], dict[K, X] or
    X | None of such; a number or text. Raises KeyError, TypeError, ValueError or AttributeError where it is none."""
    origin, parameters = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        required = [field.name for field in fields(kind) if field.name in value or field.default is MISSING]
        return kind(**{name: from_json(hints[name], value[name]) for name in required})  # type: ignore[operator]
    if origin is tuple:
        return tuple(from_json(parameters[0], item) for item in value)
    if origin is dict:
        return {parameters[0](key): from_json(parameters[1], item) for key, item in value.items()}
    if origin is UnionType:
        return None if value is None else from_json(parameters[0], value)
    return value if kind is Any else kind(value)
