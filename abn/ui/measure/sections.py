"""Shared by the sections of Measure: titles of variants, the limits of a figure, and seconds in words."""

import streamlit as st

from abn.ui.controls.choice_bar import Choice


def unique_titles(choice: Choice) -> dict[str, str]:
    """Variant id → its title, or its id where two variants have one title."""
    titles = [card.title for card in choice.selection.cards]
    return {card.id: card.title if titles.count(card.title) == 1 else card.id for card in choice.selection.cards}


def show_limits(can: str, cannot: str) -> None:
    """The two texts on what a figure can say and what it can't, side by side."""
    for column, title, text in zip(st.columns(2, gap="large"), ("can", "can't"), (can, cannot), strict=True):
        column.markdown(f"**What it {title} say.** {text}")


def describe_seconds(seconds: float, what: str) -> str:
    """A duration in words."""
    return f"{what} took {seconds:.0f} s." if seconds >= 9.5 else f"{what} took {seconds:.1f} s."
