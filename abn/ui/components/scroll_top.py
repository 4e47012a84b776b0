"""Back to the top of the page when what it shows has become another thing: the next step, the next question."""

import streamlit as st

_JS = """
export default function ({ data, parentElement }) {
  const mark = parentElement.querySelector("span")
  if (mark.shown !== undefined && mark.shown !== data) {
    const main = document.querySelector("[data-testid='stMain']")
    main.scrollTo({ top: 0 })
    const begin = main.querySelector("h3") ?? main
    begin.tabIndex = -1
    begin.focus({ preventScroll: true })  // the button that was pressed is gone: the keyboard goes on from here too
  }
  mark.shown = data
}
"""

_component = st.components.v2.component("abn_top", html="<span></span>", js=_JS)


def scroll_to_top_on_change(what: str | int) -> None:
    """Scroll to the top of the page if `what` is another than the last time this page was drawn."""
    _component(key="top", data=what)
