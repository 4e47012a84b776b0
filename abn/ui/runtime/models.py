"""The variants of a session, and what runs them: one copy of a shipped one serves all sessions.

Runners need no torch. What does need it (gradients, shuffled weights, the cost of a layer) waits for it where it
stands: `load_network`.
"""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from abn.engine import loading
from abn.engine.runner import Runner
from abn.errors import ABNError
from abn.ui import words
from abn.ui.own import session_variants
from abn.ui.runtime.turns import page_turn
from abn.variants.card import Card
from abn.variants.own import is_own
from abn.variants.store import find_problems, list_variants

if TYPE_CHECKING:
    from abn.evaluation.cost import PartCost
    from abn.network.model import AttentionBranchNetwork

MAX_MODELS = 16  # kept in memory; one of lite0's takes 40 MB
MAX_NETWORKS = 4  # in PyTorch, beside them


def list_cards() -> list[Card]:
    """The variants that this session can choose from: the shipped ones that are whole, then its own."""
    return list_shipped() + session_variants.list_cards()


def list_shipped() -> list[Card]:
    """The shipped variants that are whole."""
    unusable = find_problems()
    return [card for card in list_variants() if card.id not in unusable]


def load_runner(card: Card) -> Runner:
    """What runs a variant. An own one's is in this session's hands alone."""
    return session_variants.get_runner(card.id) if is_own(card.id) else _shipped_runner(card.id, card.sha256, card)


@st.cache_resource(max_entries=MAX_MODELS, show_spinner=False)
def _shipped_runner(variant: str, sha256: str, _card: Card) -> Runner:
    return loading.load_runner(_card)


def load_network(card: Card) -> "AttentionBranchNetwork":
    """The network of a variant in PyTorch, stateless in its forward pass."""
    load_torch()
    return session_variants.get_network(card.id) if is_own(card.id) else _shipped(card.id, card.sha256, card)


@st.cache_resource(max_entries=MAX_NETWORKS, show_spinner=False)
def _shipped(variant: str, sha256: str, _card: Card) -> "AttentionBranchNetwork":
    from abn.variants.store import load_variant

    return load_variant(_card)


def load_torch() -> None:
    """Load PyTorch where it is not there yet, and say so."""
    if "timm" in sys.modules:
        return
    with st.spinner(words.LOADING_TORCH):
        import timm  # noqa: F401
        import torch

        torch.set_num_threads(1)  # many sessions on few cores: one thread for each is the fastest for all


def find_broken(cards: Sequence[Card]) -> dict[str, str]:
    """Variant id → one sentence, for the cards whose weights turn out to be unusable."""
    broken = {}
    for card in cards:
        try:
            load_runner(card)
        except ABNError as error:
            broken[card.id] = str(error)
    return broken


def measure_cost(card: Card, batches: Sequence[int], progress: Callable[[float], object]) -> list["PartCost"]:
    """Measure what a variant's network costs on this machine, in a turn; `progress` gets 0 as it begins, and the share
    that is done. Whatever `progress` raises ends it and gives the turn back."""
    network = load_network(card)
    from abn.evaluation import cost

    with page_turn():
        progress(0.0)
        return cost.measure(network, card.input.size, batches=batches, progress=progress)
