"""A grid of cells over a picture, to be painted: mouse, touch and keyboard. Each stroke comes back as one whole map.

Tools lighten or darken cells by the strength, with a brush that is so many cells wide or over a rectangle. On the
keyboard the arrows move the cursor, space paints; with a rectangle the first space sets one corner, the second the
other, and Escape gives up. What a cell holds is said aloud as the cursor comes to it.
"""

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st
from PIL import Image

from abn.plots.overlay import data_url
from abn.ui.components import reported_value

TOOLS = {  # what the toolbar says → how it paints: its shape, and the sign of its strength
    "Brush +": ("brush", 1),
    "Brush −": ("brush", -1),
    "Rectangle +": ("box", 1),
    "Rectangle −": ("box", -1),
}
SIDE = 448  # pixels of the picture beneath

_CSS = """
.board { position: relative; width: 100%; }
canvas { width: 100%; aspect-ratio: 1; display: block; border-radius: 8px; touch-action: none; cursor: crosshair; }
canvas:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 2px; }
.said { font-size: .875rem; min-height: 1.4em; font-variant-numeric: tabular-nums; color: var(--st-text-color); }
"""

_HTML = """
<div class="board">
  <canvas tabindex="0" role="application"></canvas>
  <div class="said" aria-live="polite"></div>
</div>
"""

