"""A question of a room as plain data: all that is shown before and after the reveal, apart from the image itself."""

from dataclasses import dataclass, field, replace

import numpy as np

NO_OPTION = -1


@dataclass(frozen=True, eq=False)
class MapPanel:
    """A map that belongs to a question."""

    title: str
    attention: np.ndarray  # (h, w) float32
    hidden: bool = False  # until the reveal
    high: float = 1.0  # upper limit of its colors; the lower one is 0


@dataclass(frozen=True)
class PredictionLine:
    """A predicted class with its probability."""

    name: str  # of the head, or "Before" and "After"
    head: str  # one of vocabulary.HEADS; empty: gray
    label: str
    probability: float
    hidden: bool = False  # until the reveal


@dataclass(frozen=True, eq=False)
class Question:
    """A question of a room. Its answer is a cell of a map (`cells`), or else one of the `options`."""

    id: str  # in its room
    kind: str  # one of exercises.KINDS, or "choice"
    heading: str
    text: str
    options: tuple[str, ...] = ()
    right: int = NO_OPTION  # index of the correct option, where there is one
    cells: tuple[int, int] = (0, 0)  # (h, w) of the map in which a cell is picked
    explanation: str = ""
    image: str = ""  # name of the room's image; empty: none
    title: str = ""  # of the image, known before the reveal unless it may be the label
    alt: str = ""
    credit: str = ""
    variant: str = ""  # ID of the variant whose map is applied, where the experiment can be run
    maps: tuple[MapPanel, ...] = ()
    lines: tuple[PredictionLine, ...] = ()
    objects: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), bool))  # (h, w) cells on the object, if known

    @property
    def picks_cell(self) -> bool:
        """Whether a cell is the answer."""
        return not self.options


def hide_solution(question: Question) -> Question:
    """The question as it may be shown before the reveal: nothing in it tells the answer."""
    return replace(
        question,
        right=NO_OPTION,
        explanation="",
        title="" if question.kind == "head" else question.title,
        maps=tuple(panel for panel in question.maps if not panel.hidden),
        lines=tuple(line for line in question.lines if not line.hidden),
        objects=np.zeros((0, 0), bool),
    )
