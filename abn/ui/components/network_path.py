"""The network's drawing with live contents: each stage is a button, for mouse, touch and keyboard.

A wide page shows it from left to right, a narrow one from top to bottom.
"""

from collections.abc import Callable

import streamlit as st

from abn.explanations.stages import STAGES
from abn.ui.components import reported_value

_CSS = """
.path { container-type: inline-size; }
.wide { overflow-x: auto; padding-bottom: 4px; }
.wide svg { min-width: 1260px; }
.narrow { display: none; max-width: 420px; margin-inline: auto; }
@container (max-width: 1000px) {
  .wide { display: none; }
  .narrow { display: block; }
}
"""

_HTML = '<div class="path" role="group"><div class="wide"></div><div class="narrow"></div></div>'

_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const path = parentElement.querySelector(".path")
  path.setAttribute("aria-label", data.label)
  for (const kind of ["wide", "narrow"]) {
    const place = path.querySelector("." + kind)
    if (place.drawn !== data[kind]) place.innerHTML = place.drawn = data[kind]
    for (const stage of place.querySelectorAll("[data-stage]")) {
      stage.setAttribute("aria-pressed", String(stage.dataset.stage === data.chosen))
      const pick = () => setTriggerValue("picked", stage.dataset.stage)
      stage.onclick = pick
      stage.onkeydown = event => {
        if (event.key !== " " && event.key !== "Enter") return
        event.preventDefault()
        pick()
      }
    }
  }
}
"""

_component = st.components.v2.component("abn_path", html=_HTML, css=_CSS, js=_JS)


def path(wide: str, narrow: str, chosen: str, *, label: str, key: str, on_pick: Callable[[str], None]) -> None:
    """Show both drawings (SVG of abn.drawing), the chosen stage framed; `on_pick` gets the one that a person picks."""

    def picked() -> None:
        stage = reported_value(key, "picked")
        if stage in STAGES:
            on_pick(stage)

    data = {"wide": wide, "narrow": narrow, "chosen": chosen, "label": label}
    _component(key=key, data=data, on_picked_change=picked)
