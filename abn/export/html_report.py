"""A page of HTML that tells of a record: one file that opens anywhere without a network, on paper too.

Pictures are data: URLs made of pixels, the style is inside, nothing runs and nothing is fetched; the page forbids
itself both. All text is escaped, whoever wrote it.
"""

from collections.abc import Mapping
from html import escape

from PIL import Image

from abn import vocabulary
from abn.explanations.explanation import Explanation
from abn.export.figures import Record, brightest_part, lay, scale_in_words, trained
from abn.export.manifest import Manifest, manifest_of
from abn.plots import color_maps, map_words, numbers, overlay, theme
from abn.variants.card import NOTHING, Card
from abn.vocabulary import AS_TRAINED, TRAINED

ABOUT_MAPS = (
    "A map shows what the network weighs, not why it answers as it does. Bright does not mean important: "
    "no part of the training asks for that."
)
FITTED = {"crop": "its middle", "squash": "all of it, squashed", "pad": "all of it, padded"}
AGAIN = "python -m abn explain --from manifest.json"
WHOLE = "On the whole picture; what the model never saw is gray."
SEEN = 560  # pixels of a picture that a network saw
PACKED = 85  # JPEG quality of every picture

_STYLE = """
:root { color-scheme: light dark; --ground: #ffffff; --ink: #1d2430; --soft: #566072; --line: #d5d9e0;
        --sheet: #f5f7fa; --warn: #9a5a00; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ground: #11151b; --ink: #f0f3f7; --soft: #aab4c3; --line: #333c49; --sheet: #1a2029; --warn: #f3b45a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1480px; padding: 1.5rem clamp(1rem, 3vw, 3rem) 3rem; background: var(--ground);
       color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1.05rem; line-height: 1.3; margin: 0; }
h4 { font-size: .9rem; font-weight: 600; margin: .8rem 0 .2rem; }
p { margin: .3rem 0; max-width: 75ch; }
.soft { color: var(--soft); font-size: .9rem; }
.warn { color: var(--warn); font-weight: 600; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(270px, 100%), 1fr)); gap: 1.25rem;
        align-items: start; margin-top: 1rem; }
article { background: var(--sheet); border: 1px solid var(--line); border-radius: 10px; padding: .9rem; }
figure { margin: .6rem 0 0; }
img { display: block; width: 100%; border-radius: 6px; }
figcaption { font-size: .85rem; color: var(--soft); margin-top: .2rem; }
.bar { height: 14px; border-radius: 3px; margin-top: .5rem; }
.ticks { display: flex; justify-content: space-between; font-size: .8rem; font-variant-numeric: tabular-nums;
         white-space: nowrap; }
ol { list-style: none; margin: 0; padding: 0; font-size: .9rem; }
li { display: grid; grid-template-columns: 1fr auto; gap: 0 .6rem; padding: .1rem 0; }
li span + span { font-variant-numeric: tabular-nums; }
li i { grid-column: 1 / -1; height: 6px; border-radius: 3px; background: var(--head); min-width: 2px;
       width: calc(100% * var(--part)); }
table { border-collapse: collapse; width: 100%; font-size: .85rem; }
th, td { text-align: left; vertical-align: top; font-weight: 400; padding: .25rem .6rem .25rem 0;
         border-bottom: 1px solid var(--line); }
th { width: 16rem; max-width: 40vw; color: var(--soft); }
code { font-size: .9em; }
.bar, li i { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
@media print { html { font-size: 8.5pt; } body { padding: 0; max-width: none; } article { padding: .6rem; }
               article, figure, tr { break-inside: avoid; }
               .grid { grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: .6rem; } }
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def report_page(record: Record) -> str:
    """The whole page."""
    title = record.title or record.picture.name
    manifest = manifest_of(record)
    columns = zip(record.explanations, record.cards, record.spans, strict=True)
    made = f"Made by ABN Explorer{f' on {record.date}' if record.date else ''}."
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ABN Explorer: {escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>Where networks look: {escape(title)}</h1>
<p class="soft">{escape(made)} Attention Branch Networks make an attention map M of a picture, and two heads answer:
the auxiliary head belongs to the branch that makes the map; the perception head sees the features after the map was
applied (with “none” it never is), and is the network's answer.</p>
<p><strong>{escape(ABOUT_MAPS)}</strong></p>
</header>
<main>
<div class="grid">
{_seen(record)}
{"".join(_column(record, *column) for column in columns)}
</div>
<h2>How this was made</h2>
{_table(_settings(record))}
<h2>To make it again</h2>
<p>“Everything as zip” holds a file manifest.json besides. With the same weights, and the same picture,
<code>{escape(AGAIN)}</code> makes the same numbers and says so; “Open an export” in the app opens the same view.</p>
{_table(_hashes(manifest))}
</main>
</body>
</html>
"""


