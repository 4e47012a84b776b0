"""Session state has one declaration, and values go along as they should."""

import re
from pathlib import Path

import pytest
import streamlit as st

from abn.ui import url
from abn.ui.state import SessionState, state

ROOT = Path(__file__).parents[2]
BY_KEY = {"state.py", "url.py", "uploads.py"}  # these take a key as an argument, and so do components


def test_no_other_module_reads_or_writes_the_session_by_hand():
    files = [ROOT / "app.py", *(ROOT / "pages").glob("*.py"), *(ROOT / "abn/ui").rglob("*.py")]
    by_hand = {
        path.name
        for path in files
        if re.search(r"st\.session_state\b", path.read_text(encoding="utf-8")) and "components" not in path.parts
    }
    assert by_hand <= BY_KEY


@pytest.fixture(autouse=True)
def session(monkeypatch):
    monkeypatch.setattr(st, "session_state", {})


def test_a_default_stands_until_a_value_is_written():
    assert state.visit == 0 and "visit" not in st.session_state
    state.visit = 3
    assert st.session_state == {"visit": 3} and SessionState.visit.name == "visit"


def test_a_default_that_is_made_is_kept():
    state.received.add("file")
    assert state.received == {"file"} and st.session_state == {"received": {"file"}}


@pytest.mark.parametrize(
    ("held", "last", "given", "expected"),
    [
        ("b", None, None, "b"),  # what the widget holds
        (None, "b", "c", "b"),  # unset: what it held last
        ("?", None, "c", "c"),  # unknown: at first what the address gives
        ("?", "?", "?", "a"),
        (None, None, None, "a"),
    ],
)
def test_an_unset_or_unknown_value_never_counts(held, last, given, expected):
    st.session_state["choice"] = held
    if last:
        url.remember("choice", last)
    assert url.restore("choice", ["a", "b", "c"], "a", given) == st.session_state["choice"] == expected


def test_what_was_remembered_comes_back_on_another_page():
    assert url.restore("choice", ["a", "b"], "a", "b") == "b"
    url.remember("choice", "b")
    del st.session_state["choice"]
    state.visit += 1
    assert url.restore("choice", ["a", "b"], "a") == st.session_state["choice"] == "b"
