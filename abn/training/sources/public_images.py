"""Cut-outs and photographs, split by hash into images to train with and held-out ones.

Cut-outs (objects with masks) come from tuxpaint's stamps (photographs, GPL-2: used and never shipped) and openclipart
(drawings, public domain), photographs from wallpapers and educational games, and from anybody's folder or zip. Those
that ship with the app measure, so none of them is among those to train with.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from abn.errors import ABNError
from abn.images import samples
from abn.training.sources.packages import CLIPART, CONTENTS, PHOTOGRAPHS, STAMPS
from abn.training.sources.unpacking import unpack

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
HELD_OUT = 4  # one key in so many is held out and never trained on
OWN, HELD_OUT_OWN = "own photograph", 15  # photographs of a folder or zip, of which so many % are held out
MIN_SIDE, MAX_SIDE = 60, 4096  # pixels of a cut-out's file
COVER = (0.15, 0.97)  # share of a cut-out's box that the object covers
PHOTO_SIDE = 200  # minimum pixels of a photograph's shorter side
SAME = 0.95  # correlation of two thumbnails that show the same motif
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)  # what Pillow raises


@dataclass(frozen=True)
class Source:
    """One image file; `key` names it on any machine, and decides on which side of the split it is."""

    key: str
    path: Path
    kind: str  # "stamp", "clipart", "photograph" or OWN

    @property
    def held_out(self) -> bool:
        number = int(hashlib.sha256(self.key.encode()).hexdigest(), 16)
        return number % 100 < HELD_OUT_OWN if self.kind == OWN else number % HELD_OUT == 0


def cutouts(packages: Path) -> list[Source]:
    """Object images with a usable mask, in the order of their keys."""
    stamps = packages / STAMPS / "usr/share/tuxpaint/stamps"
    clipart = packages / CLIPART / "usr/share/openclipart/png"
    sources = []
    for root, kind, folders in ((stamps, "stamp", CONTENTS["stamps"]), (clipart, "clipart", CONTENTS["clipart"])):
        for path in sorted(path for name in folders for path in (root / name).rglob("*.png")):
            name = path.relative_to(root).as_posix()
            if not (kind == "stamp" and "cartoon" in name) and is_cutout(path):
                sources.append(Source(f"{kind}/{name}", path, kind))
    return sources


def is_cutout(path: Path) -> bool:
    """Whether an image file has a usable size and a mask that is neither empty nor full."""
    try:
        with Image.open(path) as image:
            if not MIN_SIDE <= max(image.size) <= MAX_SIDE or image.mode not in ("RGBA", "LA", "P"):
                return False
            alpha = image.convert("RGBA").getchannel("A")
    except UNREADABLE:
        return False
    box = object_box(alpha)
    if box is None or max(box[2] - box[0], box[3] - box[1]) < MIN_SIDE:
        return False
    return COVER[0] <= (np.asarray(alpha.crop(box).resize((32, 32))) > 127).mean() <= COVER[1]


def object_box(alpha: Image.Image) -> tuple[int, int, int, int] | None:
    """The box of the pixels whose alpha is more than one half: left, top, right, bottom."""
    return alpha.point(lambda a: 255 * (a > 127)).getbbox()


def photographs(packages: Path) -> list[Source]:
    """Photographs that don't ship with the app, each motif once, in the order of their keys."""
    known = [_photo_thumbnail(photo.path, min_side=1) for photo in samples.photographs()]
    sources = []
    for package, places in PHOTOGRAPHS.items():
        for place in places:
            root = packages / package / place.removesuffix(".rcc")
            for path in sorted(root.rglob("*"), key=lambda path: (-path.stat().st_size, path.name)):
                thumbnail = _photo_thumbnail(path) if path.suffix.lower() in PHOTO_SUFFIXES else None
                if thumbnail is not None and all(other @ thumbnail < SAME for other in known):
                    known.append(thumbnail)
                    name = path.relative_to(packages / package).as_posix()
                    sources.append(Source(f"photograph/{package}/{name}", path, "photograph"))
    return sorted(sources, key=lambda source: source.key)


def own_photographs(place: Path, work: Path) -> list[Source]:
    """The photographs of a folder, or of a zip that is unpacked in `work`, each once, in the order of their keys, which
    are hashes of the files; those that ship with the app and files that can't be opened are left out. Raises
    `ABNError`."""
    name = place.name
    if place.is_file():
        with place.open("rb") as file:
            unpacked = work / f"photos-{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"
        if not unpacked.is_dir():
            unpack(place, unpacked)
        place = unpacked
    if not place.is_dir():
        raise ABNError(f"There is no folder and no zip of photographs {name!r}.")
    shipped = (_photo_thumbnail(photo.path, min_side=1) for photo in samples.photographs())
    known = np.stack([thumbnail for thumbnail in shipped if thumbnail is not None])
    sources: dict[str, Source] = {}
    for path in sorted(place.rglob("*")):
        thumbnail = _photo_thumbnail(path, min_side=MIN_SIDE) if path.suffix.lower() in PHOTO_SUFFIXES else None
        if thumbnail is not None and (known @ thumbnail).max() < SAME:
            key = f"own/{hashlib.sha256(path.read_bytes()).hexdigest()}"
            sources.setdefault(key, Source(key, path, OWN))
    if not sources:
        raise ABNError(f"{name!r} holds no photograph that can be opened.")
    return [sources[key] for key in sorted(sources)]


def gray_thumbnail(image: Image.Image) -> np.ndarray:
    """12 × 12 gray levels (144,), as a unit vector about their mean: the product of two is their correlation."""
    small = image.convert("RGB").convert("L").resize((12, 12), Image.Resampling.BOX)
    gray = np.asarray(small).astype(np.float64).ravel()
    gray -= gray.mean()
    return gray / max(float(np.linalg.norm(gray)), 1e-6)


def _photo_thumbnail(path: Path, *, min_side: int = PHOTO_SIDE) -> np.ndarray | None:
    """The thumbnail of a photograph; None where the file is none, or too small."""
    try:
        with Image.open(path) as image:
            if min(image.size) < min_side:
                return None
            image.draft("RGB", (512, 512))
            return gray_thumbnail(image)
    except UNREADABLE:
        return None
