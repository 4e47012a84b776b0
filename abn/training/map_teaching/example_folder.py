"""Examples from a folder: an image, its map beside it (cat.jpg with cat.npy or cat.map.png), and classes in a table.

A map of the image's own height and width covers the whole image, as a mask does: the part at the network's input is cut
out of it. Any other map covers that part already, as `python -m abn explain --out` writes it.
"""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from abn.errors import ABNError, PictureError
from abn.evaluation.localization import fit_mask
from abn.files import is_litter
from abn.images.any_source import read_picture
from abn.images.decode import Picture
from abn.images.file_kinds import SUFFIXES
from abn.images.fit import DEFAULT_FIT, fit_picture
from abn.training.map_teaching.examples import TWO_MAPS, Example
from abn.variants.card import Card, class_names

MAP_PNG = ".map.png"
KEPT = ("", "kept prediction")  # entries of the table that keep the variant's prediction
SCALES = {"1": 1, "L": 255, "I;16": 65_535, "I;16B": 65_535, "I": 65_535}  # Pillow's modes → the value that means 1

NO_FOLDER = "{folder} is no folder of images with maps: check the path of --examples."
NO_IMAGES = "The folder {folder} holds no images: put images with maps into it, such as cat.jpg with cat.npy."
SAME_STEM = "The images {first} and {second} would have the same map: rename one of them."
WITHOUT_MAP = "The image {name} has no map: put {stem}.npy or {stem}.map.png beside it."
WITHOUT_IMAGE = "The map {name} has no image beside it: put the image there, or remove the map."
UNREADABLE_MAP = "The map {name} can't be read: save it as .npy with rows and columns, or as a gray PNG."
UNREADABLE_LABELS = "The table {name} can't be read: save it as CSV in UTF-8 with the columns image and label."
UNKNOWN_IMAGE = "The table {name} has a label for {image}, and there is no such image: correct the name."
UNKNOWN_LABEL = "The label {label!r} of {image} is no class of {variant}: give a class's number, or its whole name."
TWO_LABELS = "The table {name} has two labels for {image}: remove one of them."


def read_examples(folder: Path, card: Card, *, labels: Path | None = None, fit: str = DEFAULT_FIT) -> list[Example]:
    """The examples of a folder in the order of their names. `labels` is a CSV file with the columns image and label: a
    class's number or whole name; images that it leaves out keep the variant's prediction.

    Raises:
        ABNError: one sentence that names the file.
    """
    images, maps = _list(folder)
    classes = _read_labels(labels, images, card) if labels else {}
    examples = []
    for path in images:
        picture, values = read_image(path), read_map(_only_map(path, maps))
        examples.append(Example(picture, _cut_out(values, picture, card, fit), classes.get(path.name)))
    return examples


def read_images(folder: Path) -> list[Picture]:
    """The images of a folder in the order of their names, without maps. Raises `ABNError`."""
    images, _ = _list(folder, with_maps=False)
    return [read_image(path) for path in images]


def read_image(path: Path) -> Picture:
    """An image; `ABNError` with its name where it can't be opened."""
    try:
        return read_picture(path)
    except PictureError as error:
        raise ABNError(f"{path.name}: {error}") from error


def read_map(path: Path) -> np.ndarray:
    """The values of a map: those of an .npy file as they are, those of a gray PNG from 0 (black) to 1 (white)."""
    try:
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False)
        with Image.open(path, formats=["PNG"]) as file:
            gray = file if file.mode in SCALES else file.convert("L")
            return np.asarray(gray).astype(np.float32) / SCALES[gray.mode]
    except (OSError, ValueError, EOFError, SyntaxError, Image.DecompressionBombError) as error:
        raise ABNError(UNREADABLE_MAP.format(name=path.name)) from error


def _list(folder: Path, *, with_maps: bool = True) -> tuple[list[Path], dict[str, list[Path]]]:
    """The images of a folder, and the maps by the stem of their image."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.is_file() and not is_litter(path.name))
    except OSError as error:
        raise ABNError(NO_FOLDER.format(folder=folder)) from error
    images = [path for path in paths if path.suffix.lower() in SUFFIXES and not path.name.endswith(MAP_PNG)]
    if not images:
        raise ABNError(NO_IMAGES.format(folder=folder))
    maps: dict[str, list[Path]] = {}
    for path in paths if with_maps else ():
        if path.name.endswith(MAP_PNG):
            maps.setdefault(path.name.removesuffix(MAP_PNG), []).append(path)
        elif path.suffix == ".npy":
            maps.setdefault(path.stem, []).append(path)
    _check_pairs(images if with_maps else (), maps)
    return images, maps


def _check_pairs(images: Iterable[Path], maps: dict[str, list[Path]]) -> None:
    stems: dict[str, Path] = {}
    for path in images:
        if path.stem in stems:
            raise ABNError(SAME_STEM.format(first=stems[path.stem].name, second=path.name))
        stems[path.stem] = path
    alone = [paths[0] for stem, paths in maps.items() if stem not in stems]
    if alone:
        raise ABNError(WITHOUT_IMAGE.format(name=alone[0].name))


def _only_map(image: Path, maps: dict[str, list[Path]]) -> Path:
    paths = maps.get(image.stem, [])
    if not paths:
        raise ABNError(WITHOUT_MAP.format(name=image.name, stem=image.stem))
    if len(paths) > 1:
        raise ABNError(TWO_MAPS.format(name=image.name))
    return paths[0]


def _cut_out(values: np.ndarray, picture: Picture, card: Card, fit: str) -> np.ndarray:
    """A map (H, W) of the whole image → that of the network's input, padding 0; any other map as it is."""
    if values.shape != picture.full_size[::-1] or values.dtype.kind not in "fiub":
        return values
    return fit_mask(values, fit_picture(picture, card.input, fit))


def _read_labels(path: Path, images: list[Path], card: Card) -> dict[str, int | None]:
    """Image → class, of a table with the columns image and label."""
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
        entries = [(row["image"].strip(), row["label"].strip()) for row in rows]
    except (OSError, UnicodeDecodeError, KeyError, AttributeError, csv.Error) as error:
        raise ABNError(UNREADABLE_LABELS.format(name=path.name)) from error
    names, labels = {image.name for image in images}, {}
    for image, label in entries:
        if image not in names:
            raise ABNError(UNKNOWN_IMAGE.format(name=path.name, image=image))
        if image in labels:
            raise ABNError(TWO_LABELS.format(name=path.name, image=image))
        labels[image] = _find_class(label, image, card)
    return labels


def _find_class(label: str, image: str, card: Card) -> int | None:
    """A class by its number or its whole name; None for a prediction that is kept."""
    if label.lower() in KEPT:
        return None
    if label.isdecimal():
        return int(label)  # whether there is such a class, `check_examples` finds out
    same = [index for index, name in enumerate(class_names(card)) if name.casefold() == label.casefold()]
    if len(same) != 1:
        raise ABNError(UNKNOWN_LABEL.format(label=label[:80], image=image, variant=card.title or card.id))
    return same[0]
