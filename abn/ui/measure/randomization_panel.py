"""Randomization on Measure: maps and predictions once the weights of one part are shuffled."""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from abn import vocabulary
from abn.engine.inference import stack_images
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.images.fit import fit_picture
from abn.plots import color_limits, numbers
from abn.ui import maps
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import IN_ADDRESS, choose, show_shaded_table
from abn.ui.layout import escape_markdown
from abn.ui.measure.sections import describe_seconds, show_limits, unique_titles
from abn.ui.runtime import jobs, models
from abn.ui.runtime.jobs import Job, Piece
from abn.ui.runtime.turns import page_turn
from abn.variants.card import Card, class_names

if TYPE_CHECKING:
    from abn.evaluation.randomization import NetworkOutputs, RandomizationResult

JOB = "randomization"
PICTURES = 8  # this one and others of the gallery
SEEDS = (1, 2, 4)
PARTS = {  # in the order of the page: what can change M first
    part: vocabulary.PARTS[part] for part in ("attention_branch", "extractor", "perception_branch")
}

CAN = (
    "The weights of one part are shuffled among their own places, so that they keep their sizes and lose what they "
    "say. If the map stays as it was, it never showed what that part had learned. If it changes, what was learned "
    "there is in it. A high ρ without the attention branch hints that the features of the extractor alone already "
    "draw most of this map; and an answer that stays then did not need the map's details."
)
CANNOT = (
    "A map that changes need not be right, only learned. Shuffled weights keep their mean, so that a layer that "
    "mostly adds up still does, and they react to edges: a ρ above 0 alone is no alarm. And forgetting the "
    "perception branch **can't** change M, which is made before it: ρ is exactly 1 there, while the answer is lost "
    "all the same. Who randomizes only the last layers, as is usual for other methods, learns nothing of this map."
)


def show_randomization(choice: Choice) -> Job:
    """Each part of each chosen variant is randomized, once for each seed; the maps, and how similar they stay."""
    seeds = choose(
        "Shuffles of the weights", SEEDS, "forget_seeds", default=2, help="Each is another seed.", **IN_ADDRESS
    )
    pieces = {card.id: _pieces(choice, card, seeds) for card in choice.selection.cards}
    flat = [piece for of_variant in pieces.values() for piece in of_variant]
    job = jobs.control(JOB, flat, "Let each part forget", icon=":material/psychology_alt:")
    with st.container():  # so that nothing below it moves while a job goes on
        _show_results(choice, pieces)
    show_limits(CAN, CANNOT)
    return job


def _pieces(choice: Choice, card: Card, seeds: int) -> list[Piece]:
    """The whole network's outputs first, then each part and seed."""
    key = (choice.chosen.picture.sha256, card.id, card.sha256, choice.fit)

    @functools.cache
    def load_inputs() -> np.ndarray:  # only where there is something to do
        pictures = _pictures(choice.chosen.picture, card)
        return stack_images([fit_picture(picture, card.input, choice.fit) for picture in pictures], card.input)

    def compute_own(_progress: jobs.Progress) -> "NetworkOutputs":
        network, images = models.load_network(card), load_inputs()
        from abn.evaluation import randomization

        with page_turn():
            return randomization.network_outputs(network, images)

    own_piece = Piece((*key, "whole"), f"{card.title}, nothing forgotten", compute_own)

    def randomized_piece(part: str, seed: int) -> Piece:
        def compute(_progress: jobs.Progress) -> "RandomizationResult":
            network, images = models.load_network(card), load_inputs()
            from abn.evaluation import randomization

            (own,) = jobs.results(JOB, [own_piece])
            with page_turn():
                return randomization.compare_randomized(network, own, images, part, seed=seed)

        return Piece((*key, part, seed), f"{card.title} forgets its {PARTS[part]}, shuffle {seed + 1}", compute)

    return [own_piece, *(randomized_piece(part, seed) for seed in range(seeds) for part in PARTS)]


