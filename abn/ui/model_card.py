"""The model card of a variant, in an expander."""

import streamlit as st

from abn.ui.layout import escape_markdown
from abn.ui.runtime import models
from abn.variants.card import UNTRAINED_KIND, Card
from abn.vocabulary import PARTS


def show_card(card: Card) -> None:
    """All that the card holds, put together once it is opened."""
    key = f"card-{card.id}"
    with st.expander(
        f"Card of {escape_markdown(card.title)}", icon=":material/badge:", key=key, on_change="rerun"
    ) as shown:
        if not shown.open:
            return
        if card.summary:
            st.markdown(escape_markdown(card.summary))
        texts = {escape_markdown(name): escape_markdown(text) for name, text in _rows(card).items()}
        st.table(texts, border="horizontal", hide_header=True, alt=f"Card of {card.title}")


def _rows(card: Card) -> dict[str, str]:
    parts = {part: part.replace("_", " ") for part in PARTS}
    return {
        "Backbone": card.backbone,
        "Trained with": f"nothing, made for {card.mechanism}" if card.kind == UNTRAINED_KIND else card.mechanism,
        "Runs on": models.load_runner(card).engine,
        "Map": f"{card.map_size[0]} × {card.map_size[1]} cells",
        **({"Trunk": card.trunk} if card.trunk else {}),
        **{f"Parameters, {parts[key]}": f"{card.parameters[key]:,}" for key in parts if key in card.parameters},
        **{f"FLOPs, {parts[key]}": f"{card.flops[key] / 1e9:.2f} G" for key in parts if key in card.flops},
        **_flatten(card.measured, "Measured, "),
        **_flatten({key: value for key, value in card.trained.items() if value != ""}, "Training, "),
        **_flatten(card.license, "License, "),
        "sha256 of the weights": card.sha256,
    }


def _flatten(values: dict, prefix: str) -> dict[str, str]:
    """Whatever keys a card holds, nested ones joined by commas, numbers with four digits."""
    flat: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, dict):
            flat |= _flatten(value, f"{name}, ")
        else:
            flat[name] = f"{value:.4g}" if isinstance(value, float) else str(value)
    return flat
