"""A row of thumbnails to pick a picture from: real buttons with alt text, reached by keyboard, scrolled sideways."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st
from PIL import Image, ImageOps

from abn.plots.overlay import data_url
from abn.ui.components import reported_value

SIZE = (104, 78)  # pixels of a thumbnail


@dataclass(frozen=True)
class Thumbnail:
    """One picture of the strip."""

    id: str
    title: str  # what a person reads of it, and hears instead of seeing it
    source: str  # a data: URL
    caption: str = ""  # what stands below it


def thumbnail(image: Image.Image) -> str:
    """A small JPEG of a picture's middle as a data: URL."""
    coarse = image.reduce(max(1, min(image.width // SIZE[0], image.height // SIZE[1]) // 3))  # many pixels at once
    return data_url(ImageOps.fit(coarse, SIZE, Image.Resampling.LANCZOS), quality=80)


_CSS = """
.strip { display: flex; gap: 6px; overflow-x: auto; padding: 4px 4px 8px; scrollbar-width: thin; }
button { flex: 1 0 auto; width: 63px; max-width: 104px; padding: 0; border: 0; border-radius: 8px; cursor: pointer;
         background: none; line-height: 0; outline: 3px solid transparent; opacity: .82; }
button img { width: 100%; aspect-ratio: 4 / 3; object-fit: cover; border-radius: 8px; }
button span { display: block; font: .8rem/1.3 var(--st-font); color: var(--st-text-color); padding: 2px 0;
              font-variant-numeric: tabular-nums; }
button:hover, button[aria-pressed=true] { opacity: 1; }
button[aria-pressed=true] { outline-color: var(--st-primary-color); }
button:focus-visible { outline-color: var(--st-text-color); opacity: 1; }
"""

_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const strip = parentElement.querySelector(".strip")
  strip.setAttribute("aria-label", data.label)
  const marks = item => [item.id, item.title, item.caption, item.source].join()
  if (strip.dataset.drawn !== data.items.map(marks).join()) {
    strip.dataset.drawn = data.items.map(marks).join()
    strip.replaceChildren(...data.items.map(item => {
      const button = document.createElement("button")
      button.dataset.id = item.id
      button.title = item.title
      const image = document.createElement("img")
      image.src = item.source
      image.alt = item.title
      button.append(image)
      if (item.caption) {
        const caption = document.createElement("span")
        caption.textContent = item.caption
        button.append(caption)
      }
      return button
    }))
  }
  for (const button of strip.children) {
    button.setAttribute("aria-pressed", String(button.dataset.id === data.chosen))
    button.onclick = () => setTriggerValue("picked", button.dataset.id)
  }
  const chosen = [...strip.children].find(button => button.dataset.id === data.chosen)
  const unseen = chosen && (chosen.offsetLeft < strip.scrollLeft ||
    chosen.offsetLeft + chosen.clientWidth > strip.scrollLeft + strip.clientWidth)
  if (unseen && strip.dataset.chosen !== data.chosen) {
    strip.scrollLeft = chosen.offsetLeft - strip.clientWidth / 2 + chosen.clientWidth / 2
  }
  strip.dataset.chosen = data.chosen
}
"""

_component = st.components.v2.component("abn_strip", html='<div class="strip" role="group">\n</div>', css=_CSS, js=_JS)


def strip(items: Sequence[Thumbnail], chosen: str, *, label: str, key: str, on_pick: Callable[[str], None]) -> None:
    """Draw the thumbnails, the chosen one framed; `on_pick` gets the id of the one that a person picks."""

    def picked() -> None:
        if (item := reported_value(key, "picked")) is not None:
            on_pick(item)

    data = {"items": [vars(item) for item in items], "chosen": chosen, "label": label}
    _component(key=key, data=data, on_picked_change=picked)
