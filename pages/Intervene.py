"""Intervene: change the map, or the picture, and see what the network makes of it."""

import streamlit as st

from abn.ui import cover_panels, frame, jobs, keep_edit, live, pickers, reliance_panels
from abn.ui import intervene_panels as panels
from abn.ui.bar import bar, need_networks

frame.begin("Intervene", "Change the map and ask the perception branch again: does the answer depend on it?")
choice = need_networks(bar())
picture, fit = choice.chosen.picture, choice.fit
card = pickers.one_variant(choice.asked.cards)
subject = live.subjects(picture, choice.asked.cards, fit)[choice.asked.cards.index(card)]


def change_the_map() -> None:
    """A part of its own, so that a stroke draws nothing else anew."""
    name, past = panels.edits(choice, card, subject)
    left, right = st.columns(2, gap="large")
    with right:
        applied = panels.mechanism(card)
        done = panels.effects(choice, card, past, applied)
        panels.answer(card, done[past.at], subject.attention, applied)
    with left:
        panels.board(choice, card, subject, name, past)
    panels.presets(choice, card, subject, name)
    panels.past_strip(subject, choice.view, name, past, done)
    keep_edit.keep(choice, card, subject, name, past, done[past.at], applied)


def cover_the_picture() -> None:
    """The same for the picture: all of the network runs again."""
    first, *rest = st.columns(len(choice.asked.cards) + 1, gap="medium")
    with first:
        hidden = cover_panels.cover(choice, subject)
    before = live.ask(picture, choice.asked.cards, fit=fit)
    after = live.ask(hidden, choice.asked.cards, fit=fit)
    for place, *pair, one in zip(rest, before, after, choice.asked.cards, strict=True):
        with place:
            cover_panels.follow(*pair, one, choice)


jobs.quick(change_the_map)()

st.subheader("Which variant needs its map?", anchor="needs")
reliance_panels.needs(choice)
over_gallery = reliance_panels.over_gallery(choice)

st.subheader("Cover a part of the picture", anchor="cover")
jobs.quick(cover_the_picture)()
live.take_over()
if over_gallery:
    jobs.work(over_gallery)
