"""`python -m abn scenes`: the scenes that ship with the app, composed again from scene_list.py.

A scene is a cut-out of openclipart (drawings, public domain) on a crop of a photograph that ships with the app, so its
mask is known. All cut-outs are held out: by the hash of their name, and by their looks, as `evaluate` holds out its
own; and no photograph that ships was ever trained on. Other drawings of the same style were. ShareAlike photographs
are left alone, so that a scene is under no license but its photograph's. A mask holds the pixels that are more than
half the object's.
"""

import argparse
import io
import json
import logging
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from abn import files
from abn.errors import ABNError
from abn.training import evaluate, public_sources
from abn.training.scene_list import ITEMS, Item

FOLDER = public_sources.SAMPLES / "scenes"
CLIPART = "openclipart-png"
SIDE = 320  # pixels of a scene
QUALITY = 85  # of the JPEG

log = logging.getLogger(__name__)


def compose(item: Item, *, data: Path, photographs: Path = public_sources.SAMPLES) -> tuple[Image.Image, np.ndarray]:
    """The scene, RGB, and the object's mask (SIDE, SIDE) bool."""
    left, top, side = item.crop
    with Image.open(photographs / item.ground) as photograph:
        scene = photograph.convert("RGB").resize((SIDE, SIDE), Image.LANCZOS, box=(left, top, left + side, top + side))
    drawing = _cutout(data, item)
    cover = float((np.asarray(drawing.getchannel("A")) > 127).mean())
    scale = SIDE * math.sqrt(item.share / cover / (drawing.width * drawing.height))
    drawing = drawing.resize((round(drawing.width * scale), round(drawing.height * scale)), Image.LANCZOS)
    corner = [round(SIDE * middle - extent / 2) for middle, extent in zip(item.at, drawing.size, strict=True)]
    if min(corner) < 0 or any(c + e > SIDE for c, e in zip(corner, drawing.size, strict=True)):
        raise ABNError(f"The object of scene {item.id!r} would stick out: make it smaller or move it.")
    scene.paste(drawing, tuple(corner), drawing)
    alpha = Image.new("L", scene.size)
    alpha.paste(drawing.getchannel("A"), tuple(corner))
    return scene, np.asarray(alpha) > 127


def _cutout(data: Path, item: Item) -> Image.Image:
    """The drawing, RGBA, cropped to its object."""
    with Image.open(data / CLIPART / "usr/share/openclipart/png" / item.cutout) as drawing:
        drawing = drawing.convert("RGBA")
    for part in (1.0, item.bottom):
        drawing = drawing.crop((0, 0, drawing.width, round(part * drawing.height)))
        drawing = drawing.crop(drawing.getchannel("A").point(lambda a: 255 * (a > 127)).getbbox())
    return drawing


def write(folder: Path = FOLDER, *, data: Path, items: Sequence[Item] = ITEMS) -> None:
    """Compose all scenes into `folder`: NAME.jpg, NAME.png (the mask) and scenes.json, which tells of them."""
    records = []
    for item in items:
        scene, mask = compose(item, data=data)
        encoded = io.BytesIO()
        scene.save(encoded, "JPEG", quality=QUALITY, optimize=True)
        files.write_file(folder / f"{item.id}.jpg", encoded.getvalue())
        with files.atomic_file(folder / f"{item.id}.png") as file:
            Image.fromarray(mask).save(file, "PNG", optimize=True)
        records.append(_record(item))
    files.write_file(folder / "scenes.json", json.dumps(records, ensure_ascii=False, indent=1) + "\n")


def _record(item: Item) -> dict:
    return {
        "file": f"{item.id}.jpg",
        "mask": f"{item.id}.png",
        "title": item.title,
        "alt": item.alt,
        "class": item.index,
        "object": {
            "title": item.id.replace("-", " "),
            "license": "public-domain",
            "source": f"Debian package {CLIPART} 0.18, usr/share/openclipart/png/{item.cutout}",
            "held out": True,
        },
        "ground": item.ground,
    }


def check_held_out(items: Sequence[Item], *, data: Path) -> None:
    """`ABNError` where a cut-out is one that trained the shipped variants, or looks like one, perhaps mirrored."""
    trained = [evaluate.looks(source) for source in public_sources.cutouts(data) if not source.held_out]
    for item in items:
        path = data / CLIPART / "usr/share/openclipart/png" / item.cutout
        source = public_sources.Source(f"clipart/{item.cutout}", path, "clipart")
        if not source.held_out or evaluate.looks_like_any(source, trained):
            raise ABNError(f"The cut-out of scene {item.id!r} took part in training: choose another.")


# ---- the command ----


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn scenes`."""
    parser.add_argument("--data", type=Path, default=public_sources.DATA, help="packages; what is missing is fetched")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write; default: where the app reads them")


def run(args: argparse.Namespace) -> int:
    """Check that nothing was trained on, and compose."""
    public_sources.fetch_cutouts(args.data)
    check_held_out(ITEMS, data=args.data)
    write(args.out, data=args.data)
    log.info("%d scenes in %s", len(ITEMS), args.out)
    return 0
