"""Names for files, made of names that may hold anything: harmless, and no two alike."""

import re
import unicodedata
from collections.abc import Sequence


class Names:
    """The names given so far in one folder; those that differ only in letters' case count as alike."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}  # of each name without its case, the last number that was tried behind it

    def give(self, name: str) -> str:
        """Letters, digits, dots and dashes of `name`, at most 60, with a number behind them where they are taken."""
        plain = re.sub(r"[^\w.-]+", "-", unicodedata.normalize("NFC", name)).strip("-.")[:60].rstrip("-.") or "picture"
        given, count = plain, self._counts.get(plain.casefold(), 0)
        while given.casefold() in self._counts:
            count += 1
            given = f"{plain[: 59 - len(str(count))]}-{count}"
        self._counts[plain.casefold()] = max(count, 1)
        self._counts.setdefault(given.casefold(), 1)
        return given


def stems(names: Sequence[str]) -> list[str]:
    """A harmless file stem for each name, whatever it holds; no two alike, even where letters' case doesn't count."""
    given = Names()
    return [given.give(name) for name in names]
