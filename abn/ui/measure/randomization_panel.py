"""Randomization on Measure: maps and predictions while the weights of one part after the other are shuffled.

A cascade from the output on, as of Adebayo et al. 2018 (arXiv 1810.03292): the perception branch, then the attention
branch too, then all.
"""

import functools
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from abn.engine.inference import stack_images
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.images.fit import fit_picture
from abn.plots import color_limits, numbers
from abn.ui import maps
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import IN_ADDRESS, choose, show_shaded_table
from abn.ui.layout import escape_markdown
from abn.ui.measure import words
from abn.ui.measure.sections import seconds_of_passes, unique_titles
from abn.ui.runtime import cache, jobs, models
from abn.ui.runtime.jobs import Job, Piece
from abn.ui.runtime.turns import page_turn
from abn.variants.card import Card, class_names

if TYPE_CHECKING:
    from abn.evaluation.randomization import NetworkOutputs, RandomizationResult

JOB = "randomization"
PICTURES = 8  # this one and others of the gallery
SEEDS = (1, 2, 4)
CASCADE = (  # the parts that each step randomizes, in the order of the forward pass, as batch norms are recalibrated
    ("perception_branch",),
    ("attention_branch", "perception_branch"),
    ("extractor", "attention_branch", "perception_branch"),
)
ROW_WIDTH = 960  # pixels of a row of small multiples
TORCH_FACTOR = 3.0  # PyTorch over ONNX Runtime, of a forward pass, until one was timed: 2 to 10, by variant

Outcomes = dict[int, "list[RandomizationResult]"]  # number of randomized parts → a result for each shuffle


def show_randomization(choice: Choice) -> Job:
    """The cascade of each chosen variant, once for each seed: the maps, and how similar they stay."""
    heading, plan = st.container(key="section-learned"), st.empty()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seeds = choose(words.SHUFFLES, SEEDS, "forget_seeds", default=2, help=words.SHUFFLES_HELP, **IN_ADDRESS)
        pieces = {card.id: _pieces(choice, card, seeds) for card in choice.selection.cards}
        flat = [piece for of_variant in pieces.values() for piece in of_variant]
        seconds = sum(_estimate(card, seeds) for card in choice.selection.cards)
        label = words.RANDOMIZE.format(duration=words.duration(seconds))
        job = jobs.control(JOB, flat, label, icon=":material/shuffle:")
    with st.container():  # so that nothing below it moves while a job runs
        _show_results(choice, pieces)
    result = _headline(pieces)
    heading.subheader(result or words.RANDOMIZATION, anchor="learned", help=words.RANDOMIZATION_HELP)
    if not result:
        plan.markdown(words.RANDOMIZATION_PLAN)
    return job


def _estimate(card: Card, seeds: int) -> float:
    """Seconds that a variant's cascade takes: by the first of its steps that this server has timed, if there is one."""
    batches = 1 + seeds * sum(map(_count_batches, CASCADE))
    timed = cache.server_cache().get(_timing_key(card))
    return batches * timed if timed else TORCH_FACTOR * seconds_of_passes(card, PICTURES * batches)


def _count_batches(parts: tuple[str, ...]) -> int:
    """How often a step runs the network on all images: each part is recalibrated, then outputs are computed."""
    return len(parts) + 1


def _timing_key(card: Card) -> tuple:
    return ("seconds of a randomized batch", card.id, card.sha256)


def _headline(pieces: dict[str, list[Piece]]) -> str:
    """The rank correlations of all variants once all weights are shuffled; empty until they are there."""
    values = []
    for of_variant in pieces.values():
        last = jobs.results(JOB, of_variant[len(CASCADE) :: len(CASCADE)])
        if not all(last):
            return ""
        values.append(_mean_correlation(last))
    return words.RANDOMIZATION_RESULT.format(values=words.value_range([*map(_format_correlation, sorted(values))]))


def _pieces(choice: Choice, card: Card, seeds: int) -> list[Piece]:
    """The trained network's outputs first, then each step of the cascade and seed."""
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

    own_piece = Piece((*key, "whole"), words.TRAINED_PIECE.format(title=card.title), compute_own)

    def randomized_piece(parts: tuple[str, ...], seed: int) -> Piece:
        def compute(_progress: jobs.Progress) -> "RandomizationResult":
            network, images = models.load_network(card), load_inputs()
            from abn.evaluation import randomization

            (own,) = jobs.results(JOB, [own_piece])
            *first, last = parts
            with page_turn():
                started = time.perf_counter()
                for part in first:
                    network = randomization.randomize_weights(network, part, images, seed=seed)
                result = randomization.compare_randomized(network, own, images, last, seed=seed)
                seconds = (time.perf_counter() - started) / _count_batches(parts)
            cache.server_cache().get_or_compute([_timing_key(card)], lambda _missing: [seconds])
            return result

        step = words.STEPS_OF_CASCADE[len(parts)]
        label = words.RANDOMIZED_PIECE.format(title=card.title, step=step, number=seed + 1)
        return Piece((*key, parts, seed), label, compute)

    return [own_piece, *(randomized_piece(parts, seed) for seed in range(seeds) for parts in CASCADE)]


