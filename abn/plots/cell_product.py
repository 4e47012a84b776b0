"""One value of g′ as a product that can be read and checked: gain × before = after, to the digits shown."""

from dataclasses import dataclass

from abn.plots.numbers import fixed


@dataclass(frozen=True)
class Product:
    """The numbers of a product, as text."""

    mechanism: str
    attention: str  # M in this cell
    before: str  # g in this cell and channel
    after: str  # g′ there
    gain: str  # the factor of g


def product(attention: float, before: float, after: float, mechanism: str) -> Product:
    """Write M and g with so many digits that multiplying them gives the digits of g′ that are shown."""
    digits = 2 if abs(after) >= 0.1 or after == 0 else 4
    shown = fixed(after, digits)
    for more in range(2, 9):
        m, g = round(attention, more), round(before, max(more, digits))
        gain = {"additive": 1 + m, "multiplicative": m, "none": 1.0}[mechanism]
        if fixed(gain * g, digits) == shown:
            break
    gained = "1" if mechanism == "none" else fixed(gain, more)
    return Product(mechanism, fixed(m, more), fixed(g, max(more, digits)), shown, gained)
