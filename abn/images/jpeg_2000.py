"""JPEG 2000 within limits: what its decoder would need is read from the headers, and it is decoded at reduced size.

OpenJPEG makes room for each tile, precinct, layer and block of coefficients before it decodes any, and needs four times
what Pillow does for a pixel. The markers: https://www.itu.int/rec/T-REC-T.800 Annex A.
"""

import math
import struct
from collections.abc import Iterator

from PIL import ImageFile

from abn.errors import PictureError

MAX_DECODED = 6_250_000  # pixels: a quarter of what Pillow may hold
MAX_TILES = 4_096
MAX_PARTS = 20_000  # of tiles
MAX_PACKETS = 500_000  # some hundred bytes each, where they are of as many precincts
LEAST_BLOCK = 10  # log2 of the coefficients of a block

COSTLY = "This JPEG 2000 image is stored in a way that costs too much to decode: save it again as PNG or JPEG."
LARGE = "This JPEG 2000 image has {width} × {height} pixels and no smaller version of itself: save it as PNG or JPEG."

_START = b"\xff\x4f\xff\x51"
_KNOWN = range(0x50, 0x80)  # markers of headers; the decoder searches behind others, byte by byte
_COD, _COC, _SOT, _SOD = 0x52, 0x53, 0x90, 0x93


def reduce(opened: ImageFile.ImageFile, data: bytes, least_side: int) -> None:
    """Let a JPEG 2000 be decoded at half its size, a quarter …, down to `least_side`. Raises `PictureError` where that
    costs too much, and `struct.error` where the headers are cut short."""
    start = data.find(_START)
    if start < 0 or data.count(_START) > 1:
        raise PictureError(COSTLY)
    length, _, right, bottom, left, top, *tile = struct.unpack_from(">HH8I", data, start + 4)
    (channels,) = struct.unpack_from(">H", data, start + 40)
    width, height = right - left, bottom - top
    tiles = math.prod(math.ceil((end - tile[i + 2]) / max(1, tile[i])) for i, end in enumerate((right, bottom)))
    if (width, height) != opened.size or channels > 4 or tiles > MAX_TILES:
        raise PictureError(COSTLY)
    levels, layers = 32, 1
    for marker, body in _segments(data, start + 4 + length):
        if marker == _COD:
            layers = max(layers, *struct.unpack_from(">H", body, 2))
        if marker in (_COD, _COC):
            own, at = (body[0], 5) if marker == _COD else (body[1], 2)
            depth, across, down = body[at : at + 3]
            levels = min(levels, depth)
            precincts = [(code & 15, code >> 4) for code in body[at + 5 :]] if own & 1 else [(15, 15)]
            most = math.ceil(min(tile[0], width) / 2 ** min(x for x, _ in precincts))
            most *= math.ceil(min(tile[1], height) / 2 ** min(y for _, y in precincts))
            packets = most * tiles * channels * (depth + 1) * layers
            if across + 2 + down + 2 < LEAST_BLOCK or packets > MAX_PACKETS:
                raise PictureError(COSTLY)
    steps = min(levels, int(math.log2(max(1, min(width, height) // least_side))))
    if width * height >> (2 * steps) > MAX_DECODED:
        raise PictureError(LARGE.format(width=width, height=height))
    if steps:
        opened.reduce = steps  # type: ignore[method-assign,assignment]  # a property of this reader


def _segments(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """The marker segments of all headers: of the image, and of each part of its tiles."""
    parts, end = 0, at
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xD9:
        marker = data[at + 1]
        if marker == _SOD:
            at = end
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        body = data[at + 4 : at + 2 + length]
        if marker == _SOT:
            (size,) = struct.unpack_from(">I", body, 2)
            parts, end = parts + 1, at + size if size else len(data)
            if parts > MAX_PARTS or 0 < size < 14:
                raise PictureError(COSTLY)
        elif marker not in _KNOWN:
            raise PictureError(COSTLY)
        yield marker, body
        at += 2 + length
