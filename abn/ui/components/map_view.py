"""A picture with a map drawn over it, whose cells can be read: by mouse, by touch and by the arrow keys.

What is read in one map is read at the same place of the picture in all maps of the page: they tell each other through
an event of the window. A click, a tap, space or Enter picks a cell, where a page wants to know. The button in the
corner fills the screen, for a projector.
"""

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st
from PIL import Image

from abn.plots.overlay import data_url
from abn.ui.components import reported_value

WHOLE = (0.0, 0.0, 1.0, 1.0)
REST = "Point at a cell to read it in every map."
PICK = "Pick a cell: click or tap it, or go there with the arrow keys and press space."

_CSS = """
.view { position: relative; width: 100%; border-radius: 8px; overflow: hidden; outline-offset: 2px; }
.view:focus-visible { outline: 3px solid var(--st-primary-color); }
.view:fullscreen { display: grid; place-items: center; background: black; border-radius: 0; }
.frame { position: relative; line-height: 0; }
.view:fullscreen .frame { height: 100vh; aspect-ratio: var(--shape); max-width: 100vw; }
img { width: 100%; display: block; border-radius: 8px; }
.mark, .picked { position: absolute; pointer-events: none; box-sizing: border-box; border: 2px solid white;
                 box-shadow: 0 0 0 2px black, inset 0 0 0 1px black; }
.picked { border-style: dashed; }
[hidden] { display: none; }
button { position: absolute; top: 6px; right: 6px; width: 32px; height: 32px; padding: 0; border: 0; border-radius: 6px;
         background: rgb(0 0 0 / .65); color: white; display: grid; place-items: center; cursor: pointer; opacity: 0; }
.view:hover button, .view:focus-within button { opacity: 1; }
button svg { width: 16px; height: 16px; }
button:focus-visible { outline: 3px solid white; outline-offset: -5px; }
.said { font-size: .8rem; line-height: 1.4; min-height: 1.4em; margin-top: 2px; color: var(--st-text-color);
        font-variant-numeric: tabular-nums; font-family: var(--st-font); }
"""

_HTML = """
<div class="view" tabindex="0" role="group">
  <div class="frame">
    <img draggable="false"><div class="picked" hidden></div><div class="mark" hidden></div>
  </div>
  <button type="button" aria-label="Fill the screen" title="Fill the screen">
    <svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true">
      <path d="M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4"/>
    </svg>
  </button>
</div>
<div class="said"></div>
"""

