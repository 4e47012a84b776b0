"""The guided lesson: ten short steps, each with a text, one task that the app checks, and what to notice.

The texts are in lessons.toml; what is shown and checked live is in abn/ui/learn/lesson_steps.py, a function for each
`Step.key`.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Step:
    """One step of the lesson. The texts are Markdown."""

    key: str
    title: str
    text: str
    task: str
    notice: str  # shown once the task is done
    summary: str  # one line of the lesson's close, and of the students' handout
    page: str  # a page with more of this, a key of layout.PAGES
    answer: str = ""  # what the teacher's sheet adds to the notice
    experiment: str = ""  # a further experiment on the page Teach the map: the label of its button
    experiment_help: str = ""  # and how it is done

    @property
    def lead(self) -> str:
        """The title as a sentence, before the task or the summary on the same line."""
        return self.title if self.title.endswith("?") else f"{self.title}."


class Statement(NamedTuple):
    """A sentence of the last step, whether it is true, and why."""

    sentence: str
    true: bool
    why: str


def read_texts(path: Path) -> Any:
    """A TOML file; line breaks within a paragraph of a text become spaces."""

    def join_lines(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: join_lines(item) for key, item in value.items()}
        if isinstance(value, list):
            return [join_lines(item) for item in value]
        return "\n\n".join(p.replace("\n", " ") for p in value.split("\n\n")) if isinstance(value, str) else value

    return join_lines(tomllib.loads(path.read_text(encoding="utf-8")))


_TEXTS = read_texts(Path(__file__).with_suffix(".toml"))
STEPS = tuple(Step(**step) for step in _TEXTS["steps"])
CLOSE = len(STEPS) + 1  # the number of the summary after the last step
STATEMENTS = tuple(Statement(**statement) for statement in _TEXTS["statements"])
