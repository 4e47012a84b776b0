"""The stages of a network on the page Inside: the diagram, in which each opens in place, and one cell."""

import html
from functools import partial

import numpy as np
import streamlit as st

from abn.explanations import stages
from abn.explanations.stages import STAGES, Trace
from abn.export.figures import MapStyle
from abn.plots import channel_grid, color_limits, color_maps, histogram, numbers, overlay
from abn.plots.cell_product import Product, product
from abn.plots.network_diagram import TITLES
from abn.plots.theme import HEAD_COLORS
from abn.ui import maps, url
from abn.ui.components import network_path
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import choose_by_number
from abn.ui.inside import traces, words
from abn.ui.inside.words import MEANINGS as MEANINGS  # which the lesson shows too
from abn.ui.state import state
from abn.variants.card import UNTRAINED_KIND, Card, class_names
from abn.vocabulary import EQUATIONS, MECHANISMS

FIRST_STAGE = "M"
SHOWN_FIRST = 4  # channels that are shown at first
TOP = 5  # logits

Colors = tuple[str, float, float]  # name of a color map, and its limits


def choose_applied(card: Card) -> str:
    """The mechanism that is applied: the one picked in the diagram for this variant, or that of its training."""
    if state.applied is None or url.went_back():
        given = st.query_params.get("applied", "")
        state.applied = card.id, given if given in MECHANISMS else card.mechanism
    variant, mechanism = state.applied
    applied = mechanism if variant == card.id else card.mechanism
    url.sync_query_param("applied", applied, card.mechanism)
    return applied


def show_network(trace: Trace, card: Card, choice: Choice) -> None:
    """The diagram of a trace, whose mechanism is the one applied; each stage opens in it, and Play walks along it."""
    chosen = (None if url.went_back() else state.stage) or st.query_params.get("stage", FIRST_STAGE)
    state.stage = chosen = chosen if chosen in STAGES else FIRST_STAGE
    url.sync_query_param("stage", chosen, FIRST_STAGE)
    view = choice.view

    def apply(mechanism: str) -> None:
        state.applied = card.id, mechanism

    def show_more(stage: str) -> None:
        state.channels_shown = stage, _next_count(_count_shown(stage), len(trace.stage(stage)))

    network_path.show(
        traces.get_contents(choice.chosen.picture, card, choice.fit, view, trace.mechanism),
        card.mechanism,
        chosen,
        label=words.DIAGRAM.format(variant=card.title),
        key="path",
        on_pick=partial(setattr, state, "stage"),
        trained=card.kind != UNTRAINED_KIND,
        applied=trace.mechanism,
        on_apply=apply,
        details=traces.cached(
            ("details", *_cell_key(card, choice), trace.mechanism, view.colors, view.scale, state.channels_shown),
            lambda: {stage: _describe_stage(trace, card, choice, stage) for stage in STAGES},
        ),
        on_more=show_more,
        controls=words.CONTROLS,
        note=words.DIAGRAM_NOTE,
        alert=_describe_intervention(trace, card, choice),
    )


def _describe_intervention(trace: Trace, card: Card, choice: Choice) -> str:
    """Where another mechanism is applied than that of the training: that it is, and what it changes; else nothing."""
    if trace.mechanism == card.mechanism:
        return ""
    labels = class_names(card)
    trained = traces.get_trace(choice.chosen.picture, card, choice.fit)
    (before, _, p), (after, _, q) = (stages.top_classes(t.logits, labels, 1)[0] for t in (trained, trace))
    effect = (words.APPLIED_SAME if before == after else words.APPLIED_EFFECT).format(
        before=f"{numbers.short_label(before)} {numbers.percent(p)}",
        after=f"{numbers.short_label(after)} {numbers.percent(q)}",
    )
    return f"{words.APPLIED.format(trained=card.mechanism, applied=trace.mechanism)} {effect}"


# ---- an open stage ----


def _describe_stage(trace: Trace, card: Card, choice: Choice, stage: str) -> str:
    """A stage as HTML: its meaning, its figures, the histogram of its values, and its channels or predictions."""
    values = trace.stage(stage)
    more = {"g′": words.GAINS[trace.mechanism], "A": words.CHANNELS_OF_A[trace.channels_are_classes]}.get(stage, "")
    symbol, name = TITLES.get(stage, stage), words.NAMES[stage]
    facts, kind = f"{_figures(stages.summarize(values))}{_histogram(values)}", ""
    if stage == "x":
        contents = _input(trace, card, choice)
    elif stage == "M":
        colors = choice.view.colors, *color_limits.limits([trace.attention], choice.view.scale)[0]
        kind, facts, contents = " with-map", f"{_tile(values, 0, colors, 'M')}{facts}", _scale(colors)
    elif values.ndim == 1:
        contents = _top_logits(values, card, stage)
    else:
        contents = _strongest(trace, card, choice.view, stage)
    return (
        f"<h3><b>{symbol}</b> {html.escape(name)} <small>{stages.format_shape(values)}</small></h3>"
        f"<p>{html.escape(f'{MEANINGS[stage]} {more}'.strip())}</p>"
        f'<div class="facts{kind}">{facts}</div>{contents}'
    )