def _seen(record: Record) -> str:
    """What the networks saw of the picture, whom to thank for it, and what was done to it."""
    pictures = []
    for one in {one.spec: one for one in record.explanations}.values():
        size = one.spec.size
        words = f"What the model saw of: {record.alt or record.title or record.picture.name}"
        told = f"{size} × {size} pixels: {FITTED[record.fit]}"
        pictures.append(_figure(one.fitted.image.resize((SEEN, SEEN), Image.Resampling.BICUBIC), words, told))
    credit = f'<p class="soft">Picture: {escape(record.credit)}</p>' if record.credit else ""
    notes = "".join(f'<p class="soft">{escape(note)}</p>' for note in record.picture.notes)
    drawn = "smoothly between their centers" if record.drawing.smooth else "as they are"
    cells = f"Each cell of a map is between 0 and 1; the cells are drawn {drawn}."
    return (
        f"<article>\n<h3>What the model saw</h3>\n{''.join(pictures)}{credit}{notes}"
        f'<p class="soft">{escape(cells)}</p>\n</article>'
    )


def _column(record: Record, one: Explanation, card: Card, span: tuple[float, float]) -> str:
    """One variant: its map on what it saw, its answers, and its map on the whole picture."""
    swapped = ", swapped" if one.applied != one.trained_with and card.kind != NOTHING else ""
    values, where, (h, w) = one.attention, map_words.brightest_place(one.attention), one.attention.shape
    alt = f"{values.min():.2f} to {values.max():.2f}, highest {where}."
    flat = map_words.flat_sentence(values)
    told = [f'<p class="warn">{escape(flat)}</p>' if flat else ""]
    told.append(
        f'<p class="soft">{h} × {w} cells, M from {values.min():.3f} to {values.max():.3f}, mean {values.mean():.3f}; '
        f"{escape(scale_in_words(record.drawing, span))}</p>"
    )
    if record.drawing.top:
        level, area = brightest_part(one, record.drawing)
        told.append(f'<p class="soft">Marked: M ≥ {level:.2f}, {100 * area:.0f} % of what the model saw</p>')
    verdict = "The heads agree" if one.agree else "The heads disagree"
    heads = "".join(_head(one, head, name) for head, name in vocabulary.HEADS.items())
    laid = lay(one, None, record.drawing, span).resize((SEEN, SEEN), Image.Resampling.LANCZOS)
    whole = lay(one, record.picture, record.drawing, span)
    return (
        f"<article>\n<h3>{escape(card.title)}</h3>\n"
        f"<p>{escape(trained(one, card))}<br>applied {escape(one.applied)}{swapped}</p>\n"
        f"{_figure(laid, f'Attention map of {card.title} on what the model saw: M from {alt}')}"
        f"{_color_bar(record.drawing.colors, *span)}{''.join(told)}\n{heads}"
        f'<p class="soft">{verdict}: {one.divergence:.2f} bit apart, from 0 the same to 1 nothing in common.</p>\n'
        f"{_figure(whole, f'Attention map of {card.title} on the whole picture: M from {alt}', WHOLE)}</article>\n"
    )


def _head(one: Explanation, head: str, name: str) -> str:
    """A head's five likeliest classes as bars with their numbers."""
    rows = "".join(
        f'<li><span title="{escape(p.label)}">{escape(numbers.short_label(p.label))}</span>'
        f'<span>{escape(numbers.percent(p.probability))}</span><i style="--part: {p.probability:.4f}"></i></li>\n'
        for p in one.top(head)
    )
    return f'<h4>{escape(name)}</h4>\n<ol style="--head: {theme.HEAD_COLORS[head]}">\n{rows}</ol>\n'


def _figure(image: Image.Image, alt: str, caption: str = "") -> str:
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img src="{overlay.data_url(image, PACKED)}" alt="{escape(alt)}">{below}</figure>\n'


def _color_bar(colors: str, low: float, high: float) -> str:
    numbers = "".join(f"<span>{number}</span>" for number in color_maps.bar_numbers(low, high))
    gradient = color_maps.css_gradient(colors)
    return f'<div class="bar" style="background: {gradient}"></div>\n<div class="ticks">{numbers}</div>\n'


def _settings(record: Record) -> dict[str, str]:
    drawing, (width, height) = record.drawing, record.explanations[0].fitted.original_size
    return {
        "Picture": f"{record.picture.name}, {width} × {height} pixels",
        "Fit to the input": record.fit,
        "Mechanism": AS_TRAINED if record.mechanism == TRAINED else f"{record.mechanism}, on the same weights",
        "Opacity of the map": f"{100 * drawing.opacity:.0f} %",
        "Colors": drawing.colors,
        "Scale of the colors": {"raw": "raw, 0 to 1", "each": "minimum to maximum of each map"}.get(
            drawing.scale, "shared by the variants"
        ),
        "Cells": "smooth" if drawing.smooth else "raw grid",
        **({"Marked": f"the brightest {drawing.top} %, by a {drawing.mark}"} if drawing.top else {}),
    }


def _hashes(manifest: Manifest) -> dict[str, str]:
    weights = {f"sha256 of the weights of {one.variant}": one.weights for one in manifest.results}
    maps = {f"sha256 of the map of {one.variant}": one.map_sha256 for one in manifest.results}
    return {"sha256 of the picture's file": manifest.sha256, **weights, **maps, **manifest.software}


def _table(rows: Mapping[str, str]) -> str:
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>\n' for name, value in rows.items()
    )
    return f"<table>\n{body}</table>\n"
