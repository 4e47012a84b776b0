"""Numbers and class names as people read them: real minus signs, none before zero, per cent, points and times."""

from collections.abc import Iterable

import numpy as np


def fixed(value: float, digits: int = 2) -> str:
    """A number with so many decimals: 0.62, −1.37, 0.00."""
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else text.lstrip("-")


def signed(value: float, digits: int = 2) -> str:
    """A change with its sign: +0.12, −0.03, ±0.00."""
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−") if float(text) else f"±{text[1:]}"


def significant(value: float, digits: int = 3) -> str:
    """A number with so many significant digits and no exponent: 0.00123, −45.6, 1230."""
    return np.format_float_positional(float(f"{value:.{digits}g}"), trim="-").replace("-", "−") if value else "0"


def percent(share: float) -> str:
    """A share or probability: 83.1 %, or < 0.1 %."""
    return "< 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


def points(change: float) -> str:
    """A change of a probability in percentage points: +3.1, −12.0, or ±0.0."""
    return signed(100 * change, 1)


def duration(seconds: float) -> str:
    """A time that is estimated: 45 s, 3 min; 1 s at least."""
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def in_quotes(names: Iterable[str]) -> str:
    """Names that may hold commas, as a list: “A”, “B, large”."""
    return ", ".join(f"“{name}”" for name in names)


def short_label(label: str) -> str:
    """The first of a class's names: "tabby" of "tabby, tabby cat"."""
    return label.split(",")[0].strip()