def _figures(summary: stages.StageSummary) -> str:
    rows = {
        words.MIN: numbers.significant(summary.low),
        words.MEAN: numbers.significant(summary.mean),
        words.MAX: numbers.significant(summary.high),
        words.ZEROS: numbers.percent(summary.zeros) if summary.zeros else words.NO_ZEROS,
    }
    body = "".join(f"<div><dt>{name}</dt><dd>{html.escape(value)}</dd></div>" for name, value in rows.items())
    return f"<dl>{body}</dl>"


def _histogram(values: np.ndarray) -> str:
    low, high = map(numbers.significant, histogram.value_range(values))
    alt = html.escape(histogram.histogram_in_words(values))
    title = words.HISTOGRAM_NO_ZEROS if (values == 0).any() else words.HISTOGRAM
    return (
        f'<figure class="histogram" role="img" aria-label="{alt}">{title}{histogram.value_histogram(values)}'
        f'<div class="ends"><span>{low}</span><span>{high}</span></div></figure>'
    )


def _top_logits(values: np.ndarray, card: Card, stage: str) -> str:
    """The largest logits with their probabilities, whose bars have the head's color."""
    top = stages.top_classes(values, class_names(card), TOP)
    color = HEAD_COLORS["perception" if stage == "logits" else "auxiliary"]
    rows = "".join(
        f"<li><span>{html.escape(numbers.short_label(label))}</span>"
        f"<span>{words.LOGIT.format(logit=numbers.fixed(logit), probability=numbers.percent(probability))}</span>"
        f'<i style="--share: {100 * probability:.2f}%; --head: {color}"></i></li>'
        for label, logit, probability in top
    )
    label = words.LARGEST.format(count=len(top), all=len(values))
    return f'<ol aria-label="{label}">{rows}</ol>'


# ---- its channels ----


def _input(trace: Trace, card: Card, choice: Choice) -> str:
    values = trace.images
    colors = "gray", float(values.min()), float(values.max())
    whole = overlay.data_url(traces.input_image(trace, card))
    first, *names = words.INPUT_NAMES
    tiles = [_figure(whole, words.INPUT_ALT.format(alt=choice.chosen.alt), first)]
    tiles += [_tile(values, k, colors, name) for k, name in enumerate(names)]
    return _tiles(tiles) + _scale(colors)


def _strongest(trace: Trace, card: Card, view: MapStyle, stage: str) -> str:
    """The first channels in order, and a button for more."""
    values, own_scales = trace.stage(stage), view.scale == "each"
    count = min(len(values), _count_shown(stage))
    colors = channel_grid.color_range(values, view.colors)
    if stage == "class maps" or (stage == "A" and trace.channels_are_classes):
        names = [numbers.short_label(label) for label in class_names(card)]
    else:
        symbol = TITLES[stage].removesuffix("(x)")
        names = [words.CHANNEL.format(symbol=symbol, number=k + 1) for k in range(len(values))]
    means = (values if stage == "class maps" else np.abs(values)).mean((1, 2), dtype=float)
    order = np.argsort(-means, kind="stable") if stage == "class maps" else stages.order_by_magnitude(values)
    tiles = []
    for k in order[:count].tolist():
        own = channel_grid.color_range(values[k], view.colors) if own_scales else colors
        tiles.append(_tile(values, k, own, names[k], numbers.fixed(means[k]) if means[k] >= 0.1 else f"{means[k]:.2g}"))
    note = words.CHANNELS[stage].format(count=count, all=len(values))
    note += f", {words.OWN_SCALES}" if own_scales else ""
    button = ""
    if count < len(values):
        label = words.MORE_CHANNELS.format(count=_next_count(count, len(values)), all=len(values))
        button = f'<button type="button" data-more="{stage}">{label}</button>'
    return (
        f"{_tiles(tiles)}{'' if own_scales else _scale(colors)}"
        f'<div class="more"><span>{html.escape(note)}</span>{button}</div>'
    )


def _count_shown(stage: str) -> int:
    of, count = state.channels_shown or ("", SHOWN_FIRST)
    return count if of == stage else SHOWN_FIRST


def _next_count(count: int, of: int) -> int:
    return min(of, 3 * count if count == SHOWN_FIRST else 2 * count)


