"""JPEGs that end too early, as after a broken transfer: decoded where nearly all rows are there."""

import io
import math
import re

from PIL import Image, ImageChops, ImageFile

NO_END = "This JPEG lacks its end marker; all its rows are complete."
ROWS_MISSING = "This JPEG ends early: the last {share} % of its rows are incomplete."

MAX_MISSING = 0.05  # of the rows
MAX_SCANS = 100  # it is decoded twice more
MAX_PIXELS = 6_250_000  # as decoded, three times at once

_END = b"\xff\xd9"
_FILLER = bytes(range(255)) * 64  # codes of something else than gray, which libjpeg puts where codes are missing
_ZEROS = 16  # at the end of a file, of which nothing was written
_MARKER = re.compile(rb"\xff+([^\x00\x01\xd0-\xd7\xff])", re.DOTALL)


def load(opened: ImageFile.ImageFile, data: bytes, least_side: int) -> tuple[ImageFile.ImageFile, str]:
    """Decode an image and say what is missing. Raises `OSError` where that is too much, or it is no JPEG."""
    try:
        opened.load()
    except OSError:
        if opened.format not in ("JPEG", "MPO") or math.prod(opened.size) > MAX_PIXELS or not _has_all_scans(data):
            raise
        written = data.rstrip(b"\0")
        if len(data) - len(written) < _ZEROS:
            written = data
        written = written.rstrip(b"\xff")  # half a marker
        image, other = (_load(written + filler + _END, least_side) for filler in (b"", _FILLER))
        # what is there looks the same whatever follows it
        differing = ImageChops.difference(image, other).getbbox()
        missing = image.height - differing[1] if differing else 0
        if missing > MAX_MISSING * image.height:
            raise
        share = f"{100 * missing / image.height:.1f}"
        return image, ROWS_MISSING.format(share=share) if missing else NO_END
    return opened, ""


def _load(data: bytes, least_side: int) -> ImageFile.ImageFile:
    image = Image.open(io.BytesIO(data), formats=["JPEG"])
    image.draft("", (least_side, least_side))
    image.load()
    return image


def _has_all_scans(data: bytes) -> bool:
    """Whether the last scan of every coefficient has begun, however many scans a JPEG has."""
    missing, at, scans = set(), 2, 0
    while (marker := _MARKER.search(data, at)) and scans < MAX_SCANS:
        kind, at = marker[1][0], marker.end()
        length = int.from_bytes(data[at : at + 2], "big")
        body = data[at + 2 : at + length]
        at += length
        if kind in (0xC0, 0xC1, 0xC2):
            missing = {(name, place) for name in body[6::3] for place in range(64)}
        elif kind == 0xDA:
            scans += 1
            names, (first, last, step) = body[1 : 1 + 2 * body[0] : 2], body[1 + 2 * body[0] :]
            if not step & 15:  # no bits are left for another scan
                missing -= {(name, place) for name in names for place in range(first, last + 1)}
    return scans < MAX_SCANS and not missing
