"""ICC profiles for colors that a file states by numbers: primaries, white and a curve.

The numbers of ITU-T H.273 are those of PNG's cICP, and of AVIF and HEIC. https://www.w3.org/TR/png-3/#cICP-chunk
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_D50 = np.array([0.9642, 1.0, 0.8249])  # XYZ of the white of all profiles
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D65 = (0.3127, 0.329)
_SRGB = (0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
_P3 = (0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
_NTSC = (0.63, 0.34, 0.31, 0.595, 0.155, 0.07)
_WHITE = 203  # cd/m² of white paper in HDR (ITU-R BT.2408)


@dataclass(frozen=True)
class Primaries:
    """Where red, green, blue and white lie: x and y of each."""

    name: str
    colors: Sequence[float]
    white: Sequence[float] = _D65


@dataclass(frozen=True)
class Curve:
    """From a channel's number, 0 to 1, to its light: the curve of sRGB, a power, or one sampled evenly."""

    name: str  # empty for that of sRGB, and where it says nothing to people
    gamma: float = 0  # 0: another curve
    samples: Sequence[float] = ()

    @property
    def hdr(self) -> bool:
        return bool(self.samples)


def _pq() -> Curve:
    """SMPTE ST 2084, clipped at white."""
    powered = np.linspace(0, 1, 4096) ** (1 / 78.84375)
    light = (np.maximum(powered - 0.8359375, 0) / (18.8515625 - 18.6875 * powered)) ** (1 / 0.1593017578125)
    return Curve("PQ", samples=tuple(np.minimum(light * 10_000 / _WHITE, 1)))


def _hlg() -> Curve:
    """ARIB STD-B67 on a display of 1,000 cd/m², clipped at white."""
    level = np.linspace(0, 1, 4096)
    scene = np.where(level <= 0.5, level**2 / 3, (np.exp((level - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    return Curve("HLG", samples=tuple(np.minimum(scene**1.2 * 1000 / _WHITE, 1)))


_sRGB = Curve("")
CURVES = dict.fromkeys((1, 2, 6, 13, 14, 15), _sRGB) | {
    4: Curve("gamma 2.2", gamma=2.2),
    5: Curve("gamma 2.8", gamma=2.8),
    8: Curve("linear", gamma=1),
    16: _pq(),
    18: _hlg(),
}
_BT709 = Primaries("BT.709", _SRGB)
PRIMARIES = {
    1: _BT709,
    2: _BT709,
    5: Primaries("BT.601 (PAL)", (0.64, 0.33, 0.29, 0.6, 0.15, 0.06)),
    6: Primaries("BT.601 (NTSC)", _NTSC),
    7: Primaries("BT.601 (NTSC)", _NTSC),
    9: Primaries("BT.2020", (0.708, 0.292, 0.17, 0.797, 0.131, 0.046)),
    11: Primaries("DCI-P3", _P3, (0.314, 0.351)),
    12: Primaries("Display P3", _P3),
}


def build(primaries: Primaries, curve: Curve) -> bytes:
    """A profile of three primaries and one curve. Raises `ValueError`, `ArithmeticError` or `struct.error` for
    primaries that span no space."""
    tags = {b"wtpt": _xyz(_D50)}
    for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), _to_d50(primaries).T, strict=True):
        tags[name] = _xyz(column)
    tags |= {name: _curve(curve) for name in (b"rTRC", b"gTRC", b"bTRC")}
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(tag))
        body += tag
    version = 0x04400000
    header = struct.pack(">I4sI12s12x4s", start + len(body), b"", version, b"mntrRGB XYZ ", b"acsp")
    return (header.ljust(68, b"\0") + _fixed(*_D50)).ljust(128, b"\0") + table + body


def _to_d50(primaries: Primaries) -> np.ndarray:
    """The matrix (3, 3) from linear RGB to XYZ, adapted to the white of profiles."""
    x, y = np.array([*primaries.colors, *primaries.white]).reshape(4, 2).T
    if not (y > 0).all():
        raise ValueError("a primary without light")
    xyz = np.array([x / y, np.ones(4), (1 - x - y) / y])
    white = xyz[:, 3]
    try:
        matrix = xyz[:, :3] * np.linalg.solve(xyz[:, :3], white)
    except np.linalg.LinAlgError as error:
        raise ValueError("primaries on one line") from error
    gains = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    return np.linalg.inv(_BRADFORD) @ (gains[:, None] * (_BRADFORD @ matrix))


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(float(value) * 65536) for value in values))


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*values)


def _curve(curve: Curve) -> bytes:
    if curve.samples:
        levels = np.rint(np.array(curve.samples) * 65535).astype(">u2")
        return b"curv\0\0\0\0" + struct.pack(">I", len(levels)) + levels.tobytes()
    if curve.gamma:
        return b"para\0\0\0\0\0\0\0\0" + _fixed(curve.gamma)
    return b"para\0\0\0\0\0\3\0\0" + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
