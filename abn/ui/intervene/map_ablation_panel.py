"""The dependence of each variant on its map: its prediction under each edit of its own map, here and on the gallery."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from abn.evaluation import map_ablation
from abn.evaluation.map_ablation import MeanEffect
from abn.explanations import interventions
from abn.explanations.interventions import Effect
from abn.images import samples
from abn.images.decode import open_picture
from abn.plots import numbers
from abn.ui import predictions
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import show_shaded_table
from abn.ui.layout import escape_markdown
from abn.ui.runtime import cached_inference, jobs, models
from abn.ui.runtime.jobs import Job, Piece
from abn.ui.runtime.turns import page_turn
from abn.variants.card import Card, class_names

JOB = "map-ablation"

MeanEffects = dict[str, dict[str, MeanEffect]]  # variant id → edit → its mean effect


def show_dependence(choice: Choice) -> None:
    """Each variant's prediction under each edit of its own map, for this picture."""
    cards, picture = choice.selection.cards, choice.chosen.picture
    subjects = cached_inference.get_subjects(picture, cards, choice.fit)
    effects: dict[str, dict[str, list[Effect]]] = {
        card.id: map_ablation.ablate_map(subject, partial(cached_inference.predict, picture, card, choice.fit))
        for card, subject in zip(cards, subjects, strict=True)
    }
    means = {
        variant: {edit: map_ablation.mean_effect(repeats) for edit, repeats in edits.items()}
        for variant, edits in effects.items()
    }

    def describe(card: Card, edit: str) -> str:
        repeats, mean = effects[card.id][edit], means[card.id][edit]
        suffix = ""
        if mean.change_rate and len(repeats) == 1:
            suffix = f", now {numbers.short_label(class_names(card)[int(repeats[0].after.argmax())])}"
        elif mean.change_rate:
            suffix = f", another answer in {round(mean.change_rate * len(repeats))} of {len(repeats)}"
        return f"Δp {numbers.points(mean.change)} points{suffix}"

    own_map = []
    for card in cards:
        effect = effects[card.id]["zeros"][0]
        label = numbers.short_label(class_names(card)[effect.predicted_class])
        own_map.append(f"{label} {numbers.percent(float(effect.before.max()))}")
    _show_table(cards, means, describe, own_map)
    st.caption(_rank_variants(cards, means, "for this picture"))


def show_gallery_dependence(choice: Choice) -> Job | None:
    """The same, averaged over the gallery's photographs of the kind that the variants were trained on, on request."""
    cards = choice.selection.cards
    photos = [photo for photo in samples.gallery().values() if all(photo.kind == card.kind for card in cards)]
    if not photos:
        st.caption("To go over the gallery, choose variants that learned one kind of pictures.")
        return None
    pieces = [_ablation_piece(photo, card, choice.fit) for photo in photos for card in cards]
    label = f"Ask over {len(photos)} pictures of the gallery: all that these variants learned the like of"
    job = jobs.control(JOB, pieces, label, icon=":material/photo_library:")
    results = jobs.results(JOB, pieces)
    if all(results):
        means = {card.id: map_ablation.mean_over_pictures(results[i :: len(cards)]) for i, card in enumerate(cards)}

        def describe(card: Card, edit: str) -> str:
            mean = means[card.id][edit]
            return f"Δp {numbers.points(mean.change)} points, another answer in {100 * mean.change_rate:.0f} %"

        st.markdown(f"**Over the {len(photos)} pictures of the gallery, on average**")
        _show_table(cards, means, describe)
        st.caption(_rank_variants(cards, means, "over the gallery"))
    return job


def _ablation_piece(photo: samples.Photo, card: Card, fit: str) -> Piece:
    def compute(_progress: jobs.Progress) -> dict[str, MeanEffect]:
        picture = open_picture(photo.path.read_bytes(), name=photo.file)
        with page_turn():
            return map_ablation.ablate_in_picture(picture, card, fit=fit, load=models.load_runner)

    return Piece((photo.id, card.id, card.sha256, fit), f"{photo.title}, {card.title}", compute)


def _show_table(
    cards: Sequence[Card], means: MeanEffects, describe: Callable[[Card, str], str], own_map: Sequence[str] = ()
) -> None:
    """Edits down, variants across; a deeper blue is a larger JS divergence. `own_map`: a first row, without an edit."""
    rows = [("its own map", own_map)] if own_map else []
    shades = [[""] * len(cards)] if own_map else []
    for edit in map_ablation.EDITS:
        divergences = [means[card.id][edit].js_divergence for card in cards]
        note = " (fair control)" if edit in interventions.CONTROLS else ""
        texts = [f"{describe(card, edit)} ({bits:.2f} bit)" for card, bits in zip(cards, divergences, strict=True)]
        rows.append((f"{edit}{note}", texts))
        shades.append([f"rgb(58 127 200 / {min(0.6, bits):.2f})" for bits in divergences])
    header = [
        f"{card.title}: applied {card.mechanism}, {predictions.mechanism_label(card, card.mechanism)}" for card in cards
    ]
    show_shaded_table(["M in place", *header], rows, shades)


def _rank_variants(cards: Sequence[Card], means: MeanEffects, where: str) -> str:
    """The variants by the JS divergence when only the spatial pattern of the map is lost."""
    divergences = {card.title: map_ablation.fair_control_divergence(means[card.id]) for card in cards}
    order = sorted(divergences, key=divergences.__getitem__, reverse=True)
    ranking = " · ".join(f"{escape_markdown(title)} {divergences[title]:.3f} bit" for title in order)
    first = (
        f"Most sensitive to its own map, {where}: **{escape_markdown(order[0])}**. " if divergences[order[0]] else ""
    )
    return (
        f"{first}Mean over the two fair controls: {ranking}. Bits compare all classes before and "
        "after: 0 the same, 1 nothing in common (Jensen–Shannon divergence). That an answer moves shows that the "
        "perception branch uses where its map is bright, not that the map is right."
    )
