"""Cost of a network in percent of its baseline, as stacked bars."""

from collections.abc import Sequence

from abn.plots.plotly_objects import go
from abn.plots.theme import BLUE, GRAY, ORANGE
from abn.study.figures.rows import lay_out_rows
from abn.study.findings import PARTS, Cost

PART_STYLES = {"extractor": (GRAY, ""), "perception_branch": (BLUE, ""), "attention_branch": (ORANGE, "/")}
WHOLE_STYLE = ("#9a6fb0", ".")
Row = tuple[str, str, int | None]  # label, field of `Part`, images at once


def _rows(cost: Cost) -> list[Row]:
    images = {batch: f"{batch} image{'s' if batch > 1 else ''} at once" for batch in cost.batches}
    return [
        ("parameters", "parameters", None),
        ("FLOPs", "flops", None),
        *((f"time, {text}", "seconds", batch) for batch, text in images.items()),
        *((f"peak memory, {text}", "peak_bytes", batch) for batch, text in images.items()),
    ]


def cost_bars(cost: Cost) -> go.Figure:
    """Parts stacked where they add up, the attention branch on top; one bar for each peak of memory, as peaks don't."""
    rows, figure = list(enumerate(_rows(cost))), go.Figure()
    additive = [(place, row) for place, row in rows if row[1] != "peak_bytes"]
    peaks = [(place, row) for place, row in rows if row[1] == "peak_bytes"]
    for part, style in PART_STYLES.items():
        _add_bars(figure, PARTS[part], cost, part, additive, *style)
    _add_bars(figure, "whole network (peaks don't add up)", cost, "whole", peaks, *WHOLE_STYLE)
    ratios = [cost.ratio(quantity, batch) for _, (_, quantity, batch) in rows]
    texts = ((label, f"× {ratio:.2f}") for (_, (label, *_)), ratio in zip(rows, ratios, strict=True))
    lay_out_rows(figure, texts, "percent of the baseline", top=78, line={"x": 100, "layer": "above"})
    figure.update_layout(barmode="stack")
    return figure.update_xaxes(range=[0, 105 * max(*ratios, 1)])


def _add_bars(
    figure: go.Figure, name: str, cost: Cost, part: str, rows: Sequence[tuple[int, Row]], color: str, pattern: str
) -> None:
    figure.add_bar(
        name=name,
        orientation="h",
        x=[100 * cost.ratio(quantity, batch, part) for _, (_, quantity, batch) in rows],
        y=[place + 0.64 for place, _ in rows],
        width=0.4,
        marker={
            "color": color,
            "pattern": {"shape": pattern, "fillmode": "overlay", "fgcolor": "white", "size": 8, "solidity": 0.2},
            "line": {"width": 0},
        },
        hovertemplate=f"{name}: %{{x:.0f}} %<extra></extra>",
    )


def cost_alt(cost: Cost) -> str:
    """The bars in words."""
    rows = [f"{label}: {cost.ratio(quantity, batch):.2f} times the baseline" for label, quantity, batch in _rows(cost)]
    return f"Cost of {cost.family}, whole network. {'; '.join(rows)}."
