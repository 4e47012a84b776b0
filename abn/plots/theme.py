"""How every Plotly figure looks: colors, type, axes and legend in one place."""

BLUE, ORANGE, GRAY = "#3a7fc8", "#cf7c00", "#7d8590"  # at least 3 : 1 on white and on the dark ground
HEAD_COLORS = {"auxiliary": ORANGE, "perception": BLUE}


def layout(height: float, axis: str) -> dict:
    below = 52 + 18 * axis.count("<br>")
    return {
        "height": height + below + 34,
        "margin": {"l": 8, "r": 8, "t": 34, "b": below},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1,
            "yanchor": "bottom",
            "traceorder": "normal",
            "font": {"size": 13},
        },
        "xaxis": {
            "title": {"text": axis, "font": {"size": 14}, "standoff": 8},
            "tickfont": {"size": 13},
            "fixedrange": True,
            "zeroline": False,
            "showgrid": True,
            "gridcolor": "rgba(128,128,128,.25)",
            "nticks": 7,
            "automargin": False,
        },
        "yaxis": {"visible": False, "fixedrange": True},
        "hoverlabel": {"align": "left"},
        "dragmode": False,
    }
