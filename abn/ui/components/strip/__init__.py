"""A row of thumbnails to pick an image from: real buttons with alt text, reached by keyboard, scrolled sideways."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from PIL import Image, ImageOps

from abn.plots.overlay import data_url
from abn.ui.components.component import Component
from abn.ui.components.media import host

SIZE = (104, 78)  # pixels of a thumbnail


@dataclass(frozen=True)
class Thumbnail:
    """One image of the strip."""

    id: str
    title: str  # what a person reads of it, and hears instead of seeing it
    source: str  # a data: URL; the browser gets an address from which it fetches the pixels once
    caption: str = ""  # what stands below it


def make_thumbnail(image: Image.Image) -> str:
    """A small JPEG of an image's middle as a data: URL."""
    coarse = image.reduce(max(1, min(image.width // SIZE[0], image.height // SIZE[1]) // 3))  # many pixels at once
    return data_url(ImageOps.fit(coarse, SIZE, Image.Resampling.LANCZOS), quality=80)


_component = Component("strip")


def show_strip(
    items: Sequence[Thumbnail], chosen: str, *, label: str, key: str, on_pick: Callable[[str], None]
) -> None:
    """Draw the thumbnails, the chosen one framed; `on_pick` gets the id of the one that a person picks."""

    def report(value: Any) -> None:
        if value in [item.id for item in items]:
            on_pick(value)

    data = {"items": [vars(item) | {"source": host(item.source)} for item in items], "chosen": chosen, "label": label}
    _component.show(key, data, report)
