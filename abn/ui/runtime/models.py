"""The variants of a session and their networks: one copy of a shipped network serves all sessions."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from abn.errors import ABNError
from abn.ui.own import session_variants
from abn.ui.runtime.engine import get_engine, page_turn
from abn.variants.card import Card
from abn.variants.own import is_own
from abn.variants.store import find_problems, list_variants

if TYPE_CHECKING:
    from abn.evaluation.cost import PartCost
    from abn.network.model import AttentionBranchNetwork

MAX_MODELS = 16  # kept in memory; one of lite0's takes 40 MB


def list_cards() -> list[Card]:
    """The variants that this session can choose from: the shipped ones that are whole, then its own."""
    unusable = find_problems()
    return [card for card in list_variants() if card.id not in unusable] + session_variants.list_cards()


def load_network(card: Card) -> "AttentionBranchNetwork":
    """The network of a variant, stateless in its forward pass. An own one's is in this session's hands alone."""
    return session_variants.get_network(card.id) if is_own(card.id) else _shipped(card.id, card.sha256, card)


@st.cache_resource(max_entries=MAX_MODELS, show_spinner=False)
def _shipped(variant: str, sha256: str, _card: Card) -> "AttentionBranchNetwork":
    from abn.variants.store import load_variant

    return load_variant(_card)


def find_broken(cards: Sequence[Card]) -> dict[str, str]:
    """Variant id → one sentence, for the cards whose weights turn out to be unusable; empty while the networks load."""
    broken = {}
    for card in cards if get_engine().ready else ():
        try:
            load_network(card)
        except ABNError as error:
            broken[card.id] = str(error)
    return broken


def measure_cost(card: Card, batches: Sequence[int], progress: Callable[[float], object]) -> list["PartCost"]:
    """Measure what a variant's network costs on this machine, in a turn; `progress` gets 0 as it begins, and the share
    that is done. Whatever `progress` raises ends it and gives the turn back."""
    from abn.evaluation import cost

    network = load_network(card)
    with page_turn():
        progress(0.0)
        return cost.measure(network, card.input.size, batches=batches, progress=progress)
