"""This session's own variants: in its state and nowhere else, so that no other session reaches them, and they are
deleted with it.
"""

import threading
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

from abn.engine.loading import run_network
from abn.engine.runner import Runner
from abn.errors import ABNError, VariantError
from abn.ui.controls import selection
from abn.ui.own import words
from abn.ui.state import state
from abn.variants.card import Card
from abn.variants.own import OwnVariant, is_own, unique_title
from abn.variants.store import list_variants

if TYPE_CHECKING:
    from abn.network.model import AttentionBranchNetwork

MAX_VARIANTS = 4  # own variants of a session
MAX_SESSION_BYTES = 400_000_000  # of weights in memory, of a session
MAX_SERVER_BYTES = 2_000_000_000  # of all sessions together
BYTES_OF_PARAMETER = 8  # 4 in the network and 4 in the session of ONNX Runtime that runs it
_lock = threading.Lock()
networks_in_memory: "weakref.WeakSet[AttentionBranchNetwork]" = weakref.WeakSet()  # of all sessions, to be counted


class StoppedError(ABNError):
    """A person stopped the work or removed its result; the work can be run again."""


def list_cards() -> list[Card]:
    """The cards of those that were added to Compare."""
    return [variant.card for key, variant in state.own_variants.items() if key in state.own_listed]


def get_runner(key: str) -> Runner:
    """The runner of an own variant; `VariantError` where this session holds none of this id."""
    network, runners = get_network(key), state.own_runners
    if key not in runners:
        runners[key] = run_network(network, state.own_variants[key].card)
    return runners[key]


def get_network(key: str) -> "AttentionBranchNetwork":
    """The network of an own variant; `VariantError` where this session holds none of this id."""
    if key not in state.own_variants:
        raise VariantError(words.UNKNOWN_VARIANT)
    return state.own_variants[key].network


def check_limits(parameters: int) -> None:
    """Raise `VariantError` if one more network of `parameters` exceeds the limit of the session or of the server."""
    size, held = BYTES_OF_PARAMETER * parameters, state.own_variants.values()
    if len(held) >= MAX_VARIANTS:
        raise VariantError(words.TOO_MANY.format(count=MAX_VARIANTS))
    if size + sum(_count_bytes(variant.network) for variant in held) > MAX_SESSION_BYTES:
        raise VariantError(words.TOO_LARGE.format(megabytes=MAX_SESSION_BYTES // 10**6))
    with _lock:
        if size + sum(map(_count_bytes, networks_in_memory)) > MAX_SERVER_BYTES:
            raise VariantError(words.SERVER_FULL)


def keep_variant(variant: OwnVariant) -> str:
    """Hold a variant under a title of its own, unless it is held already; returns its id. Raises `VariantError`."""
    held, key = state.own_variants, variant.card.id
    if key not in held:
        check_limits(sum(variant.card.parameters.values()))
        titles = [card.title for card in list_variants()] + [other.card.title for other in held.values()]
        held[key] = replace(variant, card=replace(variant.card, title=unique_title(variant.card.title, titles)))
        with _lock:
            networks_in_memory.add(variant.network)
    return key


def list_variant(key: str) -> None:
    """Let pages offer a variant among the others."""
    if key not in state.own_listed:
        state.own_listed.append(key)


def add_to_compare(key: str) -> None:
    """List a variant in Compare and choose it there; where four are chosen, in place of the last shipped one."""
    list_variant(key)
    chosen = state.variant_ids or state.last_values.get("variant_ids", (0, None))[1]
    if chosen is None:
        chosen = selection.default_variants(list_variants())
    if key not in chosen:
        shipped = [variant for variant in chosen if not is_own(variant)]
        replaced = (shipped or chosen)[-1:] if len(chosen) >= selection.MAX_VARIANTS else []
        state.variant_ids = [*(variant for variant in chosen if variant not in replaced), key]


def remove_variant(key: str) -> None:
    """Remove a variant from Compare and from memory."""
    state.own_variants.pop(key, None)
    state.own_runners.pop(key, None)
    state.cache.drop(key)
    state.own_listed = [other for other in state.own_listed if other != key]


def _count_bytes(network: "AttentionBranchNetwork") -> int:
    return BYTES_OF_PARAMETER * sum(parameter.numel() for parameter in network.parameters())
