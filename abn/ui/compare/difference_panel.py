"""The difference of two variants' maps on Compare: any two of those shown whose maps have the same cells."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from abn.explanations.explanation import Explanation
from abn.export.figures import MapStyle
from abn.plots import color_limits, color_maps
from abn.ui import url
from abn.ui.compare import words
from abn.ui.layout import escape_markdown
from abn.ui.maps import show_map
from abn.variants.card import Card


def show_difference(shown: Sequence[tuple[Explanation, Card]], view: MapStyle) -> None:
    """Choose two variants; the first one's map minus the second one's. One sentence where fewer can be compared."""
    spec, shape = shown[0][0].spec, shown[0][0].attention.shape
    alike = {card.id: (explanation, card) for explanation, card in shown
             if explanation.spec == spec and explanation.attention.shape == shape}  # fmt: skip
    if len(alike) < 2:
        st.caption(words.NO_DIFFERENCE)
        return
    map_column, text_column = st.columns([1, 2], gap="medium")
    with text_column:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            first = _choose(words.FIRST, "difference_of", alike, 0)
            second = _choose(words.SECOND, "difference_minus", alike, 1)
        (minuend, card), (subtrahend, other) = alike[first], alike[second]
        signed = minuend.attention - subtrahend.attention
        limit, size = color_limits.symmetric_limit(signed), np.abs(signed)
        names = {"first": card.title, "second": other.title}
        st.markdown(f"**{words.DIFFERENCE_RESULT.format(mean=size.mean(), most=size.max())}**")
        st.markdown(words.DIFFERENCE_LEGEND.format(**{key: escape_markdown(name) for key, name in names.items()}))
        st.caption(words.DIFFERENCE_NOTE)
    with map_column:
        show_map(
            minuend.fitted.image,
            signed,
            replace(view, top=0),
            (-limit, limit),
            alt=words.DIFFERENCE_ALT.format(low=signed.min(), high=signed.max(), **names),
            key="difference",
            symbol="difference",
            extent=minuend.fitted.extent,
            gray=True,
            colors=color_maps.DIFFERENCE,
        )


def _choose(label: str, key: str, alike: dict[str, tuple[Explanation, Card]], index: int) -> str:
    """One of the variants, by default that at the index."""
    default = list(alike)[index]
    url.restore(key, alike, default, in_address=False)
    chosen = st.selectbox(label, list(alike), format_func=lambda variant: alike[variant][1].title, key=key)
    url.remember(key, chosen)
    return chosen if chosen in alike else default
