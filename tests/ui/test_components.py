"""Our own components, as far as they need no browser."""

from streamlit.testing.v1 import AppTest


def test_a_component_of_a_page_that_was_left_has_reported_nothing():
    def script() -> None:
        import streamlit as st

        from abn.ui.components.component import reported_value

        st.text(repr(reported_value("gone", "picked")))

    assert AppTest.from_function(script).run().text[0].value == "None"
