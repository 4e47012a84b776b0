"""`python -m abn scenes`: compose the scenes that ship with the app again, as abn/samples/scenes/scenes.json
lists them.

A scene is a drawing of openclipart (public domain) pasted on a crop of a photograph that ships with the app, so its
mask is known: the pixels whose alpha is more than one half. Drawings were chosen and placed by hand, and their classes
named by eye. All of them are held out, by the hash of their name and by their looks; no photograph that ships was ever
trained on. ShareAlike photographs are left alone, so that a scene is under no license but its photograph's.

`composition` in the list: `crop` is left, top and side in the photograph's pixels; `share` the object's share of the
scene's area; `center` the middle of its box, across and down, 0 to 1; `height` the upper part of the drawing that is
kept, which leaves a shadow off.
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
from abn.images.samples import SAMPLES
from abn.training.distillation.scenes import object_thumbnails, shows_known_object
from abn.training.sources.packages import CLIPART, CUTOUTS, add_packages_argument, fetch
from abn.training.sources.public_images import Source, cutouts, object_box

FOLDER = SAMPLES / "scenes"
DRAWINGS = f"{CLIPART}/usr/share/openclipart/png"  # in the folder of packages
SIDE = 320  # pixels of a scene
JPEG_QUALITY = 85

log = logging.getLogger(__name__)


def listed_scenes() -> list[dict]:
    """The records of the scenes that ship."""
    return json.loads((FOLDER / "scenes.json").read_text(encoding="utf-8"))


def drawing_name(record: dict) -> str:
    """The drawing's file in openclipart's folder of PNG files."""
    return record["object"]["source"].partition("openclipart/png/")[2]


def compose(record: dict, *, packages: Path, photographs: Path = SAMPLES) -> tuple[Image.Image, np.ndarray]:
    """The scene, RGB, and the object's mask (SIDE, SIDE) bool."""
    composition = record["composition"]
    left, top, side = composition["crop"]
    with Image.open(photographs / record["ground"]) as photograph:
        scene = photograph.convert("RGB").resize(
            (SIDE, SIDE), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side)
        )
    drawing = _open_drawing(packages / DRAWINGS / drawing_name(record), composition["height"])
    cover = float((np.asarray(drawing.getchannel("A")) > 127).mean())
    scale = SIDE * math.sqrt(composition["share"] / cover / (drawing.width * drawing.height))
    drawing = drawing.resize((round(drawing.width * scale), round(drawing.height * scale)), Image.Resampling.LANCZOS)
    x, y = (round(SIDE * c - extent / 2) for c, extent in zip(composition["center"], drawing.size, strict=True))
    if min(x, y) < 0 or x + drawing.width > SIDE or y + drawing.height > SIDE:
        raise ABNError(f"The object of scene {record['file']} would stick out: make it smaller or move it.")
    scene.paste(drawing, (x, y), drawing)
    alpha = Image.new("L", scene.size)
    alpha.paste(drawing.getchannel("A"), (x, y))
    return scene, np.asarray(alpha) > 127


def _open_drawing(path: Path, height: float) -> Image.Image:
    """The drawing, RGBA, cropped to its object."""
    with Image.open(path) as image:
        drawing = image.convert("RGBA")
    for kept in (1.0, height):
        drawing = drawing.crop((0, 0, drawing.width, round(kept * drawing.height)))
        drawing = drawing.crop(object_box(drawing.getchannel("A")))
    return drawing


def write_scenes(folder: Path, *, packages: Path, records: Sequence[dict]) -> None:
    """Compose scenes into `folder`: NAME.jpg, NAME.png (the mask), and scenes.json, which lists them."""
    for record in records:
        scene, mask = compose(record, packages=packages)
        encoded = io.BytesIO()
        scene.save(encoded, "JPEG", quality=JPEG_QUALITY, optimize=True)
        files.write_file(folder / record["file"], encoded.getvalue())
        with files.atomic_file(folder / record["mask"]) as file:
            Image.fromarray(mask).save(file, "PNG", optimize=True)
    if folder != FOLDER:
        files.write_file(folder / "scenes.json", json.dumps(records, ensure_ascii=False, indent=1) + "\n")


def check_held_out(records: Sequence[dict], *, packages: Path) -> None:
    """`ABNError` where a drawing trained the shipped variants, or looks like one that did, perhaps mirrored."""
    trained = [object_thumbnails(source) for source in cutouts(packages) if not source.held_out]
    for record in records:
        name = drawing_name(record)
        source = Source(f"clipart/{name}", packages / DRAWINGS / name, "clipart")
        if not source.held_out or shows_known_object(source, trained):
            raise ABNError(f"The drawing of scene {record['file']} was part of the training: choose another drawing.")


# ---- the command ----


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn scenes`."""
    add_packages_argument(parser)
    parser.add_argument(
        "--out",
        type=Path,
        default=FOLDER,
        help="folder for the scenes and their masks (default: the folder that the app reads)",
    )


def run(args: argparse.Namespace) -> int:
    """Check that nothing was trained on, and compose."""
    records = listed_scenes()
    fetch(args.data, CUTOUTS)
    check_held_out(records, packages=args.data)
    write_scenes(args.out, packages=args.data, records=records)
    log.info("%d scenes in %s", len(records), args.out)
    return 0
