"""The HTML report of a comparison: one file that opens offline, and prints.

Images are data: URLs made of pixels and the style is inside. No script runs, nothing is loaded, and the page's own
content security policy forbids both. All text is escaped.
"""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template

from PIL import Image

from abn.explanations.explanation import Explanation
from abn.export.figures import (
    ColorRange,
    Comparison,
    draw_overlay,
    mark_text,
    scale_text,
    training_text,
)
from abn.export.manifest import map_sha256, software_versions
from abn.plots import overlay
from abn.plots.color_maps import bar_numbers, css_gradient
from abn.plots.map_words import brightest_place, flat_sentence
from abn.plots.numbers import percent, short_label
from abn.plots.theme import HEAD_COLORS
from abn.variants.card import UNTRAINED_KIND, Card
from abn.vocabulary import AS_TRAINED, HEADS, TRAINED

PAGE = Template(Path(__file__).with_suffix(".html").read_text(encoding="utf-8"))
STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
ABOUT_MAPS = (
    "A map shows how the network weighs its features, not why it predicts a class. Bright does not mean important: "
    "nothing in the loss requires it."
)
FIT_TEXTS = {"crop": "its middle", "squash": "all of it, squashed", "pad": "all of it, padded"}
SCALE_TEXTS = {"raw": "raw, 0 to 1", "each": "minimum to maximum of each map", "shared": "shared by the variants"}
WHOLE_IMAGE = "On the whole image; gray: outside the model's input."
IMAGE_SIDE = 560  # pixels of a model's input as it is shown
JPEG_QUALITY = 85


def html_report(comparison: Comparison) -> str:
    """The whole page."""
    columns = zip(comparison.explanations, comparison.cards, comparison.color_ranges, strict=True)
    return PAGE.substitute(
        policy=POLICY,
        style=STYLE,
        title=escape(comparison.title or comparison.picture.name),
        made=escape(f"Made by ABN Explorer{f' on {comparison.date}' if comparison.date else ''}."),
        about_maps=escape(ABOUT_MAPS),
        input_panel=_input_panel(comparison),
        variant_panels="".join(_variant_panel(comparison, *column) for column in columns),
        settings=_table(_settings(comparison)),
        hashes=_table(_hashes(comparison)),
    )


def _input_panel(comparison: Comparison) -> str:
    """The image as the models saw it, once for each input size, with its credit and the notes on how it was read."""
    subject = comparison.alt or comparison.title or comparison.picture.name
    figures = []
    for explanation in {e.spec: e for e in comparison.explanations}.values():
        size = explanation.spec.size
        image = explanation.fitted.image.resize((IMAGE_SIDE, IMAGE_SIDE), Image.Resampling.BICUBIC)
        caption = f"{size} × {size} pixels: {FIT_TEXTS[comparison.fit]}"
        figures.append(_figure(image, f"What the model saw of: {subject}", caption))
    cells = "smoothly between their centers" if comparison.style.smooth else "as they are"
    lines = [f"Picture: {comparison.credit}"] if comparison.credit else []
    lines += [*comparison.picture.notes, f"Each cell of a map is between 0 and 1; the cells are drawn {cells}."]
    return f"<article>\n<h3>What the model saw</h3>\n{''.join(figures)}{''.join(map(_muted, lines))}\n</article>"


