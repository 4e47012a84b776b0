"""Our own components, as far as they need no browser."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from abn.teaching import progress
from abn.ui import components
from abn.ui.components import browser_store

TEMPLATES = sorted(Path(components.__file__).parent.rglob("*.html"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_nothing_is_announced_before_its_script_has_named_it(template):
    for tag in re.findall(r"<[^/][^>]*>", template.read_text()):
        if re.search(r'role="(img|application)"', tag):
            assert "aria-label=" in tag


def test_a_component_of_a_page_that_was_left_has_reported_nothing():
    def script() -> None:
        import streamlit as st

        from abn.ui.components.component import reported_value

        st.text(repr(reported_value("gone", "picked")))

    assert AppTest.from_function(script).run().text[0].value == "None"


@pytest.mark.parametrize(
    "sent",
    [
        None,
        7,
        "text",
        [],
        {},
        {"text": 7, "same": True},
        {"text": "x"},
        {"text": "x", "same": "yes"},
        {"text": "x" * 10**6},
    ],
)
def test_what_is_no_report_of_the_browsers_store_counts_as_nothing_kept(sent):
    assert browser_store.check_report(sent) == ("", False)


def test_a_report_of_the_browsers_store_is_its_text_and_whose():
    assert browser_store.check_report({"text": "kept", "same": True}) == ("kept", True)
    assert browser_store.check_report({"text": "", "same": False, "more": 1}) == ("", False)
    assert progress.MAX_CHARACTERS == browser_store.MAX_CHARACTERS
