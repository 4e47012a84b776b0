"""The brightest region of a map on the original image: as a PNG mask, and as boxes in COCO's format.

https://cocodataset.org/#format-data
"""

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from abn import files
from abn.explanations.explanation import Explanation
from abn.export.figures import file_stem
from abn.plots.overlay import brightest_level

MAX_SIDE = 1024  # pixels: a region of a larger image is computed at this size, and enlarged


@dataclass(frozen=True)
class Region:
    """A connected part of the brightest region."""

    box: tuple[float, float, float, float]  # left, top, width, height in pixels of the original
    area: float  # pixels of the original
    score: float  # mean of M within


def brightest_region(explanation: Explanation, share: float) -> tuple[np.ndarray, np.ndarray]:
    """The brightest `share` (0 … 1) of the part of an image that was given to the network, as bool (h, w), and M
    there (h, w), NaN elsewhere; at the original's size or, of a large image, at `MAX_SIDE`."""
    width, height = explanation.fitted.original_size
    scale = min(1.0, MAX_SIDE / max(width, height))
    size = max(1, round(scale * width)), max(1, round(scale * height))
    values = explanation.fitted.to_original(explanation.attention, size=size)
    level, _ = brightest_level(values, share)
    return values >= level, values  # NaN is not


def find_regions(explanation: Explanation, share: float) -> list[Region]:
    """The connected parts of the brightest region, the largest first; cells that touch at a corner are connected."""
    inside, values = brightest_region(explanation, share)
    across, down = (
        full / side for full, side in zip(explanation.fitted.original_size, inside.shape[::-1], strict=True)
    )
    labels, count = ndimage.label(inside, np.ones((3, 3)))
    regions = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels, count), start=1):
        part = labels[rows, columns] == number
        left, top = columns.start * across, rows.start * down
        box = left, top, part.shape[1] * across, part.shape[0] * down
        regions.append(Region(box, part.sum() * across * down, float(values[rows, columns][part].mean())))
    return sorted(regions, key=lambda region: -region.area)


def mask_png(explanation: Explanation, share: float) -> bytes:
    """The brightest region as a PNG of the original's size: 255 inside, 0 elsewhere."""
    inside, _ = brightest_region(explanation, share)
    mask = Image.fromarray(np.where(inside, 255, 0).astype(np.uint8))
    if mask.size != explanation.fitted.original_size:
        mask = mask.resize(explanation.fitted.original_size, Image.Resampling.BILINEAR)
        mask = mask.point(lambda level: 255 * (level > 127))
    stream = io.BytesIO()
    mask.save(stream, "PNG")
    return stream.getvalue()


def coco_json(explanation: Explanation, share: float, file_name: str) -> str:
    """The boxes of the brightest region in COCO's format; the category is the perception head's class."""
    (width, height), (predicted,) = explanation.fitted.original_size, explanation.top("perception", 1)
    annotations = [
        {
            "id": number,
            "image_id": 1,
            "category_id": predicted.index,
            "bbox": [round(side, 2) for side in region.box],
            "area": round(region.area, 2),
            "iscrowd": 0,
            "score": round(region.score, 4),
        }
        for number, region in enumerate(find_regions(explanation, share), start=1)
    ]
    images = [{"id": 1, "file_name": file_name, "width": width, "height": height}]
    categories = [{"id": predicted.index, "name": predicted.label}]
    return json.dumps({"images": images, "annotations": annotations, "categories": categories})


def save_regions(
    explanation: Explanation, file_name: str, folder: Path, stem: str, *, share: float, boxes: bool
) -> list[Path]:
    """Write STEM--VARIANT--mask.png and, with `boxes`, STEM--VARIANT--boxes.json into `folder`; returns their paths."""
    path = folder / f"{file_stem(explanation, stem)}--mask.png"
    files.write_file(path, mask_png(explanation, share))
    if not boxes:
        return [path]
    boxes_path = path.with_name(path.name.replace("--mask.png", "--boxes.json"))
    files.write_file(boxes_path, coco_json(explanation, share, file_name))
    return [path, boxes_path]
