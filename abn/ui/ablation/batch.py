"""The images of a batch: those of the gallery, or a person's own."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from abn.images import samples
from abn.images.zip_files import Refused
from abn.ui.controls.session_pictures import Upload


@dataclass(frozen=True)
class BatchImage:
    """An image of the batch, not yet decoded."""

    name: str
    data: bytes
    photo: samples.Photo | None = None  # of the gallery; None for a person's own
    digest: str = ""  # sha256 of the bytes, where it is known

    @cached_property
    def sha256(self) -> str:
        return self.digest or hashlib.sha256(self.data).hexdigest()

    @property
    def key(self) -> str:
        """Of this image in the session's state."""
        return self.photo.id if self.photo else f"upload-{self.sha256}"


@dataclass(frozen=True)
class Batch:
    """A person's own images, and the files that are none."""

    images: tuple[BatchImage, ...] = ()
    refused: tuple[Refused, ...] = ()
    too_large: tuple[str, ...] = ()  # names of files beyond what a session may hold

    def with_uploads(self, uploads: Iterable[Upload]) -> "Batch":
        """This batch behind the images that the session holds already; each image once."""
        images = [
            *(BatchImage(item.picture.name, item.data, digest=item.picture.sha256) for item in uploads),
            *self.images,
        ]
        return Batch(
            tuple({image.sha256: image for image in images[::-1]}.values())[::-1], self.refused, self.too_large
        )
