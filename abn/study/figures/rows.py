"""What all figures of the study share: rows of one height, each with two texts above its marks."""

import textwrap
from collections.abc import Iterable

from abn.plots.plotly_objects import go
from abn.plots.theme import DOTTED, GRAY, layout, note

ROW_HEIGHT, NARROW_ROW_HEIGHT = 62, 130  # pixels
NARROW_AXIS = 26  # characters in a line
MEAN_Y, SEEDS_Y = 0.53, 0.78  # of the marks, from a row's top, in rows


def lay_out_rows(
    figure: go.Figure,
    texts: Iterable[tuple[str, str]],
    axis: str,
    *,
    top: int = 34,
    line: dict | None = None,
    narrow: bool = False,
) -> None:
    """Lay out a row for each pair of texts (label, number) below a legend of `top` pixels.

    `narrow`: for columns of 200 pixels, with the number below its label, and the axis in short lines.
    `line`: Plotly's settings of a vertical dotted line, {"x": …, "layer": …}; it leaves the labels free.
    """
    rows, height = list(texts), ROW_HEIGHT
    if narrow:
        rows, height = [(f"{label}<br>{value}", "") for label, value in rows], NARROW_ROW_HEIGHT
        axis = "<br>".join(piece for part in axis.split("<br>") for piece in textwrap.wrap(part, NARROW_AXIS))
    bottom = 52 + 18 * axis.count("<br>")
    notes = [
        note(text, side, place + 0.02, "top")
        for place, pair in enumerate(rows)
        for text, side in zip(pair, ("left", "right"), strict=True)
    ]
    figure.update_layout(
        layout(height * len(rows) + top + bottom, (8, 8, top, bottom), axis), annotations=notes, showlegend=True
    )
    # no grid: it would cross the labels
    figure.update_xaxes(showgrid=False, ticks="outside", showline=True, linecolor=GRAY, nticks=7, automargin=False)
    figure.update_yaxes(range=[len(rows), -0.05], visible=False)
    if line:
        for place in range(len(rows)):
            ends = {"x0": line["x"], "x1": line["x"], "y0": place + 0.36, "y1": place + 0.98}
            figure.add_shape(type="line", line=DOTTED, layer=line["layer"], **ends)
