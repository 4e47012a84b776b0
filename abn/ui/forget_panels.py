"""What the Measure page shows of forgetting: maps and answers once a part of a network has lost what it learnt."""

import functools
from collections.abc import Sequence

import numpy as np
import streamlit as st

from abn import first_view, render, sanity
from abn.explainer import Fed, feed
from abn.picture import Picture, fit_picture, open_picture
from abn.sanity import Forgotten, Said
from abn.ui import jobs, live, panels
from abn.ui.bar import Choice
from abn.ui.frame import plain
from abn.ui.jobs import Job, Piece
from abn.ui.measure_panels import KEEP, both_sides, names, table, took
from abn.variants import Card, class_names

PICTURES = 8  # this one and others of the gallery
SEEDS = (1, 2, 4)
PARTS = {  # in the order of the page: what can change M first
    "attention_branch": "attention branch",
    "extractor": "feature extractor",
    "perception_branch": "perception branch",
}

Row = tuple[Card, Said, dict[str, list[Forgotten]]]  # a variant, what it says by itself, and without each part


def forgetting(choice: Choice) -> Job:
    """Each part of each chosen variant forgets, once for each seed; the maps, and how alike they stay."""
    seeds = st.segmented_control(
        "Shuffles of the weights", SEEDS, default=2, key="forget_seeds", help="Each is another seed.", **KEEP
    )
    pieces = {card.id: _pieces(choice, card, seeds) for card in choice.asked.cards}
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
        "say. If the map stays as it was, it never showed what that part had learnt. If it changes, what was learnt "
        "there is in it. A high ρ without the attention branch hints that the features of the extractor alone already "
        "draw most of this map; and an answer that stays then did not need the map's details.",
        "A map that changes need not be right, only learnt. Shuffled weights keep their mean, so that a layer that "
        "mostly adds up still does, and they react to edges: a ρ above 0 alone is no alarm. And forgetting the "
        "perception branch **can't** change M, which is made before it: ρ is exactly 1 there, while the answer is lost "
        "all the same. Who randomises only the last layers, as is usual for other methods, learns nothing of this map.",
    )
    return job


def _found(choice: Choice, pieces: dict[str, list[Piece]]) -> None:
    """Maps and figures of those variants of which some part has forgotten."""
    rows: list[Row] = []
    for card in choice.asked.cards:
        own, *rest = jobs.found("forgetting", pieces[card.id])
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
    """The picture itself first, then others of the kind that the variant learnt."""
    photos = [photo for photo in first_view.gallery().values() if photo.kind == card.kind]
    photos = photos or [photo for photo in first_view.gallery().values() if photo.kind == "photograph"]
    others = [open_picture(photo.path.read_bytes(), name=photo.file) for photo in photos[:PICTURES]]
    return [chosen, *(one for one in others if one.sha256 != chosen.sha256)][:PICTURES]


def _pieces(choice: Choice, card: Card, seeds: int) -> list[Piece]:
    """What the whole network says first, then each part and seed."""
    whose = (choice.chosen.picture.sha256, card.id, card.sha256, choice.fit)

    @functools.cache
    def fed() -> Fed:  # only where there is something to do
        pictures = _pictures(choice.chosen.picture, card)
        return feed([fit_picture(one, card.input, choice.fit) for one in pictures], card.input)

    def own(_tell) -> Said:
        network, images = live.network(card), fed().images
        with live.engine().turns:
            return sanity.said(network, images)

    first = Piece((*whose, "whole"), f"{card.title}, nothing forgotten", own)

    def forget(part: str, seed: int) -> Piece:
        def make(_tell) -> Forgotten:
            network, images = live.network(card), fed().images
            (said,) = jobs.found("forgetting", [first])
            with live.engine().turns:
                return sanity.compare(network, said, images, part, seed=seed)

        return Piece((*whose, part, seed), f"{card.title} forgets its {PARTS[part]}, shuffle {seed + 1}", make)

    return [first, *(forget(part, seed) for seed in range(seeds) for part in PARTS)]


def _maps(choice: Choice, rows: Sequence[Row]) -> None:
    """A row for each variant: its own map, and its map once each part has forgotten."""
    titles = names(choice)
    for card, own, parts in rows:
        image = fit_picture(choice.chosen.picture, card.input, choice.fit).image
        columns = {"its own map": own.maps[0]}
        columns |= {f"without the {PARTS[part]}": some[0].maps[0] for part, some in parts.items() if some}
        spans = render.limits(list(columns.values()), choice.view.scale)
        st.markdown(f"##### {plain(titles[card.id])}")
        with st.container(key=f"pairs-forgot-{card.id}"):
            places = st.columns(4, gap="small")
        for place, (what, attention), span in zip(places, columns.items(), spans, strict=False):
            with place:
                st.caption(f"**{what}**")
                alt = panels.map_in_words(attention, f"Attention map of {card.title}, {what}")
                panels.over(image, attention, choice.view, span, alt=alt, key=f"forgot-{card.id}-{what}")


def _table(choice: Choice, rows: Sequence[Row]) -> None:
    """Variants down, forgotten parts across: how alike the maps stay, and what is left of the answer."""
    titles, body = names(choice), []
    for card, own, parts in rows:
        label = render.short_label(class_names(card)[int(own.answers[0].argmax())])
        cells = [_in_short(some, label) for some in parts.values()]
        body.append([titles[card.id], f"{label} {render.percent(own.answers[0].max())}", *cells])
    table(["Variant", "Answer by itself", *(f"Without the {name}" for name in PARTS.values())], body)


def _in_short(some: Sequence[Forgotten], label: str) -> str:
    """Each seed on this picture, the mean of all seeds and pictures, and the answer to this picture."""
    if not some:
        return "–"
    if all(one.same for one in some):
        alike = "ρ 1: every cell of every map is the very same"
    else:
        here = " · ".join(_number(one.alike[0]) for one in some)
        known = np.concatenate([one.alike for one in some])
        known = known[~np.isnan(known)]
        alike = f"ρ {here} here, {_number(known.mean() if known.size else np.nan)} over all pictures"
    left = render.percent(float(np.mean([one.after[0] for one in some])))
    flips = sum(bool(one.flips[0]) for one in some)
    answer = {0: "the same answer", len(some): "another answer"}.get(flips, f"another answer in {flips} of {len(some)}")
    return f"{alike}\n{label} {left}, {answer}"


def _number(value: float) -> str:
    return "flat" if np.isnan(value) else f"{value:.2f}".replace("-", "−")
