"""The variants that are shown, and the mechanism that is applied; the address holds no variant of one's own."""

from collections.abc import Sequence

import streamlit as st

from abn.plots import numbers
from abn.ui import url
from abn.ui.controls import selection, words
from abn.ui.layout import escape_markdown
from abn.ui.state import state
from abn.variants.card import Card
from abn.variants.own import is_own
from abn.vocabulary import AS_TRAINED


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
        with st.popover(words.VARIANT_MENU, icon=":material/view_column:", key="variants-popover"):
            chosen = st.multiselect(
                words.VARIANTS,
                list(by_id),
                default=chosen,  # a browser that draws it late, once the menu is opened, knows no other
                format_func=lambda key: by_id[key].title if titles.count(by_id[key].title) == 1 else key,
                max_selections=selection.MAX_VARIANTS,
                key=url.widget_key("variant_ids"),
                help=words.VARIANTS_HELP,
            )
            url.take("variant_ids", chosen)
            st.page_link("pages/Bring_your_own.py", label=words.OWN_VARIANT, icon=":material/upload_file:")
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
            words.VARIANT,
            list(by_id),
            format_func=lambda key: escape_markdown(by_id[key].title),
            default=chosen,
            required=True,
            key="one_variant",
            help=words.VARIANT_HELP,
        )
        chosen = drawn if drawn in by_id else chosen
    url.remember("one_variant", chosen)
    url.sync_query_param("variant", chosen if chosen != cards[0].id and not is_own(chosen) else "", "")
    return by_id[chosen]


def choose_mechanism() -> tuple[str, bool]:
    """The ablation toggle: the mechanism, and whether the weights stay."""
    chosen = url.shared_widget(
        st.segmented_control,
        words.MECHANISM,
        selection.MECHANISM_OPTIONS,
        key="mechanism",
        legal=selection.MECHANISM_OPTIONS,
        default=AS_TRAINED,
        required=True,
        help=words.MECHANISM_HELP,
    )
    same = url.shared_widget(
        st.toggle,
        words.SAME_WEIGHTS,
        key="same_weights",
        legal=(False, True),
        default=False,
        disabled=chosen == AS_TRAINED,
        help=words.SAME_WEIGHTS_HELP,
    )
    return chosen, same


def warn_of_other_kind(kind: str, picked: Sequence[Card], cards: Sequence[Card]) -> None:
    """Where a network was trained on another kind of images: say so, and offer those that were trained on this kind."""
    other = selection.trained_on_other_kind(picked, kind)
    if not other:
        return
    sentences = [
        words.OTHER_KIND.format(
            trained_on=words.TRAINED_ON.get(kind_of_training, words.TRAINED_ON["other"]),
            titles=numbers.in_quotes(card.title for card in other if card.kind == kind_of_training),
        )
        for kind_of_training in dict.fromkeys(card.kind for card in other)
    ]
    fitting = selection.variants_trained_on(cards, kind)
    with st.container(horizontal=True, vertical_alignment="center", key="other-kind"):
        st.info("  \n".join(map(escape_markdown, sentences)), icon=":material/help:", width="stretch")
        if fitting:
            st.button(
                words.SHOW_FITTING,
                on_click=_choose,
                args=(fitting,),
                icon=":material/swap_horiz:",
                key="choose-fitting",
            )


def _choose(variants: list[str]) -> None:
    url.set_value("variant_ids", variants)