def _pictures(chosen: Picture, card: Card) -> list[Picture]:
    """The chosen image first, then gallery images of the kind that the variant was trained on."""
    photos = [photo for photo in samples.gallery().values() if photo.kind == card.kind]
    photos = photos or [photo for photo in samples.gallery().values() if photo.kind == "photograph"]
    gallery = [open_picture(photo.path.read_bytes(), name=photo.file) for photo in photos[:PICTURES]]
    return [chosen, *(picture for picture in gallery if picture.sha256 != chosen.sha256)][:PICTURES]


def _show_results(choice: Choice, pieces: dict[str, list[Piece]]) -> None:
    """A row for each variant of which a step is done: its trained map and its map after each step; and the numbers."""
    titles, table, seconds, counts = unique_titles(choice), [], 0.0, set()
    for card in choice.selection.cards:
        own, *rest = jobs.results(JOB, pieces[card.id])
        # a piece's place in the cascade: pieces follow each other seed by seed
        by_step: Outcomes = {
            len(parts): [result for result in rest[step :: len(CASCADE)] if result]
            for step, parts in enumerate(CASCADE)
        }
        if not own or not any(by_step.values()):
            continue
        label = numbers.short_label(class_names(card)[int(own.predictions[0].argmax())])
        probability = numbers.percent(own.predictions[0].max())
        predicts = words.PREDICTS.format(label=label, probability=probability)
        _show_row(choice, card, titles[card.id], predicts, own, by_step)
        table.append((titles[card.id], [predicts, *(_describe_all(of_step, label) for of_step in by_step.values())]))
        seconds += sum(result.seconds for of_step in by_step.values() for result in of_step)
        counts.add(len(own.maps))
    if table:
        with st.expander(words.NUMBERS_AND_LIMITS, icon=":material/123:"):
            columns = [words.RANDOMIZED_COLUMN.format(step=step) for step in words.STEPS_OF_CASCADE.values()]
            show_shaded_table([words.VARIANT, words.PREDICTION, *columns], table)
            images = " or ".join(map(str, sorted(counts)))
            st.caption(f"{words.RANDOMIZATION_NOTE.format(images=images)} {words.took(seconds)}")
            st.markdown(words.RANDOMIZATION_LIMITS)


def _show_row(choice: Choice, card: Card, title: str, predicts: str, own: "NetworkOutputs", by_step: Outcomes) -> None:
    """Small multiples: the trained map, then a map after each step of the cascade with what became of it."""
    image = fit_picture(choice.chosen.picture, card.input, choice.fit).image
    shown = {words.TRAINED: (own.maps[0], "")}
    for count, of_step in by_step.items():
        if of_step:
            step = words.STEPS_OF_CASCADE[count]
            shown[step] = of_step[0].maps[0], f"{_describe_correlations(of_step)}, {_describe_changes(of_step)}"
    limits = color_limits.limits([values for values, _ in shown.values()], choice.view.scale)
    st.markdown(words.ROW.format(title=escape_markdown(title), predicts=escape_markdown(predicts)))
    with st.container(key=f"pairs-cascade-{card.id}", width=ROW_WIDTH):
        columns = st.columns(len(CASCADE) + 1, gap="small")
    for column, (step, (values, text)), span in zip(columns, shown.items(), limits, strict=False):
        with column:
            st.markdown(f"**{step}**")
            alt, key = words.MAP_TITLE.format(title=title, step=step), f"cascade-{card.id}-{step}"
            maps.show_attention(image, values, choice.view, title=alt, key=key, limits=span)
            st.markdown(text)


def _describe_correlations(results: "Sequence[RandomizationResult]") -> str:
    """ρ of each shuffle on this image."""
    if all(result.maps_identical for result in results):
        return words.IDENTICAL
    values = " · ".join(_format_correlation(result.rank_correlations[0]) for result in results)
    return words.CORRELATION.format(values=values)


def _describe_changes(results: "Sequence[RandomizationResult]") -> str:
    """In how many shuffles the prediction for this image changed."""
    changes, count = sum(bool(result.changes_prediction[0]) for result in results), len(results)
    partly = words.PART_CHANGED.format(changes=changes, count=count)
    return {0: words.UNCHANGED, count: words.ALL_CHANGED}.get(changes, partly)


def _describe_all(results: "Sequence[RandomizationResult]", label: str) -> str:
    """Each shuffle on this image, the mean of all shuffles and images, and the prediction for this image."""
    if not results:
        return words.NOT_MEASURED
    return words.ALL_IMAGES.format(
        here=_describe_correlations(results),
        mean=_format_correlation(_mean_correlation(results)),
        label=label,
        probability=numbers.percent(float(np.mean([result.after[0] for result in results]))),
        change=_describe_changes(results),
    )


def _mean_correlation(results: "Sequence[RandomizationResult]") -> float:
    """The mean ρ of all shuffles and images; NaN where all maps are flat."""
    values = np.concatenate([result.rank_correlations for result in results])
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else np.nan


def _format_correlation(value: float) -> str:
    return words.FLAT if np.isnan(value) else numbers.fixed(value)
