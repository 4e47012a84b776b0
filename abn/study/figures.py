"""Numbers, the study's above all → Plotly figures, drawn alike on light and dark ground, and the same in words.

A row is a thing measured; its small circles are the seeds, the large mark is their mean and the bar its 95 % interval.
"""

from collections.abc import Iterable, Sequence

import plotly.graph_objects as go

from abn.plots.theme import BLUE, DOTTED, GRAY, ORANGE, escape, layout, note
from abn.study.findings import PARTS, SINGLE, Cost, Finding, Published, Spread, number

LOOKS = {  # kind of a row → color and mark of its mean
    "arm": (BLUE, "diamond"),
    "control": (GRAY, "square"),
    "bright": (ORANGE, "triangle-up"),
    "dark": (BLUE, "triangle-down"),
}
PART_LOOKS = {"extractor": (GRAY, ""), "perception_branch": (BLUE, ""), "attention_branch": (ORANGE, "/")}
ROW = 62  # pixels of a row's height
MEAN, SEEDS = 0.53, 0.78  # where in a row they lie, below its label


def dots(finding: Finding, panel: str) -> go.Figure:
    """One panel of a finding: a row for each spread, all panels of it on one scale."""
    rows, figure = finding.rows[panel], go.Figure()
    kinds = dict.fromkeys(row.kind for row in rows if row.by_seed)
    for kind in kinds:
        some = [(place, row) for place, row in enumerate(rows) if row.kind == kind and row.by_seed]
        color, mark = LOOKS[kind]
        first = kind == next(iter(kinds))
        figure.add_scatter(
            name="one seed",
            x=[value for _, row in some for value in row.by_seed.values()],
            y=[place + SEEDS for place, row in some for _ in row.by_seed],
            customdata=[[escape(row.label), seed] for _, row in some for seed in row.by_seed],
            hovertemplate=f"%{{customdata[0]}}<br>seed %{{customdata[1]}}: %{{x:.{finding.digits}f}}<extra></extra>",
            mode="markers",
            marker={"color": color, "size": 8, "opacity": 0.8, "line": {"width": 0}},
            showlegend=first,
        )
        figure.add_scatter(
            name="mean and 95 % interval",
            x=[row.mean for _, row in some],
            y=[place + MEAN for place, _ in some],
            error_x={
                "array": [0 if row.high is None or row.mean is None else row.high - row.mean for _, row in some],
                "arrayminus": [0 if row.low is None or row.mean is None else row.mean - row.low for _, row in some],
                "symmetric": False,
                "color": color,
                "thickness": 4,
                "width": 0,
            },
            customdata=[escape(f"{row.label}: {_in_words(row, finding.digits)}") for _, row in some],
            hovertemplate="%{customdata}<extra></extra>",
            mode="markers",
            marker={
                "color": color,
                "size": 13,
                "symbol": [
                    f"{mark}-open" if row.against and row.seen not in ("higher", "lower") else mark for _, row in some
                ],
                "line": {"width": 2, "color": color},
            },
            showlegend=first,
        )
    notes = _notes((escape(row.label), _in_words(row, finding.digits, short=True)) for row in rows)
    lines = [] if finding.reference is None else _line(finding.reference, len(rows))
    _lay_out_rows(figure, len(rows), finding.axis, notes, lines)
    return figure.update_xaxes(range=span(finding, panel))


def _lay_out_rows(figure: go.Figure, rows: int, axis: str, notes: list[dict], lines: list[dict], top: int = 34) -> None:
    """Rows of one height below a legend that is `top` pixels high."""
    bottom = 52 + 18 * axis.count("<br>")
    figure.update_layout(
        **layout(ROW * rows + top + bottom, (8, 8, top, bottom), axis), annotations=notes, shapes=lines
    )
    figure.update_layout(showlegend=True)
    figure.update_xaxes(showgrid=True, nticks=7, automargin=False)
    figure.update_yaxes(range=[rows, -0.05], visible=False)


def span(finding: Finding, panel: str) -> tuple[float, float]:
    """Where a panel's axis begins and ends, in all alike if they share it: seeds, intervals, reference are on it."""
    panels = finding.rows if finding.one_scale else [panel]
    shown = [value for name in panels for row in finding.rows[name] for value in _extent(row)]
    shown += [] if finding.reference is None else [finding.reference]
    shown += finding.span or ()
    low, high = (min(shown), max(shown)) if shown else (0.0, 1.0)
    room = 0.05 * (high - low) or 1.0
    return low - room, high + room


def _extent(row: Spread) -> list[float]:
    return [*row.by_seed.values(), *(bound for bound in (row.low, row.high) if row.by_seed and bound is not None)]


def alt(finding: Finding, panel: str) -> str:
    """A panel in words: every row with its mean, interval and seeds."""
    rows = []
    for row in finding.rows[panel]:
        seeds = ", ".join(number(value, finding.digits) for value in row.by_seed.values())
        rows.append(f"{row.label}: {_in_words(row, finding.digits)}" + (f"; seeds {seeds}" if seeds else ""))
    return f"{panel}, {finding.axis.replace('<br>', ' ')}. {'. '.join(rows)}."


def _in_words(row: Spread, digits: int, *, short: bool = False) -> str:
    if row.mean is None:
        return "not measured"
    signed = bool(row.against)
    mean = number(row.mean, digits, sign=signed)
    if row.low is None or row.high is None:
        return f"{mean}, one seed"
    low, high = (number(bound, digits, sign=signed) for bound in (row.low, row.high))
    return f"{mean} [{low}, {high}]" if short else f"mean {mean}, 95 % interval {low} to {high}"