def _tiles(tiles: list[str]) -> str:
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _scale(colors: Colors) -> str:
    """The colors with their numbers as text."""
    ticks = "".join(f"<span>{number}</span>" for number in color_maps.bar_numbers(*colors[1:])[::2])
    return (
        f'<div class="scale"><i style="background: {color_maps.css_gradient(colors[0])}"></i>'
        f'<div class="ends">{ticks}</div></div>'
    )


def _tile(values: np.ndarray, index: int, colors: Colors, name: str, mean: str = "") -> str:
    """A channel of (N, h, w) as a figure with its `name`, and its `mean` below."""
    (tile,) = channel_grid.channel_tiles(values, [index], *colors)
    low, high = numbers.significant(tile.low), numbers.significant(tile.high)
    return _figure(tile.source, words.CHANNEL_ALT.format(name=name, low=low, high=high), name, mean)


def _figure(source: str, alt: str, name: str, number: str = "") -> str:
    alt, name = html.escape(alt), html.escape(name)
    below = f"<span>{html.escape(number.replace('-', '−'))}</span>" if number else ""
    return f'<figure><img src="{source}" alt="{alt}"><figcaption title="{name}">{name}{below}</figcaption></figure>'


# ---- one cell ----


def show_cell(trace: Trace, card: Card, choice: Choice) -> None:
    """One cell of M picked on the input, and what each mechanism computes from it, with all numbers."""
    from abn.explanations.trace import cell_products

    row, column = _choose_cell(trace, card, choice)
    h, w = trace.attention.shape
    is_brightest = (row, column) == trace.brightest_cell

    def pick(row: int, column: int) -> None:
        state.cell = _cell_key(card, choice), (row, column)

    st.markdown(f"##### {words.CELL_HEADING}", help=words.CELL_HELP)
    left, right = st.columns([1, 2], gap="medium")
    with left:
        maps.show_attention(
            traces.input_image(trace, card),
            trace.attention,
            choice.view,
            title=words.CELL_MAP.format(variant=card.title),
            key="cell-map",
            picked=(row, column),
            on_pick=pick,
        )
    with right:
        place = words.CELL.format(row=row + 1, rows=h, column=column + 1, columns=w)
        st.markdown(place + (words.BRIGHTEST if is_brightest else ""))
        channel = choose_by_number(
            words.CHANNEL_LABEL,
            [words.CHANNEL_OPTION.format(number=k + 1) for k in range(len(trace.features))],
            words.CHANNEL_AUTOMATIC,
            trace.strongest_channel(row, column),
            key="channel",
            name="channel",
        )
        st.markdown(words.CELL_CHANNEL.format(number=channel + 1))
        results = [product(*values) for values in cell_products(trace, row, column, channel)]
        lines = "".join(_product_html(result, card.mechanism, trace.mechanism) for result in results)
        st.html(f'<ul class="abn-sums">{lines}</ul>')
        applied, count = next(r for r in results if r.mechanism == trace.mechanism), len(trace.features)
        note = words.CELL_UNCHANGED if trace.mechanism == "none" else words.CELL_GAIN
        st.caption(note.format(attention=applied.attention, count=count, gain=applied.gain))


def _cell_key(card: Card, choice: Choice) -> tuple:
    return choice.chosen.picture.sha256, card.sha256, choice.fit


def _choose_cell(trace: Trace, card: Card, choice: Choice) -> tuple[int, int]:
    """Row and column of the picked cell; at first that of the address or the brightest one."""
    key, (h, w) = _cell_key(card, choice), trace.attention.shape
    row, column = trace.brightest_cell
    given = url.whole_numbers("cell")
    if url.went_back():
        state.cell = None
    if state.cell and state.cell[0] == key:
        row, column = state.cell[1]
    elif not state.cell and len(given) == 2 and 1 <= given[0] <= h and 1 <= given[1] <= w:
        row, column = given[0] - 1, given[1] - 1
    state.cell = key, (row, column)
    url.sync_query_param("cell", "" if (row, column) == trace.brightest_cell else f"{row + 1},{column + 1}", "")
    return row, column


def _product_html(result: Product, trained: str, applied: str) -> str:
    m, g = result.attention, f"({result.before})" if result.before.startswith("−") else result.before
    factors = {"additive": f"= (1 + {m}) × {g}", "multiplicative": f"= {m} × {g}", "none": ""}[result.mechanism]
    label = {
        (True, True): words.CELL_TRAINED_APPLIED,
        (True, False): words.CELL_TRAINED,
        (False, True): words.CELL_APPLIED,
        (False, False): words.CELL_OTHER,
    }[result.mechanism == trained, result.mechanism == applied].format(mechanism=result.mechanism)
    return (
        f'<li class="{"abn-own" if result.mechanism == applied else ""}"><small>{label}</small>'
        f"<span>g′ = {EQUATIONS[result.mechanism]}</span> <span>{factors}</span> <span>= {result.after}</span></li>"
    )
