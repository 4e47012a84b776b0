"""Randomization on Measure: maps and predictions once the weights of one part are shuffled."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from abn import vocabulary
from abn.engine.inference import InputBatch, stack_inputs
from abn.evaluation import randomization
from abn.evaluation.randomization import NetworkOutputs, RandomizationResult
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.images.fit import fit_picture
from abn.plots import color_limits, numbers
from abn.ui import maps
from abn.ui.controls.choice_bar import Choice
from abn.ui.layout import escape_markdown
from abn.ui.measure.sections import describe_seconds, show_limits, unique_titles
from abn.ui.runtime import jobs, models
from abn.ui.runtime.engine import page_turn
from abn.ui.runtime.jobs import Job, Piece
from abn.ui.shaded_table import show_shaded_table
from abn.variants.card import Card, class_names

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


@dataclass(frozen=True, eq=False)
class Row:
    """A variant, its own outputs, and the results for each randomized part (one a seed)."""

    card: Card
    own: NetworkOutputs
    parts: dict[str, list[RandomizationResult]]


def show_randomization(choice: Choice) -> Job:
    """Each part of each chosen variant is randomized, once for each seed; the maps, and how similar they stay."""
    seeds = st.segmented_control(
        "Shuffles of the weights",
        SEEDS,
        default=2,
        key="forget_seeds",
        help="Each is another seed.",
        required=True,
        bind="query-params",
        persist_state="session",
    )
    pieces = {card.id: _pieces(choice, card, seeds) for card in choice.selection.cards}
    job = jobs.control(
        "forgetting",
        [piece for of_variant in pieces.values() for piece in of_variant],
        "Let each part forget",
        icon=":material/psychology_alt:",
    )
    with st.container():  # so that nothing below it moves while a job goes on
        _show_results(choice, pieces)
    show_limits(CAN, CANNOT)
    return job


def _pieces(choice: Choice, card: Card, seeds: int) -> list[Piece]:
    """The whole network's outputs first, then each part and seed."""
    key = (choice.chosen.picture.sha256, card.id, card.sha256, choice.fit)

    @functools.cache
    def load_inputs() -> InputBatch:  # only where there is something to do
        pictures = _pictures(choice.chosen.picture, card)
        return stack_inputs([fit_picture(picture, card.input, choice.fit) for picture in pictures], card.input)

    def compute_own(_progress: jobs.Progress) -> NetworkOutputs:
        network, images = models.load_network(card), load_inputs().images
        with page_turn():
            return randomization.network_outputs(network, images)

    own_piece = Piece((*key, "whole"), f"{card.title}, nothing forgotten", compute_own)

    def randomized_piece(part: str, seed: int) -> Piece:
        def compute(_progress: jobs.Progress) -> RandomizationResult:
            network, images = models.load_network(card), load_inputs().images
            (own,) = jobs.results("forgetting", [own_piece])
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
    """Maps and numbers of those variants of which some part has been randomized."""
    rows = []
    for card in choice.selection.cards:
        own, *rest = jobs.results("forgetting", pieces[card.id])
        results = [result for result in rest if result]
        if own and results:
            rows.append(Row(card, own, {part: [r for r in results if r.part == part] for part in PARTS}))
    if rows:
        _show_maps(choice, rows)
        _show_correlations(choice, rows)
        seconds = sum(result.seconds for row in rows for results in row.parts.values() for result in results)
        count = " or ".join(map(str, sorted({len(row.own.maps) for row in rows})))
        st.caption(
            f"{describe_seconds(seconds, 'Forgetting')} ρ is the rank correlation of the map's cells before and after: "
            "1 where they keep their order, 0 where nothing of it is left. One figure for each shuffle on this image, "
            f"then the mean over all shuffles and {count} pictures, this one and others of the gallery, on which batch "
            "norms were settled anew. The maps above are those of the first shuffle."
        )


def _show_maps(choice: Choice, rows: Sequence[Row]) -> None:
    """A row for each variant: its own map, and its map once each part is randomized."""
    titles = unique_titles(choice)
    for row in rows:
        image = fit_picture(choice.chosen.picture, row.card.input, choice.fit).image
        attention = {"its own map": row.own.maps[0]}
        attention |= {f"without the {PARTS[part]}": r[0].maps[0] for part, r in row.parts.items() if r}
        limits = color_limits.limits(list(attention.values()), choice.view.scale)
        st.markdown(f"##### {escape_markdown(titles[row.card.id])}")
        with st.container(key=f"pairs-forgot-{row.card.id}"):
            columns = st.columns(4, gap="small")
        for column, (name, values), span in zip(columns, attention.items(), limits, strict=False):
            with column:
                st.caption(f"**{name}**")
                alt = maps.describe_map(values, f"Attention map of {row.card.title}, {name}")
                maps.show_map(image, values, choice.view, span, alt=alt, key=f"forgot-{row.card.id}-{name}")


def _show_correlations(choice: Choice, rows: Sequence[Row]) -> None:
    """Variants down, randomized parts across: rank correlation of the maps, and the prediction."""
    titles, body = unique_titles(choice), []
    for row in rows:
        label = numbers.short_label(class_names(row.card)[int(row.own.predictions[0].argmax())])
        cells = [_describe_results(results, label) for results in row.parts.values()]
        body.append((titles[row.card.id], [f"{label} {numbers.percent(row.own.predictions[0].max())}", *cells]))
    show_shaded_table(["Variant", "Answer by itself", *(f"Without the {name}" for name in PARTS.values())], body)


def _describe_results(results: Sequence[RandomizationResult], label: str) -> str:
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