def _notes(rows: Iterable[tuple[str, str]]) -> list[dict]:
    """Two texts above each row: what it is, and its number."""
    return [
        note(text, side, place + 0.02, "top")
        for place, pair in enumerate(rows)
        for text, side in zip(pair, ("left", "right"), strict=True)
    ]


def _line(x: float, rows: int, layer: str = "below") -> list[dict]:
    """A dotted line down all rows that leaves out their labels."""
    ends = [{"x0": x, "x1": x, "y0": place + 0.36, "y1": place + 0.98} for place in range(rows)]
    return [{"type": "line", "line": DOTTED, "layer": layer, **where} for where in ends]


# ---- cost ----


def cost_rows(cost: Cost) -> list[tuple[str, str, int | None]]:
    """What the bars of a cost show: (label, field of `Part`, images at once)."""
    images = {batch: f"{batch} image{'s' if batch > 1 else ''} at once" for batch in cost.batches}
    return [
        ("parameters", "parameters", None),
        ("FLOPs", "flops", None),
        *((f"time, {text}", "seconds", batch) for batch, text in images.items()),
        *((f"peak memory, {text}", "peak_bytes", batch) for batch, text in images.items()),
    ]


def cost_bars(cost: Cost) -> go.Figure:
    """What a network costs in percent of the plain CNN, the attention branch's share on top.

    Peaks of memory don't add up, so that they get one bar for the whole.
    """
    rows, figure = cost_rows(cost), go.Figure()
    added = [place for place, (_, what, _) in enumerate(rows) if what != "peak_bytes"]
    for part in SINGLE:
        color, pattern = PART_LOOKS[part]
        _bar(figure, PARTS[part], added, [_share(cost, part, *rows[place][1:]) for place in added], color, pattern)
    peaks = [place for place in range(len(rows)) if place not in added]
    shares = [_share(cost, "whole", *rows[place][1:]) for place in peaks]
    _bar(figure, "whole network (peaks don't add up)", peaks, shares, "#9a6fb0", ".")
    notes = _notes((label, f"× {cost.ratio(what, batch):.2f}") for label, what, batch in rows)
    lines = _line(100, len(rows), "above")
    _lay_out_rows(figure, len(rows), "percent of the plain CNN's", notes, lines, top=78)
    most = max(100 * cost.ratio(what, batch) for _, what, batch in rows)
    figure.update_layout(barmode="stack")
    return figure.update_xaxes(range=[0, 1.05 * max(most, 100)])


def _share(cost: Cost, part: str, what: str, batch: int | None) -> float:
    """A part's cost in percent of the plain CNN's."""
    one, plain = (getattr(cost.parts[name], what) for name in (part, "plain_cnn"))
    return 100 * (one / plain if batch is None else one[batch] / plain[batch])


def _bar(figure: go.Figure, name: str, places: Sequence[int], shares: Sequence[float], color: str, shape: str) -> None:
    figure.add_bar(
        name=name,
        orientation="h",
        x=list(shares),
        y=[place + 0.64 for place in places],
        width=0.4,
        marker={
            "color": color,
            "pattern": {"shape": shape, "fillmode": "overlay", "fgcolor": "white", "size": 8, "solidity": 0.2},
            "line": {"width": 0},
        },
        hovertemplate=f"{name}: %{{x:.0f}} %<extra></extra>",
    )


def cost_alt(cost: Cost) -> str:
    """The bars in words."""
    rows = [f"{label}: {cost.ratio(what, batch):.2f} times the plain CNN" for label, what, batch in cost_rows(cost)]
    return f"Cost of {cost.family}, whole network. {'; '.join(rows)}."


# ---- published figures ----


def published_dots(published: Published, dataset: str) -> go.Figure:
    """Top-1 errors that others reported: no seeds were given, so there are no intervals."""
    rows, figure = published.rows[dataset], go.Figure()
    backbones = [name for name, *_ in rows]
    others = [one for one in published.disputes if one.dataset == dataset and one.backbone in backbones]
    series = [
        ("attention branch, by its authors", "diamond", BLUE, [(name, abn) for name, abn, _ in rows]),
        ("plain CNN, by the same authors", "square", GRAY, [(name, plain) for name, _, plain in rows]),
        (
            "attention branch, by others",
            "diamond-open",
            BLUE,
            [(one.backbone, one.abn) for one in others if one.abn is not None],
        ),
        ("plain CNN, by others", "square-open", GRAY, [(one.backbone, one.plain) for one in others]),
    ]
    for name, mark, color, points in series:
        figure.add_scatter(
            name=name,
            x=[value for _, value in points],
            y=[backbones.index(backbone) + (SEEDS if "others" in name else MEAN) for backbone, _ in points],
            customdata=[escape(backbone) for backbone, _ in points],
            hovertemplate=f"%{{customdata}}, {name}: %{{x:.2f}} %<extra></extra>",
            mode="markers",
            marker={"color": color, "symbol": mark, "size": 12, "line": {"width": 2, "color": color}},
            showlegend=bool(points),
        )
    notes = _notes((escape(name), f"{abn:.1f} against {plain:.1f}") for name, abn, plain in rows)
    _lay_out_rows(figure, len(rows), "top-1 error (%), less is better", notes, [], top=78)
    return figure


def published_alt(published: Published, dataset: str) -> str:
    """The same in words."""
    rows = [
        f"{name}: {abn:.1f} with attention branch, {plain:.1f} without" for name, abn, plain in published.rows[dataset]
    ]
    return f"Published top-1 error in percent, {dataset}. {'; '.join(rows)}."
