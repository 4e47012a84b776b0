"""The edits of one map, with undo and redo: plain values, without Streamlit."""

from dataclasses import dataclass, replace

import numpy as np

from abn.ui.intervene import words

MAX_EDITS = 40  # edits kept; the first, the variant's own map, always stays


@dataclass(frozen=True, eq=False)
class Edit:
    """A map after an edit."""

    name: str  # for people: what was done
    attention: np.ndarray  # (h, w) float32
    painted: bool = False  # a stroke on the map before it, not another map in its place


@dataclass(frozen=True, eq=False)
class History:
    """All edits; the first is the variant's own map. `index` is the edit that is applied."""

    edits: tuple[Edit, ...]
    index: int = 0
    redraws: int = 0  # changes that the board didn't paint itself: after each it must draw the map again

    @property
    def current(self) -> Edit:
        return self.edits[self.index]

    @property
    def description(self) -> str:
        """The applied map in words: the last map put in place, and the number of strokes after it."""
        start = max(i for i, edit in enumerate(self.edits[: self.index + 1]) if not edit.painted)
        count = self.index - start
        if start == 0 and count and len(self.edits) == MAX_EDITS:  # the map before these strokes may be dropped
            return words.MANY_STROKES.format(count=count)
        name = self.edits[start].name
        return words.THEN_STROKES.format(name=name, strokes=words.strokes(count)) if count else name

    def add(self, name: str, attention: np.ndarray, *, painted: bool = False) -> "History":
        """A new edit in place of those undone; the history itself where the map stays the same."""
        if np.array_equal(self.current.attention, attention):
            return self
        edits = (*self.edits[: self.index + 1], Edit(name, np.asarray(attention, np.float32), painted))
        if len(edits) > MAX_EDITS:
            edits = (edits[0], *edits[2:])
        return History(edits, len(edits) - 1, self.redraws + (not painted))

    def go_to(self, index: int) -> "History":
        """Apply the edit of this index; beyond the ends, the first or the last."""
        return replace(self, index=min(len(self.edits) - 1, max(0, index)), redraws=self.redraws + 1)

    def undo(self) -> "History":
        return self.go_to(self.index - 1)

    def redo(self) -> "History":
        return self.go_to(self.index + 1)


def start_history(attention: np.ndarray) -> History:
    """A history without edits of the variant's own map (h, w)."""
    return History((Edit(words.OWN_MAP, attention),))
