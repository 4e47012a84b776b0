"""AVIF within limits: how large its frames are coded, since the container may state less.

libavif decodes a frame at its own size and then scales it to what the container states. So the sequence headers of all
frames are read before any is decoded: ISO/IEC 14496-12 has the boxes, https://aomediacodec.github.io/av1-spec 5.5 the
headers.
"""

import struct
from collections.abc import Iterator

from abn.errors import PictureError
from abn.images.decode_limits import MAX_PIXELS, refuse_large

MAX_PIECES = 20_000  # boxes, and pieces of items
MAX_TOGETHER = 4 * MAX_PIXELS  # of all coded images: the cells of a grid, transparency, thumbnails
RARE = "This AVIF image is stored in a rare way: save it again as PNG or JPEG."

_WITHIN = {b"meta": 4, b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0}  # bytes before the boxes in a box
_SEQUENCE_HEADER = 1  # type of an OBU


def refuse_hidden_size(data: bytes) -> None:
    """Raise `PictureError` where frames are coded with too many pixels, or `ValueError`, `IndexError` or `struct.error`
    where that can't be read."""
    pixels = read = 0
    for payload in _coded_images(data):
        sizes = list(_coded_sizes(payload))
        for size in sizes:
            refuse_large(size, MAX_PIXELS, "AVIF")
        pixels += max((width * height for width, height in sizes), default=0)
        read += len(payload)
        if pixels > MAX_TOGETHER or read > 2 * len(data):
            raise PictureError(RARE)


def _coded_images(data: bytes) -> Iterator[bytes]:
    """What is given to the AV1 decoder: every item that is coded so, and the first sample of every track."""
    boxes = list(_boxes(data))
    idat = b"".join(body for kind, body in boxes if kind == b"idat")
    entries = [body for kind, body in boxes if kind == b"infe"]
    coded = {_number(body, 4, at - 6) for body in entries if body[(at := 10 if body[0] == 3 else 8) :][:4] == b"av01"}
    for iloc in (body for kind, body in boxes if kind == b"iloc"):
        yield from _items(data, idat, iloc, coded)
    offsets = [_number(body, 8, 8 if kind == b"co64" else 4) for kind, body in boxes if kind in (b"stco", b"co64")]
    sizes = [_number(body, 4, 4) or _number(body, 12, 4) for kind, body in boxes if kind == b"stsz"]
    for at, size in zip(offsets, sizes, strict=True):
        yield data[at : at + size]


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of each box, and of those within."""
    left, inside = MAX_PIECES, [(0, len(data))]
    while inside:
        at, end = inside.pop(0)
        while at + 8 <= end:
            left -= 1
            length, kind = struct.unpack_from(">I4s", data, at)
            head = 16 if length == 1 else 8
            length = _number(data, at + 8, 8) if length == 1 else length or end - at
            if left < 0 or not head <= length <= end - at:
                raise PictureError(RARE)
            body = at + head
            if kind in _WITHIN:
                inside.append((body + _WITHIN[kind], at + length))
            elif kind == b"iinf":
                inside.append((body + (8 if data[body] else 6), at + length))
            elif kind != b"mdat":
                yield kind, data[body : at + length]
            at += length


def _items(data: bytes, idat: bytes, iloc: bytes, coded: set[int]) -> Iterator[bytes]:
    """The bytes of each item of `coded` that an `iloc` box lists."""
    version, sizes, more = iloc[0], iloc[4], iloc[5]
    at, left = 6, MAX_PIECES

    def number(length: int) -> int:
        nonlocal at
        at += length
        return _number(iloc, at - length, length)

    for _ in range(number(4 if version == 2 else 2)):
        item = number(4 if version == 2 else 2)
        source = idat if version and number(2) & 15 == 1 else data
        number(2)  # of another file
        base, payload = number(more >> 4), []
        for _ in range(number(2)):
            left -= 1
            number(more & 15 if version else 0)
            offset, length = base + number(sizes >> 4), number(sizes & 15)
            payload.append(source[offset : offset + length] if item in coded else b"")
            if left < 0:
                raise PictureError(RARE)
        if item in coded:
            yield b"".join(payload)


def _number(data: bytes, at: int, length: int) -> int:
    if at + length > len(data):
        raise ValueError("cut short")
    return int.from_bytes(data[at : at + length], "big")


def _coded_sizes(payload: bytes) -> Iterator[tuple[int, int]]:
    """Width and height in each sequence header of an AV1 stream, whose parts are OBUs."""
    at = 0
    while at < len(payload):
        header = payload[at]
        at += 2 if header & 4 else 1
        length = len(payload) - at
        if header & 2:
            length, shift = 0, 0
            while True:  # seven bits a byte, the last ones first
                byte, at = payload[at], at + 1
                length |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
        if header >> 3 & 15 == _SEQUENCE_HEADER:
            yield _coded_size(payload[at : at + length])
        at += length


def _coded_size(header: bytes) -> tuple[int, int]:
    """Width and height of the largest frames of a sequence header."""
    bits = int.from_bytes(header, "big")
    left = 8 * len(header)

    def number(length: int) -> int:
        nonlocal left
        left -= length
        if left < 0:
            raise ValueError("cut short")
        return bits >> left & (1 << length) - 1

    number(4)  # profile, still
    reduced = number(1)
    if reduced:
        number(5)  # level
    else:
        if number(1):  # times of a video
            raise PictureError(RARE)
        delays = number(1)
        for _ in range(number(5) + 1):
            number(12)
            if number(5) > 7:  # level
                number(1)
            if delays and number(1):
                number(4)
    width_bits, height_bits = number(4) + 1, number(4) + 1
    width, height = number(width_bits) + 1, number(height_bits) + 1
    # a frame may state a size of its own, in so many bits
    if not reduced and (width_bits > width.bit_length() or height_bits > height.bit_length()):
        raise PictureError(RARE)
    return width, height