def _variant_panel(comparison: Comparison, explanation: Explanation, card: Card, color_range: ColorRange) -> str:
    """One variant: its map on the model's input, both heads' predictions, and its map on the whole image."""
    style, values = comparison.style, explanation.attention
    swapped = ", swapped" if explanation.applied != explanation.trained_with and card.kind != UNTRAINED_KIND else ""
    alt = f"M from {values.min():.2f} to {values.max():.2f}, highest {brightest_place(values)}."
    flat = flat_sentence(values)
    warning = f'<p class="warning">{escape(flat)}</p>' if flat else ""
    (h, w), mean = values.shape, values.mean()
    notes = [
        f"{h} × {w} cells, M from {values.min():.3f} to {values.max():.3f}, mean {mean:.3f}; "
        f"{scale_text(style, color_range)}"
    ]
    if style.top:
        notes.append(mark_text(explanation, style))
    agreement = "The heads agree" if explanation.heads_agree else "The heads disagree"
    divergence = f"{agreement}: JS divergence {explanation.js_divergence:.2f} bits (0: equal, 1: no class in common)."
    on_input = draw_overlay(explanation, None, style, color_range)
    on_input = on_input.resize((IMAGE_SIDE, IMAGE_SIDE), Image.Resampling.LANCZOS)
    on_image = draw_overlay(explanation, comparison.picture, style, color_range)
    return (
        f"<article>\n<h3>{escape(card.title)}</h3>\n"
        f"<p>{escape(training_text(explanation, card))}<br>applied {escape(explanation.applied)}{swapped}</p>\n"
        f"{_figure(on_input, f'Attention map of {card.title} on what the model saw: {alt}')}"
        f"{_color_bar(style.colors, *color_range)}"
        f"{warning}{''.join(map(_muted, notes))}\n"
        f"{''.join(_head(explanation, head, name) for head, name in HEADS.items())}"
        f"{_muted(divergence)}\n"
        f"{_figure(on_image, f'Attention map of {card.title} on the whole image: {alt}', WHOLE_IMAGE)}</article>\n"
    )


def _head(explanation: Explanation, head: str, name: str) -> str:
    """A head's top five classes as bars with their probabilities."""
    rows = "".join(
        f'<li><span title="{escape(p.label)}">{escape(short_label(p.label))}</span>'
        f'<span>{escape(percent(p.probability))}</span><i style="--probability: {p.probability:.4f}"></i></li>\n'
        for p in explanation.top(head)
    )
    return f'<h4>{escape(name)}</h4>\n<ol style="--head: {HEAD_COLORS[head]}">\n{rows}</ol>\n'


def _figure(image: Image.Image, alt: str, caption: str = "") -> str:
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img src="{overlay.data_url(image, JPEG_QUALITY)}" alt="{escape(alt)}">{below}</figure>\n'


def _muted(text: str) -> str:
    return f'<p class="muted">{escape(text)}</p>'


def _color_bar(colors: str, low: float, high: float) -> str:
    numbers = "".join(f"<span>{number}</span>" for number in bar_numbers(low, high))
    gradient = css_gradient(colors)
    return f'<div class="bar" style="background: {gradient}"></div>\n<div class="ticks">{numbers}</div>\n'


def _settings(comparison: Comparison) -> dict[str, str]:
    style, mechanism = comparison.style, comparison.mechanism
    width, height = comparison.explanations[0].fitted.original_size
    settings = {
        "Picture": f"{comparison.picture.name}, {width} × {height} pixels",
        "Fit to the input": comparison.fit,
        "Mechanism": AS_TRAINED if mechanism == TRAINED else f"{mechanism}, on the same weights",
        "Opacity of the map": f"{100 * style.opacity:.0f} %",
        "Colors": style.colors,
        "Scale of the colors": SCALE_TEXTS[style.scale],
        "Cells": "smooth" if style.smooth else "raw grid",
    }
    if style.top:
        settings["Marked"] = f"the brightest {style.top} %, by a {style.mark}"
    return settings


def _hashes(comparison: Comparison) -> dict[str, str]:
    weights = {f"sha256 of the weights of {card.id}": card.sha256 for card in comparison.cards}
    maps = {f"sha256 of the map of {e.variant}": map_sha256(e.attention) for e in comparison.explanations}
    return {"sha256 of the image's file": comparison.picture.sha256, **weights, **maps, **software_versions()}


def _table(rows: Mapping[str, str]) -> str:
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>\n' for name, value in rows.items()
    )
    return f"<table>\n{body}</table>\n"
