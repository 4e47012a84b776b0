"""The diagram of Inside with the shapes of a variant in place of images."""

import streamlit as st

from abn.explanations.stages import STAGES
from abn.plots import network_diagram
from abn.ui.components import network_path
from abn.ui.layout import escape_markdown
from abn.variants.own import OwnVariant, Sketch

STAGE_WORDS = {  # where *Inside* shows a picture
    "x": ("picture",),
    "g": ("features",),
    "A": ("trunk's", "response"),
    "class maps": ("one a class",),
    "auxiliary logits": ("auxiliary", "head"),
    "M": ("attention", "map"),
    "g′": ("what the", "perception", "branch gets"),
    "logits": ("perception", "head"),
}


def show_shapes(variant: Sketch | OwnVariant, key: str) -> None:
    """The network's diagram with the shapes of this variant, and the parameters of each part."""
    card, shapes = variant.card, variant.shapes
    shapes = shapes | {
        "class maps": (shapes["auxiliary"][0], *shapes["A"][1:]),
        "auxiliary logits": shapes["auxiliary"],
        "g′": shapes["g"],
        "logits": shapes["perception"],
    }
    contents = {
        name: network_diagram.Content(" × ".join(map(str, shapes[name])), words=STAGE_WORDS[name]) for name in STAGES
    }
    wide, narrow = (
        network_diagram.draw(contents, card.mechanism, narrow=narrow, pressable=False) for narrow in (False, True)
    )
    network_path.path(wide, narrow, "", label=f"The network {card.title} with its shapes", key=f"diagram-{key}")
    parts = ", ".join(f"{part.replace('_', ' ')} {_format_count(number)}" for part, number in card.parameters.items())
    st.caption(
        f"Parameters: {parts}. A map of {card.map_size[0]} × {card.map_size[1]} cells. The attention branch's trunk is "
        f"{escape_markdown(card.trunk)}. {sum(card.flops.values()) / 1e9:.2g} GFLOPs for a picture of "
        f"{card.input.size} × {card.input.size} pixels."
    )


def _format_count(number: int) -> str:
    return f"{number / 1e6:.2f} M" if number >= 1e5 else f"{number:,}"
