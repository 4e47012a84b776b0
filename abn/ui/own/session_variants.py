"""This session's own variants: in its state and nowhere else, so that no other session reaches them and that they go
when it goes.
"""

import threading
import weakref
from dataclasses import replace

from abn.errors import VariantError
from abn.ui.controls import selection
from abn.ui.runtime import cache
from abn.ui.state import state
from abn.variants.card import Card
from abn.variants.own import OwnVariant, is_own, unique_title
from abn.variants.store import list_variants

MOST = 4  # own variants of a session
BYTES = 400_000_000  # of weights in memory, of a session
SERVER_BYTES = 2_000_000_000  # of all sessions together

_counting = threading.Lock()
_alive: "weakref.WeakSet" = weakref.WeakSet()  # networks of whatever session, to be counted and never handed out


def held() -> dict[str, OwnVariant]:
    """What this session holds, by id."""
    return state.own_variants


def cards() -> list[Card]:
    """The cards of those that were added to Compare."""
    listed = state.own_listed
    return [one.card for key, one in held().items() if key in listed]


def network(variant: str):
    """The network of an own variant, or `VariantError` where this session has none of this id."""
    found = held().get(variant)
    if found is None:
        raise VariantError("This variant of yours isn't there any more: bring it again.")
    return found.network


def make_room(parameters: int) -> None:
    """Raise `VariantError` where a network of so many parameters would be more than the session, or all, may hold."""
    size = 4 * parameters
    if len(held()) >= MOST:
        raise VariantError(f"A session holds {MOST} variants of its own: remove one first.")
    if size + sum(map(_bytes, (one.network for one in held().values()))) > BYTES:
        raise VariantError(f"A session's own variants may take {BYTES // 10**6} MB together: remove one first.")
    with _counting:
        if size + sum(map(_bytes, _alive)) > SERVER_BYTES:
            raise VariantError("This server holds as many people's variants as it can: try again in some minutes.")


def keep(one: OwnVariant) -> str:
    """Hold a variant, or leave it as it is where it is held already; returns its id. Raises `VariantError`."""
    key = one.card.id
    if key not in held():
        make_room(sum(one.card.parameters.values()))
        taken = [card.title for card in list_variants()] + [other.card.title for other in held().values()]
        held()[key] = replace(one, card=replace(one.card, title=unique_title(one.card.title, taken)))
        with _counting:
            _alive.add(one.network)
    return key


def add(variant: str) -> None:
    """To the list of Compare, and beside the networks chosen there; if these are four, in place of the last shipped."""
    listed = state.own_listed
    if variant not in listed:
        listed.append(variant)
    chosen = state.variant_ids or state.last_values.get("variant_ids", (0, None))[1]
    if chosen is None:
        chosen = selection.default_variants(list_variants())
    if variant not in chosen:
        shipped = [key for key in chosen if not is_own(key)]
        leaves = (shipped or chosen)[-1:] if len(chosen) >= selection.MAX_VARIANTS else []
        state.variant_ids = [*(key for key in chosen if key not in leaves), variant]


def remove(variant: str) -> None:
    """Out of Compare and out of memory."""
    held().pop(variant, None)
    cache.session_cache().drop_variant(variant)
    state.own_listed = [other for other in state.own_listed if other != variant]


def _bytes(network) -> int:
    return 4 * sum(parameter.numel() for parameter in network.parameters())
