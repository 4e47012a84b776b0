"""The edits of one map, one after the other, with undo and redo: plain values, without Streamlit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

OWN = "own map"  # what the first edit is called
MOST = 40  # edits kept; the first, the network's own map, always stays


@dataclass(frozen=True, eq=False)
class Edit:
    """A map as an edit left it."""

    name: str  # what was done, for people
    attention: np.ndarray  # (h, w) float32
    painted: bool = False  # a stroke on the map before it, not a map put in its place


@dataclass(frozen=True, eq=False)
class History:
    """All edits so far; the first is the network's own map. `at` is the one that is applied."""

    edits: tuple[Edit, ...]
    at: int = 0
    turn: int = 0  # counts what did not come from the board itself, which must then draw its map anew

    @property
    def now(self) -> Edit:
        return self.edits[self.at]

    @property
    def told(self) -> str:
        """The map that is applied, in words: what was put in place, and how many strokes followed."""
        begun = max(place for place, edit in enumerate(self.edits[: self.at + 1]) if not edit.painted)
        strokes = self.at - begun
        if begun == 0 and strokes and len(self.edits) == MOST:  # what they began with may be gone
            return f"{strokes} or more strokes"
        said = f", then {strokes} {'stroke' if strokes == 1 else 'strokes'}" if strokes else ""
        return self.edits[begun].name + said

    def after(self, edit: Edit, *, on_the_board: bool = False) -> "History":
        """One edit more; what had been undone is gone."""
        kept = (*self.edits[: self.at + 1], edit)
        if len(kept) > MOST:
            kept = (kept[0], *kept[2:])
        return History(kept, len(kept) - 1, self.turn + (not on_the_board))

    def step(self, to: int) -> "History":
        """Back or forth to any edit; beyond the ends, to the end."""
        return replace(self, at=min(len(self.edits) - 1, max(0, to)), turn=self.turn + 1)

    def undo(self) -> "History":
        return self.step(self.at - 1)

    def redo(self) -> "History":
        return self.step(self.at + 1)


def begun(attention: np.ndarray) -> History:
    """Nothing edited yet."""
    return History((Edit(OWN, attention),))


def changed(history: History, name: str, attention: np.ndarray, *, on_the_board: bool = False) -> History:
    """A new edit, unless the map is as it was; one made `on_the_board` is drawn there already."""
    same = np.array_equal(history.now.attention, attention)
    edit = Edit(name, np.asarray(attention, np.float32), on_the_board)
    return history if same else history.after(edit, on_the_board=on_the_board)


def labels(history: History, changes: Sequence[str]) -> list[str]:
    """What each step of the strip is called: its number, its name and its Δp."""
    return [
        f"{i}. {edit.name}, Δp {change}" for i, (edit, change) in enumerate(zip(history.edits, changes, strict=True))
    ]
