"""The variants that are shown, and the mechanism that is applied; the address holds no variant of one's own."""

from collections.abc import Sequence

import streamlit as st

from abn.ui import url
from abn.ui.controls import selection
from abn.ui.layout import escape_markdown
from abn.ui.state import state
from abn.variants.card import UNTRAINED_KIND, Card
from abn.variants.own import is_own
from abn.vocabulary import AS_TRAINED

TRAINED_ON = {  # by the kind of a card
    "clothing": "Learned on items of clothing, gray on black",
    "photograph": "Learned on photographs",
    UNTRAINED_KIND: "Random weights, nothing learned yet",
}


class _KnownVariants:
    """The lists of variants that a session can show: of those there are."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = set(ids)

    def __contains__(self, chosen: object) -> bool:
        return isinstance(chosen, list) and self.ids >= set(chosen)


def choose_variants(cards: Sequence[Card]) -> list[Card]:
    """One to four variants to compare."""
    by_id, titles = {card.id: card for card in cards}, [card.title for card in cards]
    address = selection.known_variants(st.query_params.get("variants", ""), cards)
    still = (
        selection.known_variants(",".join(state.variant_ids), cards) if state.variant_ids else address
    )  # a card went
    chosen = url.restore("variant_ids", _KnownVariants(list(by_id)), still, address)
    if not url.controls_hidden():
        with st.popover("Variants", icon=":material/view_column:", key="variants-popover"):
            chosen = st.multiselect(
                "Networks side by side",
                list(by_id),
                format_func=lambda key: by_id[key].title if titles.count(by_id[key].title) == 1 else key,
                max_selections=selection.MAX_VARIANTS,
                key="variant_ids",
                help="One to four trained networks. Those of one family share one architecture and differ in how the "
                "attention map was applied while they were trained.",
            )
    shipped = [key for key in chosen if not is_own(key)]  # an own variant is nobody else's business
    url.remember("variant_ids", chosen)
    url.sync_query_param("variants", "" if shipped == selection.default_variants(cards) else ",".join(shipped), "")
    return [by_id[key] for key in chosen]


def choose_one_variant(cards: Sequence[Card]) -> Card:
    """Which of the variants a page looks into, where it looks into one at a time."""
    by_id = {card.id: card for card in cards}
    chosen = url.restore("one_variant", by_id, cards[0].id, st.query_params.get("variant"))
    if len(cards) > 1:
        drawn = st.segmented_control(
            "Variant",
            list(by_id),
            format_func=lambda key: escape_markdown(by_id[key].title),
            default=chosen,
            required=True,
            key="one_variant",
            help="One of the variants that you chose above.",
        )
        chosen = drawn if drawn in by_id else chosen
    url.remember("one_variant", chosen)
    url.sync_query_param("variant", chosen if chosen != cards[0].id and not is_own(chosen) else "", "")
    return by_id[chosen]


def choose_mechanism() -> tuple[str, bool]:
    """The ablation toggle: the mechanism, and whether the weights stay."""
    chosen = url.shared_widget(
        st.segmented_control,
        "Mechanism",
        selection.MECHANISM_OPTIONS,
        key="mechanism",
        legal=selection.MECHANISM_OPTIONS,
        default=AS_TRAINED,
        required=True,
        help="How the attention map M reweighs the features g. Additive: (1 + M) · g. Multiplicative: M · g. "
        "None: g alone, the map is computed and not applied.",
    )
    same = url.shared_widget(
        st.toggle,
        "Same weights",
        key="same_weights",
        legal=(False, True),
        default=False,
        disabled=chosen == AS_TRAINED,
        help="Off: show the network that was trained with this mechanism. On: keep each network's weights and only "
        "swap the mechanism, an intervention that it was never trained for.",
    )
    return chosen, same


def warn_of_other_kind(kind: str, picked: Sequence[Card], cards: Sequence[Card]) -> None:
    """Where a network was trained on another kind of images: say so, and offer those that were trained on this kind."""
    other = selection.trained_on_other_kind(picked, kind)
    if not other:
        return
    sentences = [
        f"{TRAINED_ON.get(trained_on, 'Learned on other pictures')}, so what it says of this picture means little: "
        f"{', '.join(card.title for card in other if card.kind == trained_on)}."
        for trained_on in dict.fromkeys(card.kind for card in other)
    ]
    fitting = selection.variants_trained_on(cards, kind)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info("  \n".join(map(escape_markdown, sentences)), icon=":material/help:", width="stretch")
        if fitting:
            st.button(
                "Show those that know it",
                on_click=_choose,
                args=(fitting,),
                icon=":material/swap_horiz:",
                key="choose-fitting",
            )


def _choose(variants: list[str]) -> None:
    state.variant_ids = variants
