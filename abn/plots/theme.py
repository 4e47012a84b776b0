"""One look for all Plotly figures: colors, type, axes and legend."""

BLUE, ORANGE, GRAY = "#3a7fc8", "#cf7c00", "#7d8590"  # at least 3 : 1 on white and on the dark ground
VIOLET, GREEN = "#8a63b0", "#23876a"  # the accent and its companion, as blue and orange are the heads'
LIGHT_GRAY = "#8a919b"  # bars of a prediction before an edit
HEAD_COLORS = {"auxiliary": ORANGE, "perception": BLUE}
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
        "borderpad": 0,
    }


def escape(text: str) -> str:
    """A name as mere text: Plotly reads a few HTML tags."""
    return text.replace("&", "&amp;").replace("<", "&lt;")
