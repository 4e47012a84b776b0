"""What the browser sends of how maps are drawn: what is legal counts, and all else is ignored."""

import pytest
from reading import look
from streamlit.testing.v1 import AppTest

from abn.plots.color_maps import DEFAULT_COLORS
from abn.plots.overlay import MARKS
from abn.ui.controls import view_settings
from abn.ui.controls.view_settings import CELLS

DEFAULTS = {"opacity": 55, "colors": DEFAULT_COLORS, "cells": CELLS[0], "top": 0, "mark": MARKS[0]}


@pytest.fixture
def view(monkeypatch):
    """The settings alone, and a function by which the browser sends something."""
    arriving: list = []
    real = view_settings.show_look

    def show_look(chosen, options, *, key, on_change):
        while arriving:
            on_change(arriving.pop())
        real(chosen, options, key=key, on_change=on_change)

    def script() -> None:
        import streamlit as st

        from abn.ui.controls import view_settings

        st.text(repr(view_settings.choose_view()))

    monkeypatch.setattr(view_settings, "show_look", show_look)
    at = AppTest.from_function(script).run()

    def send(value: object) -> AppTest:
        arriving.append(value)
        at.run().run()  # what has come counts from the next run on
        assert not at.exception
        return at

    return at, send


def test_what_is_legal_counts_and_enters_the_address(view):
    at, send = view
    assert look(at) == DEFAULTS and not at.query_params
    chosen = {"opacity": 30, "colors": "viridis", "cells": CELLS[1], "top": 20, "mark": MARKS[1]}
    at = send(chosen)
    assert look(at) == chosen and at.query_params == {name: str(value) for name, value in chosen.items()}
    shown = at.text[0].value
    for part in ("opacity=0.3", "colors='viridis'", "smooth=False", "top=20", f"mark='{MARKS[1]}'"):
        assert part in shown
    at = send(DEFAULTS)
    assert look(at) == DEFAULTS and not at.query_params


@pytest.mark.parametrize(
    "sent", [7, "viridis", [], [["opacity", 30]], {}, {"": 0}, {"photo": "toucan"}, {"scale": "each"}]
)
def test_what_is_no_setting_is_ignored(view, sent):
    at, send = view
    before = at.session_state["scale"]
    at = send(sent)
    assert look(at) == DEFAULTS and not at.query_params
    assert "photo" not in at.session_state and at.session_state["scale"] == before


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("opacity", (-5, 7, 105, 30.0, 1e99, float("nan"), True, False, "30", None, [30], {})),
        ("top", (-5, 7, 55, 10.0, False, "10", None, [10], {})),
        ("colors", ("pink", "", 0, None, ["viridis"], {})),
        ("cells", ("smooth ", 0, True, None, [], {})),
        ("mark", ("<b>", 1, False, None, [], {})),
    ],
)
def test_an_illegal_value_is_ignored_and_the_others_count(view, name, values):
    at, send = view
    for value in values:
        opacity = 20 if look(at)["opacity"] == 40 else 40
        at = send({"opacity": opacity, name: value})
        expected = DEFAULTS if name == "opacity" else DEFAULTS | {"opacity": opacity}
        assert look(at) == expected and type(look(at)[name]) is type(DEFAULTS[name]), value
