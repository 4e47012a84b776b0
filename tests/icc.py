"""ICC profiles built byte by byte, for the tests of colors."""

import struct
from collections.abc import Sequence

# rXYZ, gXYZ, bXYZ as the profiles in use state them, adapted to D50
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
ADOBE_RGB = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
SWAPPED = SRGB[::-1]
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
ADOBE_CURVE = (563 / 256,)
INKS = {  # Lab of a press's solid inks and their overprints, on white paper: its cyan is sRGB's (0, 175, 239)
    (0, 0, 0): (100, 0, 0), (1, 0, 0): (66.67, -23, -43), (0, 1, 0): (52, 81, -7), (0, 0, 1): (95, -6, 95),
    (1, 1, 0): (24, 22, -46), (1, 0, 1): (50, -65, 27), (0, 1, 1): (51, 74, 54), (1, 1, 1): (22, 0, 0),
}  # fmt: skip


def fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def text(words: str) -> bytes:
    return b"desc\0\0\0\0" + struct.pack(">I", len(words) + 1) + words.encode() + bytes(79)


def curve(parameters: Sequence[float]) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">H2x", {1: 0, 5: 3}[len(parameters)]) + fixed(*parameters)


def profile(name: str, space: bytes, *, kind: bytes = b"mntr", pcs: bytes = b"XYZ ", **tags: bytes) -> bytes:
    """A profile of a space such as b"RGB ", with tags by their names."""
    entries = {b"desc": text(name), b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1, 0.8249)}
    entries |= {tag.encode(): body for tag, body in tags.items()}
    table, body, start = struct.pack(">I", len(entries)), b"", 132 + 12 * len(entries)
    for tag, content in entries.items():
        table += struct.pack(">4sII", tag, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s12s4s", start + len(body), b"", 0x02400000, kind, space, pcs, b"", b"acsp")
    return head.ljust(68, b"\0") + fixed(0.9642, 1, 0.8249).ljust(60, b"\0") + table + body


def rgb(name: str, colorants: Sequence[Sequence[float]], parameters: Sequence[float] = SRGB_CURVE) -> bytes:
    columns = {f"{c}XYZ": b"XYZ \0\0\0\0" + fixed(*xyz) for c, xyz in zip("rgb", colorants, strict=True)}
    return profile(name, b"RGB ", **columns, **{f"{c}TRC": curve(parameters) for c in "rgb"})


def gray(name: str, gamma: float) -> bytes:
    return profile(name, b"GRAY", kTRC=curve([gamma]))


def lab_table(inputs: int, nodes: Sequence[Sequence[float]], *, grid: int = 2) -> bytes:
    """A table of type lut8 from inks to Lab, whose nodes are given."""
    values = bytes(round(v) for lab in nodes for v in (lab[0] * 2.55, lab[1] + 128, lab[2] + 128))
    ramps = bytes(range(256))
    matrix = fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    return b"mft1\0\0\0\0" + bytes([inputs, 3, grid, 0]) + matrix + ramps * inputs + values + ramps * 3


def press() -> bytes:
    """A press of four inks, by the Lab of each overprint."""
    corners = [(c, m, y, k) for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]
    table = lab_table(4, [(10, 0, 0) if k else INKS[c, m, y] for c, m, y, k in corners])
    return profile("Test press", b"CMYK", kind=b"prtr", pcs=b"Lab ", A2B0=table, A2B1=table)