_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const canvas = parentElement.querySelector("canvas"), said = parentElement.querySelector(".said")
  const own = canvas.painter ??= { map: [], picture: new Image(), row: 0, column: 0, corner: null, touched: null }
  own.data = data
  own.send = () => setTriggerValue("painted", { map: own.map.map(value => +value.toFixed(4)), version: data.version })
  canvas.setAttribute("aria-label", data.label)
  canvas.dataset.tool = data.tool
  if (own.version !== data.version) {
    own.version = data.version
    own.map = [...data.map]
  }
  if (own.picture.src !== data.picture) {
    own.picture.onload = () => draw(own)
    own.picture.src = data.picture
  }
  if (!canvas.dataset.ready) {
    canvas.dataset.ready = "yes"
    listen(own)
  }
  if (said.textContent) say(own)
  draw(own)

  function listen(own) {
    const cell = event => {
      const box = canvas.getBoundingClientRect(), { height, width } = own.data
      const at = (place, start, size, count) => clamp(Math.floor((place - start) / size * count), count)
      return [at(event.clientY, box.top, box.height, height), at(event.clientX, box.left, box.width, width)]
    }
    canvas.onpointerdown = event => {
      if (event.button) return
      canvas.setPointerCapture(event.pointerId)
      move(own, ...cell(event))
      begin(own)
    }
    canvas.onpointermove = event => {
      move(own, ...cell(event))
      if (own.touched && own.data.shape === "brush") brush(own)
      draw(own)
    }
    canvas.onpointerup = () => end(own)
    canvas.onpointercancel = () => give_up(own)
    canvas.onkeydown = event => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key]
      if (step) {
        move(own, clamp(own.row + step[0], own.data.height), clamp(own.column + step[1], own.data.width))
      } else if (event.key === " " || event.key === "Enter") {
        if (own.data.shape === "box" && !own.corner) begin(own)
        else {
          if (!own.touched) begin(own)
          end(own)
        }
      } else if (event.key === "Escape") {
        give_up(own)
      } else return
      event.preventDefault()
      draw(own)
    }
  }

  function clamp(place, count) { return Math.min(count - 1, Math.max(0, place)) }

  function move(own, row, column) {
    if (own.row === row && own.column === column && said.textContent) return
    own.row = row
    own.column = column
    say(own)
  }

  function say(own) {
    const value = own.map[own.row * own.data.width + own.column]
    said.textContent = `row ${own.row + 1}, column ${own.column + 1}: ${own.data.symbol} ${value.toFixed(2)}`
  }

  function begin(own) {
    own.before = [...own.map]
    own.touched = new Set()
    own.corner = [own.row, own.column]
    if (own.data.shape === "brush") brush(own)
    draw(own)
  }

  function brush(own) {
    const reach = (own.data.size - 1) / 2
    const from = place => Math.ceil(place - reach), to = place => Math.floor(place + reach)
    paint(own, from(own.row), from(own.column), to(own.row), to(own.column))
  }

  function paint(own, top, left, bottom, right) {
    const { height, width, strength } = own.data
    for (let row = Math.max(0, top); row <= Math.min(height - 1, bottom); row++) {
      for (let column = Math.max(0, left); column <= Math.min(width - 1, right); column++) {
        const i = row * width + column
        if (own.touched.has(i)) continue  // a stroke paints each cell once
        own.touched.add(i)
        own.map[i] = Math.min(1, Math.max(0, own.map[i] + strength))
      }
    }
  }

  function box(own) {
    const [row, column] = own.corner
    return [Math.min(row, own.row), Math.min(column, own.column), Math.max(row, own.row), Math.max(column, own.column)]
  }

  function end(own) {
    if (!own.touched) return
    if (own.data.shape === "box") paint(own, ...box(own))
    own.touched = own.corner = null
    say(own)
    draw(own)
    if (own.map.some((value, i) => value !== own.before[i])) own.send()
  }

  function give_up(own) {
    if (!own.touched) return
    own.map = own.before
    own.touched = own.corner = null
    draw(own)
  }

  function draw(own) {
    const { height, width, colors, opacity } = own.data, side = canvas.width = canvas.height = 2 * own.data.side
    const pen = canvas.getContext("2d")
    const y = row => Math.round(row * side / height), x = column => Math.round(column * side / width)
    if (own.picture.complete && own.picture.naturalWidth) pen.drawImage(own.picture, 0, 0, side, side)
    pen.globalAlpha = opacity
    own.map.forEach((value, i) => {
      const row = Math.floor(i / width), column = i % width
      pen.fillStyle = colors[Math.round(Math.min(1, Math.max(0, value)) * (colors.length - 1))]
      pen.fillRect(x(column), y(row), x(column + 1) - x(column), y(row + 1) - y(row))
    })
    pen.globalAlpha = 1
    const frame = (top, left, bottom, right, dash) => {
      for (const [style, thick] of [["black", 8], ["white", 4]]) {
        pen.strokeStyle = style
        pen.lineWidth = thick
        pen.setLineDash(dash)
        pen.strokeRect(x(left), y(top), x(right + 1) - x(left), y(bottom + 1) - y(top))
      }
    }
    if (own.corner && own.data.shape === "box") frame(...box(own), [16, 10])
    frame(own.row, own.column, own.row, own.column, [])
  }
}
"""

_component = st.components.v2.component("abn_painter", html=_HTML, css=_CSS, js=_JS)


def painter(
    attention: np.ndarray,
    image: Image.Image,
    *,
    tool: str,
    strength: float,
    size: int,
    version: str,
    label: str,
    key: str,
    on_paint: Callable[[np.ndarray], None],
    colors: Sequence[str],
    opacity: float,
    symbol: str = "M",
) -> None:
    """Draw the map (h, w) over a square picture; `on_paint` gets the whole map (h, w) float32 after each stroke.

    `colors` are those of 0 to 1, for the browser. `version` changes when the map did other than by painting: then
    the board takes the new one. Strokes leave it as it is, so that several may be on their way at once: each holds the
    whole map, and one that was painted on another version is dropped.
    """
    shape, sign = TOOLS[tool]

    def painted() -> None:
        values = _checked(reported_value(key, "painted"), attention.shape, version)
        if values is not None:
            on_paint(values)

    data = {
        "map": np.round(attention, 4).ravel().tolist(),
        "height": attention.shape[0],
        "width": attention.shape[1],
        "picture": data_url(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)),
        "side": SIDE,
        "tool": tool,
        "shape": shape,
        "strength": sign * strength,
        "size": size,
        "version": version,
        "label": label,
        "symbol": symbol,
        "opacity": opacity,
        "colors": list(colors),
    }
    _component(key=key, data=data, on_painted_change=painted)


def _checked(said: object, shape: tuple[int, int], version: str) -> np.ndarray | None:
    """What the browser sent, where it is a map of this shape and version; it is somebody else's program."""
    if not isinstance(said, dict) or said.get("version") != version:
        return None
    try:
        values = np.asarray(said.get("map"), np.float32)
    except (TypeError, ValueError):
        return None
    if values.shape != (shape[0] * shape[1],) or not np.isfinite(values).all():
        return None
    return values.clip(0, 1).reshape(shape)
