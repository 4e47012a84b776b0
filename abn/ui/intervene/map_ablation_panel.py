"""Which variant needs its map: each one's answer under each edit of its own map, here and over the gallery."""

from collections.abc import Callable, Sequence

import streamlit as st

from abn.evaluation import map_ablation
from abn.explanations import interventions
from abn.explanations.interventions import Effect
from abn.images import samples
from abn.images.decode import open_picture
from abn.plots import numbers
from abn.ui import predictions, shaded_table
from abn.ui.controls.choice_bar import Choice
from abn.ui.layout import escape_markdown
from abn.ui.runtime import inference, jobs, models
from abn.ui.runtime.engine import page_turn
from abn.ui.runtime.jobs import Job, Piece
from abn.variants.card import Card, class_names


def needs(choice: Choice) -> None:
    """Each variant's answer under each edit of its own map, for this picture."""
    cards = choice.selection.cards
    rows: dict[str, dict[str, list[Effect]]] = {}
    for card, asked in zip(cards, inference.get_subjects(choice.chosen.picture, cards, choice.fit), strict=True):
        rows[card.id] = map_ablation.ablate_map(
            asked, lambda maps, card=card: inference.predict(choice.chosen.picture, card, choice.fit, maps)
        )

    def said(card: Card, name: str) -> str:
        some, labels = rows[card.id][name], class_names(card)
        found = map_ablation.mean_effect(some)
        if len(some) == 1 and found.change_rate:
            other = f", now {numbers.short_label(labels[int(some[0].after.argmax())])}"
        elif found.change_rate:
            other = f", another answer in {round(found.change_rate * len(some))} of {len(some)}"
        else:
            other = ""
        return f"Δp {numbers.points(found.change)} points{other}"

    figures = {
        card.id: {name: map_ablation.mean_effect(some) for name, some in rows[card.id].items()} for card in cards
    }
    before = {
        card.id: f"{numbers.short_label(class_names(card)[one.predicted_class])} {numbers.percent(float(one.before.max()))}"
        for card in cards
        for one in [rows[card.id]["zeros"][0]]
    }
    _table(cards, figures, said, first=("its own map", before))
    st.caption(_most_sensitive(cards, figures, "for this picture"))


def over_gallery(choice: Choice) -> Job | None:
    """The same over all photographs of the gallery that the variants learned the like of, on request."""
    cards = choice.selection.cards
    photos = [photo for photo in samples.gallery().values() if all(photo.kind == card.kind for card in cards)]
    if not photos:
        st.caption("To go over the gallery, choose variants that learned one kind of pictures.")
        return None
    pieces = [_piece(photo, card, choice.fit) for photo in photos for card in cards]
    label = f"Ask over {len(photos)} pictures of the gallery: all that these variants learned the like of"
    job = jobs.control("reliance", pieces, label, icon=":material/photo_library:")
    found = jobs.results("reliance", pieces)
    if all(found):
        rows = {card.id: map_ablation.mean_over_pictures(found[i :: len(cards)]) for i, card in enumerate(cards)}

        def said(card: Card, name: str) -> str:
            one = rows[card.id][name]
            return f"Δp {numbers.points(one.change)} points, another answer in {100 * one.change_rate:.0f} %"

        st.markdown(f"**Over the {len(photos)} pictures of the gallery, on average**")
        _table(cards, rows, said)
        st.caption(_most_sensitive(cards, rows, "over the gallery"))
    return job


def _piece(photo: samples.Photo, card: Card, fit: str) -> Piece:
    def make(_tell: Callable[[float], object]) -> dict[str, map_ablation.MeanEffect]:
        picture = open_picture(photo.path.read_bytes(), name=photo.file)
        with page_turn():
            return map_ablation.ablate_in_picture(picture, card, fit=fit, load=models.load_network)

    return Piece((photo.id, card.id, card.sha256, fit), f"{photo.title}, {card.title}", make)


def _table(
    cards: Sequence[Card],
    figures: dict[str, dict[str, map_ablation.MeanEffect]],
    said: Callable[[Card, str], str],
    first: tuple[str, dict[str, str]] | None = None,
) -> None:
    """Edits down, variants across; the deeper the blue, the further the answer moved."""
    rows = [(first[0], [first[1][card.id] for card in cards])] if first else []
    shades = [[""] * len(cards)] if first else []
    for name in map_ablation.EDITS:
        moved = [figures[card.id][name].js_divergence for card in cards]
        note = " (fair control)" if name in interventions.CONTROLS else ""
        texts = [f"{said(card, name)} ({apart:.2f} bit)" for card, apart in zip(cards, moved, strict=True)]
        rows.append((f"{name}{note}", texts))
        shades.append([f"rgb(58 127 200 / {min(0.6, apart):.2f})" for apart in moved])
    head = [
        f"{card.title}: applied {card.mechanism}, {predictions.mechanism_label(card, card.mechanism)}" for card in cards
    ]
    shaded_table.show_shaded_table(["M in place", *head], rows, shades)


def _most_sensitive(cards: Sequence[Card], figures: dict[str, dict[str, map_ablation.MeanEffect]], where: str) -> str:
    """Which variant's answer moves most when only the place of its map is lost."""
    moved = {card.title: map_ablation.fair_control_divergence(figures[card.id]) for card in cards}
    order = sorted(moved, key=moved.get, reverse=True)
    told = " · ".join(f"{escape_markdown(title)} {moved[title]:.3f} bit" for title in order)
    most = f"most sensitive to its own map, {where}: **{escape_markdown(order[0])}**. " if moved[order[0]] > 0 else ""
    return (
        f"{most[:1].upper()}{most[1:]}Mean over the two fair controls: {told}. Bits compare all classes before and "
        "after: 0 the same, 1 nothing in common (Jensen–Shannon divergence). That an answer moves shows that the "
        "perception branch uses where its map is bright, not that the map is right."
    )
