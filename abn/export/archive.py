"""Everything of a comparison in one zip: figures, raw maps, predictions as CSV, the HTML report and the manifest.

The image file's own bytes are never in it: every image is encoded again from its pixels, so that no place, time or
camera of a photograph leaves with it. Equal comparisons give equal bytes.
"""

import hashlib
import io
import zipfile
from collections.abc import Sequence

from abn.export.figures import Comparison, figure_png, npy_bytes, png_bytes
from abn.export.html_report import html_report
from abn.export.manifest import MANIFEST_NAME, manifest_json
from abn.export.tables import predictions_csv
from abn.files import safe_stems
from abn.variants.card import Card

ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # modification time of every member: the earliest that a zip can hold


def export_zip(comparison: Comparison) -> bytes:
    """The content of the zip file."""
    members = {"predictions.csv": predictions_csv(comparison.explanations, comparison.cards)}
    for explanation in comparison.explanations:  # variants of one input size saw the same image
        members[f"seen-{explanation.spec.size}.png"] = png_bytes(explanation.fitted.image)
    for index, stem in enumerate(file_stems(comparison.cards)):
        members[f"{stem}.npy"] = npy_bytes(comparison.explanations[index].attention)
        members[f"{stem}.png"] = figure_png(comparison, index)
        members[f"{stem}-whole.png"] = figure_png(comparison, index, whole=True)
    members["report.html"] = html_report(comparison).encode()
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(members.items())}
    return _zip({MANIFEST_NAME: manifest_json(comparison, hashes).encode(), **dict(sorted(members.items()))})


def file_stems(cards: Sequence[Card]) -> list[str]:
    """A safe file name without suffix for each variant."""
    return safe_stems([card.id for card in cards])


def _zip(members: dict[str, bytes]) -> bytes:
    """A zip whose bytes depend on its members alone."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, ZIP_EPOCH)
            info.create_system, info.external_attr = 3, 0o644 << 16  # Unix on every system
            info.compress_type = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return stream.getvalue()
