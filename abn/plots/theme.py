"""One look for all Plotly figures: colors, type, axes and legend."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go

BLUE, ORANGE, GRAY = "#3a7fc8", "#cf7c00", "#7d8590"  # at least 3 : 1 on white and on the dark ground
VIOLET, GREEN = "#8a63b0", "#23876a"  # the accent and its companion, as blue and orange are the heads'
LIGHT_GRAY = "#8a919b"  # bars of a prediction before an edit
HEAD_COLORS = {"auxiliary": ORANGE, "perception": BLUE}
DEFAULT_SIZE = 12  # of Plotly's texts, in pixels
DOTTED = {"color": GRAY, "width": 2, "dash": "dot"}  # a reference line


def layout(height: float, margin: tuple[int, int, int, int], x_title: str = "", y_title: str = "") -> dict:
    """The layout of a figure that is neither zoomed nor dragged; `margin`: left, right, top and bottom, in pixels."""

    def axis(title: str) -> dict:
        return {
            "fixedrange": True,
            "zeroline": False,
            "gridcolor": "rgba(128,128,128,.25)",
            "tickfont": {"size": 13},
            "title": {"text": title, "font": {"size": 14}, "standoff": 8},
        }

    return {
        "height": height,
        "margin": dict(zip("lrtb", margin, strict=True)),
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1,
            "yanchor": "bottom",
            "traceorder": "normal",
            "font": {"size": 13},
        },
        "showlegend": False,
        "xaxis": axis(x_title),
        "yaxis": axis(y_title),
        "hoverlabel": {"align": "left"},
        "dragmode": False,
    }


def enlarge(figure: "go.Figure", factor: float) -> None:
    """Enlarge all texts of a figure, and its margins, where they stand; the area of its axes stays as high."""
    shown = figure.layout
    fonts = [shown.legend.font, *(note.font for note in shown.annotations)]
    for axis in (shown.xaxis, shown.yaxis):
        fonts += [axis.tickfont, axis.title.font]
    for font in fonts:
        font.size = factor * (font.size or DEFAULT_SIZE)
    for place in shown.annotations:
        place.update(xshift=factor * (place.xshift or 0), yshift=factor * (place.yshift or 0))
    margins = {side: getattr(shown.margin, side) for side in "lrtb"}
    figure.update_layout(
        margin={side: factor * width for side, width in margins.items()},
        height=shown.height + (factor - 1) * (margins["t"] + margins["b"]),
    )


def note(text: str, side: str, y: float, yanchor: str) -> dict:
    """An annotation above a row, at its left or right end."""
    return {
        "text": text,
        "x": 0 if side == "left" else 1,
        "xref": "paper",
        "xanchor": side,
        "y": y,
        "yanchor": yanchor,
        "showarrow": False,
        "font": {"size": 14 if side == "left" else 13},
        "align": side,
        "borderpad": 0,
    }


def escape(text: str) -> str:
    """A name as mere text: Plotly reads a few HTML tags."""
    return text.replace("&", "&amp;").replace("<", "&lt;")
