"""The frame: an error ends what it must and nothing else."""

from streamlit.testing.v1 import AppTest


def test_an_error_in_a_fragment_is_a_sentence_there_and_the_page_goes_on():
    def script() -> None:
        import streamlit as st

        from abn.errors import ABNError
        from abn.ui import layout

        def fail() -> None:
            raise ABNError("no *such* image")

        layout.fragment(fail)()
        st.write("below")

    at = AppTest.from_function(script).run()
    assert not at.exception and [error.value for error in at.error] == ["no \\*such\\* image"]
    assert [text.value for text in at.markdown] == ["below"]


def test_an_error_of_a_page_is_a_sentence_and_its_end():
    def script() -> None:
        import streamlit as st

        from abn.errors import ABNError
        from abn.ui import layout

        with layout.stop_page_on_error():
            st.write("above")
            raise ABNError("no such image")
        st.write("below")

    at = AppTest.from_function(script).run()
    assert not at.exception and len(at.error) == 1
    assert [text.value for text in at.markdown] == ["above"]
