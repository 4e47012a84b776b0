"""Where rooms live: by default in the memory of this process, which serves a class; `redis_store` is for several.

A change is a function of the room, and the store applies it to the newest one, so no two changes meet halfway. What
nobody has changed for four hours is deleted.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from abn.errors import RoomError
from abn.teaching.live_class.room import Room

IDLE = 4 * 3600  # seconds without a change after which a room is deleted
MAX_ROOMS = 40  # in one process
MAX_IMAGE_BYTES = 1_000_000
MAX_IMAGES = 60  # of a room

NO_ROOM = "There is no room with the code {code}. It may be over, or the code is mistyped: look at the projector."
NO_PLACE = f"This server holds {MAX_ROOMS} rooms, and no more. End one, or wait until an idle one is deleted."
TOO_MANY_IMAGES = f"A room holds {MAX_IMAGES} images, and no more. Start another live class."

Change = Callable[[Room], Room]


class NoRoomError(RoomError):
    """There is no such room."""

    def __init__(self, code: str) -> None:
        super().__init__(NO_ROOM.format(code=code))


class StoreAwayError(RoomError):
    """The store can't be reached at the moment."""


class Stamp(NamedTuple):
    """What tells whether a room has changed."""

    version: int
    scene: int


class RoomStore(Protocol):
    """Rooms by their code. Each method may raise `StoreAwayError`."""

    def create(self, room: Room) -> bool:
        """Keep a new room; False where its code is taken."""

    def read_stamp(self, code: str) -> Stamp | None:
        """Versions of a room, for pages that ask every second; None where there is no room."""

    def read(self, code: str) -> Room:
        """The room. Raises `NoRoomError`."""

    def update(self, code: str, change: Change) -> Room:
        """Change the newest state of a room; returns the room after it. What `change` raises changes nothing."""

    def delete(self, code: str) -> None:
        """Delete a room with its images."""

    def put_image(self, code: str, name: str, data: bytes) -> None:
        """Keep an image as long as its room."""

    def read_image(self, code: str, name: str) -> bytes | None:
        """The bytes of an image; None where there is none."""


def apply_change(room: Room, change: Change) -> Room:
    """The room after a change, with its version."""
    changed = change(room)
    return room if changed is room else replace(changed, version=room.version + 1)


@dataclass
class _Entry:
    room: Room
    images: dict[str, bytes]
    touched: float  # seconds of the clock


class MemoryStore:
    """Rooms in this process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._lock = now, threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def create(self, room: Room) -> bool:
        with self._lock:
            self._delete_idle()
            if len(self._entries) >= MAX_ROOMS:
                raise RoomError(NO_PLACE)
            entry = _Entry(room, {}, self._now())
            return self._entries.setdefault(room.code, entry) is entry

    def read_stamp(self, code: str) -> Stamp | None:
        with self._lock:
            self._delete_idle()
            entry = self._entries.get(code)
            return Stamp(entry.room.version, entry.room.scene) if entry else None

    def read(self, code: str) -> Room:
        with self._lock:
            return self._entry(code).room

    def update(self, code: str, change: Change) -> Room:
        with self._lock:
            entry = self._entry(code)
            entry.room, entry.touched = apply_change(entry.room, change), self._now()
            return entry.room

    def delete(self, code: str) -> None:
        with self._lock:
            self._entries.pop(code, None)

    def put_image(self, code: str, name: str, data: bytes) -> None:
        with self._lock:
            images = self._entry(code).images
            if name not in images and len(images) >= MAX_IMAGES:
                raise RoomError(TOO_MANY_IMAGES)
            images[name] = check_image(data)

    def read_image(self, code: str, name: str) -> bytes | None:
        with self._lock:
            entry = self._entries.get(code)
            return entry.images.get(name) if entry else None

    def _entry(self, code: str) -> _Entry:
        self._delete_idle()
        if code not in self._entries:
            raise NoRoomError(code)
        return self._entries[code]

    def _delete_idle(self) -> None:
        for code in [code for code, entry in self._entries.items() if self._now() - entry.touched > IDLE]:
            del self._entries[code]


def check_image(data: bytes) -> bytes:
    """The same bytes, unless they are more than an image of a room has."""
    if len(data) > MAX_IMAGE_BYTES:
        raise RoomError(f"An image of a room has {MAX_IMAGE_BYTES // 10**6} MB, and no more. Choose another one.")
    return data
