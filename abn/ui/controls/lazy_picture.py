"""Pictures that sessions hold: of all together a few stay decoded, the others are decoded anew when they are needed.

A decoded photograph takes ten to a hundred times what its file takes, and thirty people hold thirty.
"""

import threading
import weakref
from collections.abc import Callable

from PIL import Image

from abn.images.decode import Picture, open_picture

AWAKE = 64_000_000  # bytes of all pixels that stay; the latest picture's stay however many they are

_lock = threading.Lock()
_awake: list["weakref.ref[LazyPicture]"] = []  # those whose pixels stay, the latest used first


class LazyPicture(Picture):
    """A picture whose pixels may go, and come back from the bytes that `read` gives. They belong to who holds it: only
    how many they are is counted for all. It is not to be copied or pickled."""

    _read: Callable[[], bytes]
    _pixels: Image.Image | None

    def __init__(self, opened: Picture, read: Callable[[], bytes]):
        for name, value in (("sha256", opened.sha256), ("name", opened.name), ("notes", opened.notes)):
            object.__setattr__(self, name, value)  # a Picture is frozen
        object.__setattr__(self, "_read", read)
        self._stay(opened.image)

    @property
    def image(self) -> Image.Image:
        image = self._pixels
        if image is None:
            image = open_picture(self._read(), name=self.name).image
        self._stay(image)
        return image

    @property
    def awake(self) -> bool:
        """Whether its pixels are there."""
        return self._pixels is not None

    def _stay(self, image: Image.Image) -> None:
        """Keep the pixels, and let those go that were used longest ago, until all are as few as they may be."""
        with _lock:
            object.__setattr__(self, "_pixels", image)
            latest = [self, *(one for ref in _awake if (one := ref()) is not None and one is not self)]
            weight = 0
            for one in latest:
                weight += _bytes(one._pixels)
                if weight > AWAKE and one is not self:
                    object.__setattr__(one, "_pixels", None)
            _awake[:] = [weakref.ref(one) for one in latest if one.awake]


def _bytes(image: Image.Image | None) -> int:
    return 4 * image.width * image.height if image else 0  # as Pillow holds RGB
