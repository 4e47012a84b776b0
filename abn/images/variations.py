"""Variations of an image, to see what a prediction and a map depend on: flipped, its center enlarged, its center
covered."""

from collections.abc import Callable

from PIL import Image, ImageOps

from abn.images.decode import Picture

GRAY = (127, 127, 127)


def _center(image: Image.Image, share: float) -> tuple[int, int, int, int]:
    """The middle of an image, as wide and as high as a share of its sides: left, top, right, bottom."""
    width, height = (max(1, round(side * share)) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return left, top, left + width, top + height


def _cover(image: Image.Image) -> Image.Image:
    covered = image.copy()
    covered.paste(GRAY, _center(image, 0.4))
    return covered


VARIATIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "flip": ImageOps.mirror,
    "center": lambda image: image.crop(_center(image, 0.5)),  # half of each side
    "cover": _cover,  # 0.4 of each side, in gray
}


def vary(picture: Picture, variation: str) -> Picture:
    """An image changed by one of VARIATIONS; it counts as another image."""
    return Picture(VARIATIONS[variation](picture.image), f"{picture.sha256}-{variation}", picture.name)
