"""Distinct JPEGs of a camera's size, made of the photographs that ship; the same ones for the same seed."""

import io
import random
from pathlib import Path

from PIL import Image, ImageEnhance

SAMPLES = Path(__file__).parents[2] / "abn" / "samples"
CAMERA = (1600, 1200)
GRAIN = 0.12  # as a camera's noise fills a file


def photographs(count: int, seed: int) -> list[bytes]:
    """So many files, no two alike."""
    dice = random.Random(seed)
    sources = [Image.open(path).convert("RGB") for path in sorted(SAMPLES.glob("*.jpg"))]
    grain = Image.frombytes("L", CAMERA, dice.randbytes(CAMERA[0] * CAMERA[1])).convert("RGB")
    return [_photograph(dice, dice.choice(sources), grain) for _ in range(count)]


def _photograph(dice: random.Random, source: Image.Image, grain: Image.Image) -> bytes:
    share = dice.uniform(0.7, 1.0)
    width, height = (round(side * share) for side in source.size)
    left, top = dice.randrange(source.width - width + 1), dice.randrange(source.height - height + 1)
    seen = source.resize(CAMERA, Image.Resampling.BILINEAR, (left, top, left + width, top + height))
    seen = Image.blend(ImageEnhance.Color(seen).enhance(dice.uniform(0.6, 1.4)), grain, GRAIN)
    file = io.BytesIO()
    seen.save(file, "JPEG", quality=85)
    return file.getvalue()
