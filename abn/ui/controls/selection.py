"""What a person's choices come to, without Streamlit: which networks are asked, and with which mechanism."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from abn.plots import numbers
from abn.ui.controls import words
from abn.variants.card import Card
from abn.variants.store import find_sibling
from abn.vocabulary import AS_TRAINED, MECHANISMS, TRAINED

MECHANISM_OPTIONS = (AS_TRAINED, *MECHANISMS)
MAX_VARIANTS = 4  # variants side by side


@dataclass(frozen=True)
class Selection:
    """Which variants to show, and the mechanism to apply ("trained": each its own)."""

    cards: tuple[Card, ...]
    applied: str
    note: str = ""  # one sentence, where the choice leaves something out


def apply_mechanism(
    cards: Sequence[Card],
    mechanism: str,
    same_weights: bool,
    find: Callable[[Card, str], Card | None] = find_sibling,
) -> Selection:
    """The ablation toggle: each variant's sibling trained so, or the same weights with the mechanism swapped."""
    if mechanism == AS_TRAINED:
        return Selection(tuple(cards), TRAINED)
    if same_weights:
        return Selection(tuple(cards), mechanism)
    siblings = [find(card, mechanism) for card in cards]
    missing = [card.title for card, other in zip(cards, siblings, strict=True) if other is None]
    kept = tuple(dict.fromkeys(other.id for other in siblings if other))
    by_id = {other.id: other for other in siblings if other}
    if missing:
        note = words.NO_SIBLING.format(mechanism=mechanism, titles=numbers.in_quotes(missing))
    elif len(kept) < len(cards):
        note = words.MERGED.format(mechanism=mechanism)
    else:
        note = ""
    return Selection(tuple(by_id[variant] for variant in kept), TRAINED, note)


def default_variants(cards: Sequence[Card]) -> list[str]:
    """The first family's plain variants: additive, multiplicative, none."""
    plain = [card for card in cards if not card.lesson] or list(cards)
    return [card.id for card in plain if card.family == plain[0].family][:3] if plain else []


def known_variants(text: str, cards: Sequence[Card]) -> list[str]:
    """The variants that an address names, as far as there are such; the default where none is left."""
    ids = {card.id for card in cards}
    named = [name for name in dict.fromkeys(text.split(",")) if name in ids][:MAX_VARIANTS]
    return named or default_variants(cards)


def trained_on_other_kind(cards: Sequence[Card], kind: str) -> list[Card]:
    """Those among `cards` that were trained on another kind of images than this ("photograph" or "clothing")."""
    return [card for card in cards if card.kind != kind]


def variants_trained_on(cards: Sequence[Card], kind: str) -> list[str]:
    """The plain variants of the first family that was trained on this kind of images."""
    return default_variants([card for card in cards if card.kind == kind])
