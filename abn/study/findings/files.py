"""The result files: where they are, what makes them, and reading one so that whatever is wrong is one sentence."""

import json
from pathlib import Path

from abn.errors import ABNError

RESULTS = Path(__file__).parents[1] / "results"
REPORT = "python -m abn study report"
COST = "python -m abn study cost"
PUBLISHED = "git checkout abn/study/results/published.json"


def read(name: str, command: str, results: Path | None) -> dict:
    """The object that a file holds; `command` is what makes it, for the sentence where it is missing or broken."""
    try:
        content = json.loads(((results or RESULTS) / name).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ABNError(f"These results are missing ({name}): {command} makes them.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise broken(name, command) from error
    if not isinstance(content, dict):
        raise broken(name, command)
    return content


def broken(name: str, command: str) -> ABNError:
    """What to raise where a file holds something else than it should."""
    return ABNError(f"These results can't be read ({name}): {command} makes them anew.")