def _pictures(chosen: Picture, card: Card) -> list[Picture]:
    """The chosen image first, then gallery images of the kind that the variant was trained on."""
    photos = [photo for photo in samples.gallery().values() if photo.kind == card.kind]
    photos = photos or [photo for photo in samples.gallery().values() if photo.kind == "photograph"]
    gallery = [open_picture(photo.path.read_bytes(), name=photo.file) for photo in photos[:PICTURES]]
    return [chosen, *(picture for picture in gallery if picture.sha256 != chosen.sha256)][:PICTURES]


def _show_results(choice: Choice, pieces: dict[str, list[Piece]]) -> None:
    """Maps and numbers of those variants of which some part has been randomized: a row for each variant with its own
    map and its map once each part is randomized, and a table of variants and parts."""
    titles, table, seconds, counts = unique_titles(choice), [], 0.0, set()
    for card in choice.selection.cards:
        own, *rest = jobs.results(JOB, pieces[card.id])
        results: list[RandomizationResult] = [result for result in rest if result]
        if not own or not results:
            continue
        parts = {part: [result for result in results if result.part == part] for part in PARTS}
        st.markdown(f"##### {escape_markdown(titles[card.id])}")
        _show_maps(choice, card, own, parts)
        label = numbers.short_label(class_names(card)[int(own.predictions[0].argmax())])
        cells = [_describe_results(of_part, label) for of_part in parts.values()]
        table.append((titles[card.id], [f"{label} {numbers.percent(own.predictions[0].max())}", *cells]))
        seconds += sum(result.seconds for result in results)
        counts.add(len(own.maps))
    if table:
        show_shaded_table(["Variant", "Answer by itself", *(f"Without the {name}" for name in PARTS.values())], table)
        st.caption(
            f"{describe_seconds(seconds, 'Forgetting')} ρ is the rank correlation of the map's cells before and after: "
            "1 where they keep their order, 0 where nothing of it is left. One figure for each shuffle on this image, "
            f"then the mean over all shuffles and {' or '.join(map(str, sorted(counts)))} pictures, this one and "
            "others of the gallery, on which batch norms were settled anew. The maps above are those of the first "
            "shuffle."
        )


def _show_maps(
    choice: Choice, card: Card, own: "NetworkOutputs", parts: "dict[str, list[RandomizationResult]]"
) -> None:
    image = fit_picture(choice.chosen.picture, card.input, choice.fit).image
    attention = {"its own map": own.maps[0]}
    attention |= {f"without the {PARTS[part]}": results[0].maps[0] for part, results in parts.items() if results}
    limits = color_limits.limits(list(attention.values()), choice.view.scale)
    with st.container(key=f"pairs-forgot-{card.id}"):
        columns = st.columns(4, gap="small")
    for column, (name, values), span in zip(columns, attention.items(), limits, strict=False):
        with column:
            st.caption(f"**{name}**")
            title, key = f"Attention map of {card.title}, {name}", f"forgot-{card.id}-{name}"
            maps.show_attention(image, values, choice.view, title=title, key=key, limits=span)


def _describe_results(results: "Sequence[RandomizationResult]", label: str) -> str:
    """Each seed on this image, the mean of all seeds and images, and the prediction for this image."""
    if not results:
        return "–"
    if all(result.maps_identical for result in results):
        similarity = "ρ 1: every cell of every map is the very same"
    else:
        here = " · ".join(_format_correlation(result.rank_correlations[0]) for result in results)
        values = np.concatenate([result.rank_correlations for result in results])
        values = values[~np.isnan(values)]
        mean = _format_correlation(values.mean() if values.size else np.nan)
        similarity = f"ρ {here} here, {mean} over all pictures"
    after = numbers.percent(float(np.mean([result.after[0] for result in results])))
    changes = sum(bool(result.changes_prediction[0]) for result in results)
    prediction = {0: "the same answer", len(results): "another answer"}.get(
        changes, f"another answer in {changes} of {len(results)}"
    )
    return f"{similarity}; {label} {after}, {prediction}"


def _format_correlation(value: float) -> str:
    return "flat" if np.isnan(value) else numbers.fixed(value)
