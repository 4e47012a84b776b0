"""What the Measure page shows of forgetting: maps and answers once a part of a network has lost what it learned."""

import functools
from collections.abc import Sequence

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
from abn.ui.measure.deletion_insertion_panel import KEEP, both_sides, names, table, took
from abn.ui.runtime import jobs, models
from abn.ui.runtime.engine import page_turn
from abn.ui.runtime.jobs import Job, Piece
from abn.variants.card import Card, class_names

PICTURES = 8  # this one and others of the gallery
SEEDS = (1, 2, 4)
PARTS = {  # in the order of the page: what can change M first
    part: vocabulary.PARTS[part] for part in ("attention_branch", "extractor", "perception_branch")
}

Row = tuple[
    Card, NetworkOutputs, dict[str, list[RandomizationResult]]
]  # a variant, what it says by itself, and without each part


def forgetting(choice: Choice) -> Job:
    """Each part of each chosen variant forgets, once for each seed; the maps, and how alike they stay."""
    seeds = st.segmented_control(
        "Shuffles of the weights", SEEDS, default=2, key="forget_seeds", help="Each is another seed.", **KEEP
    )
    pieces = {card.id: _pieces(choice, card, seeds) for card in choice.selection.cards}
    job = jobs.control(
        "forgetting",
        [piece for some in pieces.values() for piece in some],
        "Let each part forget",
        icon=":material/psychology_alt:",
    )
    with st.container():  # so that nothing below it moves while a job goes on
        _found(choice, pieces)
    both_sides(
        "The weights of one part are shuffled among their own places, so that they keep their sizes and lose what they "
        "say. If the map stays as it was, it never showed what that part had learned. If it changes, what was learned "
        "there is in it. A high ρ without the attention branch hints that the features of the extractor alone already "
        "draw most of this map; and an answer that stays then did not need the map's details.",
        "A map that changes need not be right, only learned. Shuffled weights keep their mean, so that a layer that "
        "mostly adds up still does, and they react to edges: a ρ above 0 alone is no alarm. And forgetting the "
        "perception branch **can't** change M, which is made before it: ρ is exactly 1 there, while the answer is lost "
        "all the same. Who randomizes only the last layers, as is usual for other methods, learns nothing of this map.",
    )
    return job


def _found(choice: Choice, pieces: dict[str, list[Piece]]) -> None:
    """Maps and figures of those variants of which some part has forgotten."""
    rows: list[Row] = []
    for card in choice.selection.cards:
        own, *rest = jobs.results("forgetting", pieces[card.id])
        if own and any(rest):
            rows.append((card, own, {part: [one for one in rest if one and one.part == part] for part in PARTS}))
    if rows:
        _maps(choice, rows)
        _table(choice, rows)
        seconds = sum(one.seconds for *_, parts in rows for some in parts.values() for one in some)
        many = " or ".join(map(str, sorted({len(own.maps) for _, own, _ in rows})))
        st.caption(
            f"{took(seconds, 'Forgetting')} ρ is the rank correlation of the map's cells before and after: 1 where "
            "they keep their order, 0 where nothing of it is left. One figure for each shuffle on this picture, then "
            f"the mean over all shuffles and {many} pictures, this one and others of the gallery, on which batch norms "
            "were settled anew. The maps above are those of the first shuffle."
        )


def _pictures(chosen: Picture, card: Card) -> list[Picture]:
    """The picture itself first, then others of the kind that the variant learned."""
    photos = [photo for photo in samples.gallery().values() if photo.kind == card.kind]
    photos = photos or [photo for photo in samples.gallery().values() if photo.kind == "photograph"]
    others = [open_picture(photo.path.read_bytes(), name=photo.file) for photo in photos[:PICTURES]]
    return [chosen, *(one for one in others if one.sha256 != chosen.sha256)][:PICTURES]


def _pieces(choice: Choice, card: Card, seeds: int) -> list[Piece]:
    """What the whole network says first, then each part and seed."""
    whose = (choice.chosen.picture.sha256, card.id, card.sha256, choice.fit)

    @functools.cache
    def fed() -> InputBatch:  # only where there is something to do
        pictures = _pictures(choice.chosen.picture, card)
        return stack_inputs([fit_picture(one, card.input, choice.fit) for one in pictures], card.input)

    def own(_tell) -> NetworkOutputs:
        network, images = models.load_network(card), fed().images
        with page_turn():
            return randomization.network_outputs(network, images)

    first = Piece((*whose, "whole"), f"{card.title}, nothing forgotten", own)

    def forget(part: str, seed: int) -> Piece:
        def make(_tell) -> RandomizationResult:
            network, images = models.load_network(card), fed().images
            (said,) = jobs.results("forgetting", [first])
            with page_turn():
                return randomization.compare_randomized(network, said, images, part, seed=seed)

        return Piece((*whose, part, seed), f"{card.title} forgets its {PARTS[part]}, shuffle {seed + 1}", make)

    return [first, *(forget(part, seed) for seed in range(seeds) for part in PARTS)]


def _maps(choice: Choice, rows: Sequence[Row]) -> None:
    """A row for each variant: its own map, and its map once each part has forgotten."""
    titles = names(choice)
    for card, own, parts in rows:
        image = fit_picture(choice.chosen.picture, card.input, choice.fit).image
        columns = {"its own map": own.maps[0]}
        columns |= {f"without the {PARTS[part]}": some[0].maps[0] for part, some in parts.items() if some}
        spans = color_limits.limits(list(columns.values()), choice.view.scale)
        st.markdown(f"##### {escape_markdown(titles[card.id])}")
        with st.container(key=f"pairs-forgot-{card.id}"):
            places = st.columns(4, gap="small")
        for place, (what, attention), span in zip(places, columns.items(), spans, strict=False):
            with place:
                st.caption(f"**{what}**")
                alt = maps.describe_map(attention, f"Attention map of {card.title}, {what}")
                maps.show_map(image, attention, choice.view, span, alt=alt, key=f"forgot-{card.id}-{what}")


def _table(choice: Choice, rows: Sequence[Row]) -> None:
    """Variants down, forgotten parts across: how alike the maps stay, and what is left of the answer."""
    titles, body = names(choice), []
    for card, own, parts in rows:
        label = numbers.short_label(class_names(card)[int(own.predictions[0].argmax())])
        cells = [_in_short(some, label) for some in parts.values()]
        body.append([titles[card.id], f"{label} {numbers.percent(own.predictions[0].max())}", *cells])
    table(["Variant", "Answer by itself", *(f"Without the {name}" for name in PARTS.values())], body)


def _in_short(some: Sequence[RandomizationResult], label: str) -> str:
    """Each seed on this picture, the mean of all seeds and pictures, and the answer to this picture."""
    if not some:
        return "–"
    if all(one.maps_identical for one in some):
        alike = "ρ 1: every cell of every map is the very same"
    else:
        here = " · ".join(_number(one.rank_correlations[0]) for one in some)
        known = np.concatenate([one.rank_correlations for one in some])
        known = known[~np.isnan(known)]
        alike = f"ρ {here} here, {_number(known.mean() if known.size else np.nan)} over all pictures"
    left = numbers.percent(float(np.mean([one.after[0] for one in some])))
    flips = sum(bool(one.changes_prediction[0]) for one in some)
    answer = {0: "the same answer", len(some): "another answer"}.get(flips, f"another answer in {flips} of {len(some)}")
    return f"{alike}\n{label} {left}, {answer}"


def _number(value: float) -> str:
    return "flat" if np.isnan(value) else numbers.fixed(value)
