"""The pictures that a session holds, and how many these may be: a session's own limits, and a share of the server's."""

import weakref
from dataclasses import dataclass

from abn.errors import PictureError
from abn.ui.controls.lazy_picture import LazyPicture

MAX_PICTURES = 24  # kept in a session
MAX_BYTES = 100_000_000  # of a session's files, all together
SERVER_BYTES = 600_000_000  # of the files of all sessions: from there on each may have an equal share and no more
FULL = "This session already holds {megabytes} MB of pictures: remove some first."
SHARED = (
    "All sessions together hold as many pictures as this server can, and each may hold {megabytes} MB of them: remove "
    "some first, or choose a smaller one."
)
ADOPTED = "adopted"  # in place of a file's id: what neither the uploader nor the camera holds


@dataclass(frozen=True)
class Upload:
    """One file or camera picture of a session."""

    picture: LazyPicture
    data: bytes  # the file
    file: str  # the uploader's or the camera's id of it, or `ADOPTED`
    thumbnail: str


class Uploads(dict[str, Upload]):
    """The pictures of one session by their key, the oldest first."""

    def __init__(self) -> None:
        super().__init__()
        all_sessions[id(self)] = self

    @property
    def size(self) -> int:
        """Bytes of their files."""
        return sum(len(upload.data) for upload in list(self.values()))

    def make_room(self, size: int) -> None:
        """Remove adopted pictures, the oldest first, until one of `size` bytes fits beside the others; `PictureError`
        where it can't, and then none is removed. What other sessions hold removes nothing here."""
        stay = [upload for upload in self.values() if upload.file != ADOPTED]
        if len(stay) >= MAX_PICTURES:
            raise PictureError(f"A session holds {MAX_PICTURES} pictures: remove some first.")
        if sum(len(upload.data) for upload in stay) + size > MAX_BYTES:
            raise PictureError(FULL.format(megabytes=MAX_BYTES // 10**6))
        share = _share(size)
        if share < MAX_BYTES and self.size + size > share:
            raise PictureError(SHARED.format(megabytes=f"{share / 1e6:.0f}"))
        adopted = [key for key, upload in self.items() if upload.file == ADOPTED]
        while len(self) >= MAX_PICTURES or self.size + size > MAX_BYTES:
            del self[adopted.pop(0)]


all_sessions: "weakref.WeakValueDictionary[int, Uploads]" = weakref.WeakValueDictionary()  # only to be measured


def _share(size: int) -> float:
    """Bytes that a session may hold, where one wants `size` more: less where all together hold as much as they may."""
    sizes = [uploads.size for ref in all_sessions.valuerefs() if (uploads := ref()) is not None]
    if sum(sizes) + size <= SERVER_BYTES:
        return MAX_BYTES
    return min(MAX_BYTES, SERVER_BYTES / max(1, sum(map(bool, sizes))))