_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const find = name => parentElement.querySelector(name)
  const view = find(".view"), frame = find(".frame"), image = find("img"), said = find(".said")
  const [left, top, right, bottom] = data.box, { height, width } = data
  if (image.src !== data.picture) image.src = data.picture
  image.alt = data.alt
  view.setAttribute("aria-label", `${data.alt} ${data.values ? "Arrow keys read its cells." : data.rest}`)
  frame.style.setProperty("--shape", data.shape)

  const surround = (box, row, column) => {
    box.hidden = false
    box.style.left = `${100 * (left + column / width * (right - left))}%`
    box.style.top = `${100 * (top + row / height * (bottom - top))}%`
    box.style.width = `${100 * (right - left) / width}%`
    box.style.height = `${100 * (bottom - top) / height}%`
  }
  const clamp = (place, count) => Math.min(count - 1, Math.max(0, place))
  const [west, north, east, south] = data.extent
  const tell = at => window.dispatchEvent(new CustomEvent("abn-cell", { detail: at && {
    x: west + at.x * (east - west), y: north + at.y * (south - north),
  } }))
  const hear = at => {  // at: x and y in 0 … 1 of the picture, or nothing; read: of the map
    const here = at && { x: (at.x - west) / (east - west), y: (at.y - north) / (south - north) }
    read(here && here.x >= 0 && here.x < 1 && here.y >= 0 && here.y < 1 ? here : null)
  }
  const read = at => {
    find(".mark").hidden = !at
    said.textContent = at ? "" : data.rest
    if (!at) return
    const row = clamp(Math.floor(at.y * height), height), column = clamp(Math.floor(at.x * width), width)
    surround(find(".mark"), row, column)
    const value = data.values?.[row * width + column].toFixed(data.digits).replace("-", "−")
    said.textContent = `row ${row + 1}, column ${column + 1}` + (data.values ? `: ${data.symbol} ${value}` : "")
  }
  const place = event => {
    const box = image.getBoundingClientRect()
    const x = ((event.clientX - box.left) / box.width - left) / (right - left)
    const y = ((event.clientY - box.top) / box.height - top) / (bottom - top)
    return x >= 0 && x < 1 && y >= 0 && y < 1 ? { x, y } : null
  }
  const pick = at => {
    if (!at || !data.picks) return
    setTriggerValue("picked", [clamp(Math.floor(at.y * height), height), clamp(Math.floor(at.x * width), width)])
  }
  view.onpointermove = event => tell(place(event))
  view.onpointerleave = () => tell(null)
  view.onblur = () => tell(null)
  image.onclick = event => { tell(place(event)); pick(place(event)) }
  view.onkeydown = event => {
    if (event.target !== view) return
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key]
    const at = view.at ?? [Math.floor(width / 2), Math.floor(height / 2)]
    if (step) {
      view.at = view.at ? [clamp(at[0] + step[0], width), clamp(at[1] + step[1], height)] : at
      said.setAttribute("aria-live", "polite")
    } else if (data.picks && (event.key === " " || event.key === "Enter")) {
      pick({ x: (at[0] + .5) / width, y: (at[1] + .5) / height })
    } else return
    event.preventDefault()
    tell({ x: ((view.at ?? at)[0] + .5) / width, y: ((view.at ?? at)[1] + .5) / height })
  }
  find("button").onclick = () => document.fullscreenElement ? document.exitFullscreen() : view.requestFullscreen()
  image.style.cursor = data.picks ? "pointer" : "crosshair"
  find(".picked").hidden = !data.picked
  if (data.picked) surround(find(".picked"), ...data.picked)

  window.removeEventListener("abn-cell", view.heard)
  view.heard = event => hear(event.detail)
  window.addEventListener("abn-cell", view.heard)
  read(null)
  return () => window.removeEventListener("abn-cell", view.heard)
}
"""

_component = st.components.v2.component("abn_map", html=_HTML, css=_CSS, js=_JS)


def show(
    drawn: Image.Image,
    values: np.ndarray,
    *,
    alt: str,
    key: str,
    box: Sequence[float] = WHOLE,
    extent: Sequence[float] = WHOLE,
    symbol: str = "M",
    digits: int = 2,
    picked: tuple[int, int] | None = None,
    on_pick: Callable[[int, int], None] | None = None,
    hidden: bool = False,
) -> None:
    """Show a picture that a map (h, w) was drawn over; `box` says which part of what is drawn, left to bottom in 0 … 1,
    the map covers, and `extent` which part of the whole photograph (`Fitted.extent`). `on_pick` gets the row and the
    column of a cell that a person picks; `picked` is framed. Of a `hidden` map no value goes to the browser: its cells
    can be picked, not read.
    """

    def on_picked() -> None:
        row, column = reported_value(key, "picked") or (None, None)
        h, w = values.shape
        if isinstance(row, int) and isinstance(column, int) and 0 <= row < h and 0 <= column < w:
            on_pick(row, column)

    data = {
        "picture": data_url(drawn),
        "alt": alt,
        "shape": f"{drawn.width} / {drawn.height}",
        "values": None if hidden else np.round(values, digits).ravel().tolist(),
        "height": values.shape[0],
        "width": values.shape[1],
        "box": list(box),
        "extent": list(extent),
        "symbol": symbol,
        "digits": digits,
        "rest": PICK if hidden else REST,
        "picks": on_pick is not None,
        "picked": picked,
    }
    _component(key=key, data=data, **({"on_picked_change": on_picked} if on_pick else {}))
