"""All of a page in one zip: pictures, raw maps, answers as a table, the report, and the manifest that makes it again.

The bytes of the picture's file are never in it: every picture is encoded anew from its pixels, so that no place, time
or camera of a photograph leaves with it. Equal records give equal bytes.
"""

import csv
import hashlib
import io
import zipfile
from collections.abc import Sequence

from PIL import Image

from abn.explanations.explanation import Explanation
from abn.export.figures import Record, draw, npy
from abn.export.html_report import report_page
from abn.export.manifest import FILE, manifest_of
from abn.files import safe_stems
from abn.variants.card import NOTHING, Card
from abn.vocabulary import HEADS

COLUMNS = ("variant", "trained_with", "applied", "head", "rank", "class", "label", "probability")
EPOCH = (1980, 1, 1, 0, 0, 0)  # the time of every file in the zip: the earliest that a zip knows
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a cell must not begin with, or a spreadsheet computes it


def bundle(record: Record) -> bytes:
    """The zip of everything."""
    files = {"predictions.csv": predictions(record.explanations, record.cards).encode("utf-8-sig")}
    for one in record.explanations:  # networks of one input saw the same
        files[f"seen-{one.spec.size}.png"] = png(one.fitted.image)
    for one, card, span, name in zip(
        record.explanations, record.cards, record.spans, file_names(record.cards), strict=True
    ):
        files[f"{name}.npy"] = npy(one)
        files[f"{name}.png"] = png(draw(one, None, record.drawing, span, card))
        files[f"{name}-whole.png"] = png(draw(one, record.picture, record.drawing, span, card))
    files["report.html"] = report_page(record).encode()
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    files[FILE] = manifest_of(record, hashes).to_json().encode()
    return _zipped(files)


def panel(record: Record, place: int) -> bytes:
    """The PNG of one variant's map on what the model saw, as the page draws it."""
    return png(draw(record.explanations[place], None, record.drawing, record.spans[place], record.cards[place]))


def file_names(cards: Sequence[Card]) -> list[str]:
    """A harmless file name, without its ending, for each variant."""
    return safe_stems([card.id for card in cards])


def png(image: Image.Image) -> bytes:
    """The pixels of a picture as PNG, and nothing else of it."""
    stream = io.BytesIO()
    bare = Image.frombytes("RGB", image.size, image.convert("RGB").tobytes())
    bare.save(stream, "PNG")
    return stream.getvalue()


def predictions(explanations: Sequence[Explanation], cards: Sequence[Card]) -> str:
    """Every class of both heads of every variant as CSV, the likeliest first; text that a spreadsheet would take for a
    formula begins with an apostrophe."""
    stream = io.StringIO()
    table = csv.writer(stream)
    table.writerow(COLUMNS)
    for one, card in zip(explanations, cards, strict=True):
        trained = "never trained" if card.kind == NOTHING else one.trained_with
        for head in HEADS:
            for rank, p in enumerate(one.top(head, len(one.labels)), 1):
                words = (one.variant, trained, one.applied, head)
                table.writerow([*map(cell, words), rank, p.index, cell(p.label), f"{p.probability:.9g}"])
    return stream.getvalue()


def cell(text: str) -> str:
    """A text as a table holds it: never a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


def _zipped(files: dict[str, bytes]) -> bytes:
    """A zip whose bytes depend on the files alone, the manifest first."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files, key=lambda name: (name != FILE, name)):
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system, info.external_attr = 3, 0o644 << 16  # the same from every system
            info.compress_type = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            archive.writestr(info, files[name])
    return stream.getvalue()
