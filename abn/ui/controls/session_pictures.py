"""The images that a session holds, and how many these may be: a session's own limits, and a share of the server's."""

import itertools
import weakref
from dataclasses import dataclass

from abn.errors import PictureError
from abn.ui.controls import words
from abn.ui.controls.lazy_picture import LazyPicture

MAX_PICTURES = 24  # kept in a session
MAX_BYTES = 100_000_000  # of a session's files, all together
SERVER_BYTES = 600_000_000  # of the files of all sessions: from there on each may have an equal share and no more
ADOPTED = "adopted"  # in place of a file's id: what neither the uploader nor the camera holds


@dataclass(frozen=True)
class Upload:
    """One file or camera image of a session."""

    picture: LazyPicture
    data: bytes  # the file
    file: str  # the uploader's or the camera's id of it, or `ADOPTED`
    thumbnail: str
    number: int  # in the order in which they came: the address holds this alone


class Uploads(dict[str, Upload]):
    """The images of one session by their key, the oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = itertools.count(1)
        self.batch = 0  # bytes of the files of Ablation's batch, which only the server's limit counts
        all_sessions[id(self)] = self

    @property
    def size(self) -> int:
        """Bytes of their files."""
        return sum(len(upload.data) for upload in list(self.values()))

    def make_room(self, size: int) -> None:
        """Remove adopted images, the oldest first, until one of `size` bytes fits beside the others; `PictureError`
        where it can't, and then none is removed. What other sessions hold removes nothing here."""
        stay = [upload for upload in self.values() if upload.file != ADOPTED]
        if len(stay) >= MAX_PICTURES:
            raise PictureError(words.TOO_MANY.format(count=MAX_PICTURES))
        if sum(len(upload.data) for upload in stay) + size > MAX_BYTES:
            raise PictureError(words.FULL.format(megabytes=MAX_BYTES // 10**6))
        self._check_share(size)
        adopted = [key for key, upload in self.items() if upload.file == ADOPTED]
        while len(self) >= MAX_PICTURES or self.size + size > MAX_BYTES:
            del self[adopted.pop(0)]

    def hold_batch(self, size: int) -> None:
        """Count the files of a batch, in the place of the batch before; `PictureError` where they are more
        than this session's share of the server."""
        self.batch = 0
        self._check_share(size)
        self.batch = size

    def _check_share(self, size: int) -> None:
        share = _share(size)
        if share < MAX_BYTES and self.size + self.batch + size > share:
            raise PictureError(words.SHARED.format(megabytes=f"{share / 1e6:.0f}"))


all_sessions: "weakref.WeakValueDictionary[int, Uploads]" = weakref.WeakValueDictionary()  # only to be measured


def _share(size: int) -> float:
    """Bytes that a session may hold, where one wants `size` more: less where all together hold as much as they may."""
    sizes = [uploads.size + uploads.batch for ref in all_sessions.valuerefs() if (uploads := ref()) is not None]
    if sum(sizes) + size <= SERVER_BYTES:
        return MAX_BYTES
    return min(MAX_BYTES, SERVER_BYTES / max(1, sum(map(bool, sizes))))
