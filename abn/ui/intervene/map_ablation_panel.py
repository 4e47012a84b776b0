"""The dependence of each variant on its map: its prediction under each edit of its own map, here and on the gallery."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from abn.evaluation import map_ablation
from abn.evaluation.map_ablation import MeanEffect
from abn.explanations import interventions
from abn.explanations.interventions import AttendedImage, Effect
from abn.images import samples
from abn.images.decode import open_picture
from abn.plots import numbers
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import show_shaded_table
from abn.ui.intervene import words
from abn.ui.layout import escape_markdown
from abn.ui.runtime import cached_inference, jobs, models
from abn.ui.runtime.jobs import Job, Piece
from abn.ui.runtime.turns import page_turn
from abn.variants.card import UNTRAINED_KIND, Card, class_names

JOB = "map-ablation"

MeanEffects = dict[str, dict[str, MeanEffect]]  # variant id → edit → its mean effect


def show_dependence(choice: Choice) -> None:
    """Each variant's prediction under each edit of its own map, for this image."""
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

    def describe_change(card: Card, edit: str) -> str:
        repeats, rate = effects[card.id][edit], means[card.id][edit].change_rate
        if not rate:
            return ""
        if len(repeats) > 1:
            return words.CELL_CHANGED_OFTEN.format(changed=round(rate * len(repeats)), count=len(repeats))
        return words.CELL_CHANGED.format(label=_label(card, int(repeats[0].after.argmax())))

    own_maps = []
    for card in cards:
        effect = effects[card.id]["zeros"][0]
        own_maps.append(f"{_label(card, effect.predicted_class)} {numbers.percent(float(effect.before.max()))}")
    _show_ranking(cards, means, words.THIS_IMAGE)
    gains = [_describe_gain(card, subject) for card, subject in zip(cards, subjects, strict=True)]
    _show_table(cards, means, describe_change, {words.OWN_MAP_ROW: own_maps, words.GAIN_ROW: gains})


def show_gallery_dependence(choice: Choice) -> Job | None:
    """The same, averaged over the gallery's photos of the kind that the variants were trained on, on request."""
    cards = choice.selection.cards
    photos = [photo for photo in samples.gallery().values() if all(photo.kind == card.kind for card in cards)]
    if not photos:
        st.caption(words.GALLERY_MIXED)
        return None
    pieces = [_ablation_piece(photo, card, choice.fit) for photo in photos for card in cards]
    label = words.GALLERY_RUN.format(count=len(photos))
    job = jobs.control(JOB, pieces, label, icon=":material/photo_library:")
    results = jobs.results(JOB, pieces)
    if all(results):
        means = {card.id: map_ablation.mean_over_pictures(results[i :: len(cards)]) for i, card in enumerate(cards)}

        def describe_change(card: Card, edit: str) -> str:
            return words.CELL_CHANGE_RATE.format(rate=100 * means[card.id][edit].change_rate)

        _show_ranking(cards, means, words.GALLERY.format(count=len(photos)))
        _show_table(cards, means, describe_change)
    return job


def _ablation_piece(photo: samples.Photo, card: Card, fit: str) -> Piece:
    def compute(_progress: jobs.Progress) -> dict[str, MeanEffect]:
        picture = open_picture(photo.path.read_bytes(), name=photo.file)
        with page_turn():
            return map_ablation.ablate_in_picture(picture, card, fit=fit, load=models.load_runner)

    label = words.GALLERY_PIECE.format(photo=photo.title, variant=card.title)
    return Piece((photo.id, card.id, card.sha256, fit), label, compute)


def _label(card: Card, k: int) -> str:
    return numbers.short_label(class_names(card)[k])


def _describe_gain(card: Card, subject: AttendedImage) -> str:
    """The range of the factor by which the variant's own map multiplies the cells of g."""
    gain = interventions.gain(subject.attention, card.mechanism)
    return words.GAIN.format(low=float(gain.min()), high=float(gain.max()))


def _show_table(
    cards: Sequence[Card],
    means: MeanEffects,
    describe_change: Callable[[Card, str], str],
    first: dict[str, list[str]] | None = None,
) -> None:
    """Edits down, variants across; darker cells are larger JS divergences. `first`: rows before the edits."""
    rows = list((first or {}).items())
    shades = [[""] * len(cards) for _ in rows]
    for edit in map_ablation.EDITS:
        texts = [
            words.CELL.format(
                change=numbers.points(means[card.id][edit].change),
                changed=describe_change(card, edit),
            )
            for card in cards
        ]
        name = words.CONTROL_ROW.format(edit=edit) if edit in interventions.CONTROLS else edit
        rows.append((words.NO_CONTROL_ROW if edit == "zeros" else name, texts))
        bits = [means[card.id][edit].js_divergence for card in cards]
        shades.append([f"rgb(125 133 144 / {min(0.6, value):.2f})" for value in bits])
    header = [_describe_variant(card) for card in cards]
    show_shaded_table([words.MAP_COLUMN, *header], rows, shades)


def _describe_variant(card: Card) -> str:
    return words.UNTRAINED_COLUMN.format(title=card.title) if card.kind == UNTRAINED_KIND else card.title


def _show_ranking(cards: Sequence[Card], means: MeanEffects, where: str) -> None:
    """The variants by the JS divergence when only the spatial pattern of the map is lost, and what limits this."""
    divergences = {card.title: map_ablation.fair_control_divergence(means[card.id]) for card in cards}
    order = sorted(divergences, key=divergences.__getitem__, reverse=True)
    ranking = " · ".join(
        words.RANKING_VALUE.format(title=escape_markdown(title), bits=divergences[title]) for title in order
    )
    headline = words.RANKING if divergences[order[0]] else words.RANKING_NONE
    help_text = words.TABLE_HELP.format(shuffles=map_ablation.SHUFFLES)
    st.markdown(f"##### {headline.format(where=where)}", help=help_text)
    st.markdown(f"{words.RANKING_VALUES.format(values=ranking)}  \n{words.RANKING_LIMITS}")
