"""Which variant needs its map: each one's answer under each edit of its own map, here and over the gallery."""

import html
from collections.abc import Callable, Sequence

import streamlit as st

from abn import first_view, intervene, reliance, render
from abn.intervene import Effect
from abn.picture import open_picture
from abn.ui import live
from abn.ui.bar import Choice
from abn.ui.frame import plain
from abn.variants import Card, class_names


def needs(choice: Choice) -> None:
    """Each variant's answer under each edit of its own map, for this picture."""
    cards = choice.asked.cards
    rows: dict[str, dict[str, list[Effect]]] = {}
    for card, asked in zip(cards, live.subjects(choice.chosen.picture, cards, choice.fit), strict=True):
        rows[card.id] = reliance.on_one(
            asked, lambda maps, card=card: live.answers(choice.chosen.picture, card, choice.fit, maps)
        )

    def said(card: Card, name: str) -> str:
        some, labels = rows[card.id][name], class_names(card)
        found = reliance.relied(some)
        if len(some) == 1 and found.flips:
            other = f", now {render.short_label(labels[int(some[0].after.argmax())])}"
        elif found.flips:
            other = f", another answer in {round(found.flips * len(some))} of {len(some)}"
        else:
            other = ""
        return f"Δp {render.points(found.change)}{other}"

    figures = {card.id: {name: reliance.relied(some) for name, some in rows[card.id].items()} for card in cards}
    before = {
        card.id: f"{render.short_label(class_names(card)[one.named])} {render.percent(float(one.before.max()))}"
        for card in cards
        for one in [rows[card.id]["zeros"][0]]
    }
    _table(cards, figures, said, first=("its own map", before))
    st.caption(_most_sensitive(cards, figures, "for this picture"))


def over_gallery(choice: Choice) -> None:
    """The same over all photographs of the gallery, on request."""
    cards = choice.asked.cards
    kinds = {card.kind for card in cards}
    photos = [photo for photo in first_view.gallery().values() if photo.kind in kinds]
    key = (tuple((card.id, card.sha256) for card in cards), choice.fit)
    shelf = st.session_state.setdefault("relied", {})
    if key not in shelf:
        st.button(
            f"Ask over the {len(photos)} photographs of the gallery",
            on_click=lambda: st.session_state.update(relying=key),
            icon=":material/photo_library:",
            key="rely",
        )
    if st.session_state.get("relying") == key and key not in shelf:
        bar = st.progress(0.0, "Waiting for a turn …")
        st.button("Stop", icon=":material/stop:", key="rely-stop", on_click=lambda: st.session_state.pop("relying"))
        pictures = [open_picture(photo.path.read_bytes(), name=photo.file) for photo in photos]
        tell = lambda share: bar.progress(share, f"Photograph {int(share * len(photos))} of {len(photos)}")  # noqa: E731
        shelf[key] = live.reliance_over(pictures, cards, choice.fit, tell)
        st.session_state.pop("relying", None)
        st.rerun()
    if key in shelf:
        figures = shelf[key]

        def said(card: Card, name: str) -> str:
            one = figures[card.id][name]
            return f"Δp {render.points(one.change)}, another answer in {100 * one.flips:.0f} %"

        st.markdown(f"**Over the {len(photos)} photographs of the gallery, on average**")
        _table(cards, figures, said)
        st.caption(_most_sensitive(cards, figures, "over the gallery"))


def _table(
    cards: Sequence[Card],
    figures: dict[str, dict[str, reliance.Reliance]],
    said: Callable[[Card, str], str],
    first: tuple[str, dict[str, str]] | None = None,
) -> None:
    """Edits down, variants across; the deeper the blue, the further the answer moved."""
    body = ""
    if first:
        cells = "".join(f"<td>{html.escape(first[1][card.id])}</td>" for card in cards)
        body += f"<tr><th scope='row'>{first[0]}</th>{cells}</tr>"
    for name in reliance.EDITS:
        cells = ""
        for card in cards:
            apart = figures[card.id][name].apart
            text = f"{said(card, name)} ({apart:.2f} bit)"
            cells += f"<td style='background: rgb(58 127 200 / {min(0.6, apart):.2f})'>{html.escape(text)}</td>"
        note = " (fair control)" if name in intervene.CONTROLS else ""
        body += f"<tr><th scope='row'>{name}{note}</th>{cells}</tr>"
    head = "".join(f"<th scope='col'>{html.escape(c.title)}<br>applied {c.mechanism}, as trained</th>" for c in cards)
    st.html(f'<table class="abn-card"><thead><tr><th scope="col">M in place</th>{head}</tr></thead>{body}</table>')


def _most_sensitive(cards: Sequence[Card], figures: dict[str, dict[str, reliance.Reliance]], where: str) -> str:
    """Which variant's answer moves most when only the place of its map is lost."""
    moved = {card.title: reliance.fair(figures[card.id]) for card in cards}
    order = sorted(moved, key=moved.get, reverse=True)
    told = " · ".join(f"{plain(title)} {moved[title]:.3f} bit" for title in order)
    most = f"most sensitive to its own map, {where}: **{plain(order[0])}**. " if moved[order[0]] > 0 else ""
    return (
        f"{most[:1].upper()}{most[1:]}Mean over the two fair controls: {told}. Bits compare all classes before and "
        "after: 0 the same, 1 nothing in common (Jensen–Shannon divergence). That an answer moves shows that the "
        "perception branch uses where its map is bright, not that the map is right."
    )
