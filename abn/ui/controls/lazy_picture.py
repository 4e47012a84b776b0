"""Images that sessions hold: of all together a few stay decoded, the others are decoded again when they are needed.

A decoded photograph takes ten to a hundred times what its file takes, and thirty people hold thirty.
"""

import threading
import weakref
from collections.abc import Callable

from PIL import Image

from abn.images.decode import Picture, open_picture

MAX_DECODED = 64_000_000  # bytes of all pixels that stay; the latest image's stay however many they are

_lock = threading.Lock()
_decoded: list["weakref.ref[LazyPicture]"] = []  # those whose pixels stay, the latest used first


class LazyPicture(Picture):
    """An image whose pixels may go, and come back from the bytes that `read` gives. The session that holds it owns
    them: only their number is counted for all sessions. It can't be copied or pickled."""

    _read: Callable[[], bytes]
    _pixels: Image.Image | None

    def __init__(self, opened: Picture, read: Callable[[], bytes]):
        fields = {"sha256": opened.sha256, "name": opened.name, "notes": opened.notes, "full_size": opened.full_size}
        self.__dict__.update(fields, _read=read, _pixels=opened.image)  # a Picture is frozen

    @property
    def image(self) -> Image.Image:
        """Upright RGB. The pixels that were used longest ago go, until those of all are as few as they may be."""
        image = self._pixels or open_picture(self._read(), name=self.name).image
        with _lock:
            self.__dict__["_pixels"] = image
            latest = [self, *(picture for ref in _decoded if (picture := ref()) is not None and picture is not self)]
            size = 0
            for picture in latest:
                size += _size(picture._pixels)
                if size > MAX_DECODED and picture is not self:
                    picture.__dict__["_pixels"] = None
            _decoded[:] = [weakref.ref(picture) for picture in latest if picture._pixels]
        return image


def _size(image: Image.Image | None) -> int:
    """Bytes, as Pillow holds RGB."""
    return 4 * image.width * image.height if image else 0
