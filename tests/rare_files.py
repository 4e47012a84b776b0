"""Rare pictures built byte by byte, for the tests of what Pillow itself can't write."""

import struct
import zlib
from collections.abc import Sequence

SIGNATURE = b"\x89PNG\r\n\x1a\n"
BYTE, SHORT, LONG = 1, 3, 4  # types of TIFF's numbers


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(row: bytes, width: int, depth: int, color: int, *chunks: bytes) -> bytes:
    """One row of pixels, packed as PNG packs them, with more chunks before them."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, depth, color, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(b"\0" + row))
    return SIGNATURE + header + b"".join(chunks) + pixels + png_chunk(b"IEND", b"")


def apng(default: bytes | None, *frames: bytes, left: int = 0, blend: int = 0) -> bytes:
    """An animation of one row of RGBA pixels, with a still picture beside it that only others show."""
    numbers = iter(range(99))
    chunks = [png_chunk(b"acTL", struct.pack(">II", len(frames), 0))]
    chunks += [png_chunk(b"IDAT", zlib.compress(b"\0" + default))] if default else []
    for index, frame in enumerate(frames):
        control = struct.pack(">IIIIIHHBB", next(numbers), len(frame) // 4, 1, left, 0, 1, 10, 0, blend)
        row = zlib.compress(b"\0" + frame)
        first = index == 0 and default is None
        chunks.append(png_chunk(b"fcTL", control))
        chunks.append(png_chunk(b"IDAT", row) if first else png_chunk(b"fdAT", struct.pack(">I", next(numbers)) + row))
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", len(default or frames[0]) // 4, 1, 8, 6, 0, 0, 0))
    return SIGNATURE + header + b"".join(chunks) + png_chunk(b"IEND", b"")


def tiff(
    strips: bytes | Sequence[bytes],
    width: int,
    bits: Sequence[int],
    photometric: int,
    *,
    order: str = "<",
    height: int = 1,
    deflate: bool = False,
    **tags: Sequence[int] | bytes | int,
) -> bytes:
    """A TIFF of one directory; further tags by their number behind a letter, as in t284=2."""
    strips = [strips] if isinstance(strips, bytes) else list(strips)
    if deflate:
        strips = [zlib.compress(strip) for strip in strips]
    offsets = [8 + sum(map(len, strips[:place])) for place in range(len(strips))]
    results = {256: width, 257: height, 258: bits, 259: 8 if deflate else 1, 262: photometric, 273: offsets}
    results |= {277: len(bits), 278: height, 279: [len(strip) for strip in strips]}
    results |= {int(name[1:]): values for name, values in tags.items()}
    at = 8 + sum(map(len, strips))
    entries, beyond = b"", b""
    for tag, values in sorted(results.items()):
        values = [values] if isinstance(values, int) else values
        kind = BYTE if isinstance(values, bytes) else LONG if max(values) > 65535 or tag in (273, 279) else SHORT
        packed = struct.pack(f"{order}{len(values)}{' BxHI'[kind]}", *values).ljust(4, b"\0")
        if len(packed) > 4:
            place = at + 2 + 12 * len(results) + 4 + len(beyond)
            beyond, packed = beyond + packed, struct.pack(order + "I", place)
        entries += struct.pack(order + "HHI", tag, kind, len(values)) + packed
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", at)
    return start + b"".join(strips) + struct.pack(order + "H", len(results)) + entries + bytes(4) + beyond


def bmp(pixels: bytes, size: tuple[int, int], bits: int, *, packing: int = 0, extra: bytes = b"", **said: int) -> bytes:
    """A BMP; `extra` lies between header and pixels: a palette, or masks."""
    header, colors = said.get("header", 40), said.get("colors", 0)
    start = struct.pack("<IiiHHIIiiII", header, *size, 1, bits, packing, len(pixels), 0, 0, colors, 0)
    at = 14 + len(start) + len(extra)
    return b"BM" + struct.pack("<IHHI", at + len(pixels), 0, 0, at) + start + extra + pixels


def gif(
    screen: tuple[int, int], palette: bytes, *frames: tuple[int, int, int, int, Sequence[int], int | None]
) -> bytes:
    """A GIF of 4 colors; a frame is left, top, width, height, the pixels' colors, and the transparent one."""
    data = b"GIF89a" + struct.pack("<HH", *screen) + b"\x81\0\0" + palette
    for left, top, width, height, pixels, transparent in frames:
        if transparent is not None:
            data += b"!\xf9\4\1\0\0" + bytes([transparent]) + b"\0"
        bits = "".join(f"{code:03b}"[::-1] for pixel in pixels for code in (4, pixel)) + "101"  # a clear before each
        packed = bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))
        data += (
            b"," + struct.pack("<HHHHB", left, top, width, height, 0) + b"\2" + bytes([len(packed)]) + packed + b"\0"
        )
    return data + b";"
