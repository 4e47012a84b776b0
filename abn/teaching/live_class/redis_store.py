"""Rooms in Redis or Valkey, for several processes behind one address: `ABN_ROOMS=redis://host:6379/0`.

A room is a hash with its JSON and its two versions, an image its bytes under a key of its own. All keys expire after
four idle hours. A change is optimistic: it is computed again where another process was faster (WATCH).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from abn.errors import RoomError
from abn.teaching.live_class.as_json import UNREADABLE, read_room, write_room
from abn.teaching.live_class.room import Room
from abn.teaching.live_class.store import (
    IDLE,
    MAX_IMAGES,
    TOO_MANY_IMAGES,
    Change,
    NoRoomError,
    Stamp,
    StoreAwayError,
    apply_change,
    check_image,
)

TIMEOUT = 2.0  # seconds until a store that doesn't reply counts as away
MAX_TRIES = 200  # of a change, while others are faster
MAX_KEPT = 64  # rooms that are kept as read, by their version

NO_PACKAGE = "ABN_ROOMS names a Redis server, and the package redis is missing. Run `pip install abn-explorer[rooms]`."
BAD_ADDRESS = "ABN_ROOMS must be an address such as redis://localhost:6379/0. Correct it, then start the app again."
AWAY = "The store of the live class doesn't reply. Wait: the room continues as soon as it is back."
BUSY = "Too many changes came to this room at once. Try again."

log = logging.getLogger(__name__)


class RedisStore:
    """Rooms in a server that speaks the protocol of Redis."""

    def __init__(self, address: str) -> None:
        """Nothing is connected before the first use. Raises `RoomError` for an address of another kind."""
        try:
            import redis
        except ImportError as error:
            raise RoomError(NO_PACKAGE) from error
        self._errors = redis.RedisError, OSError
        self._overtaken = redis.WatchError
        try:
            self._client: Any = redis.Redis.from_url(
                address, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, health_check_interval=30
            )
        except ValueError as error:
            raise RoomError(BAD_ADDRESS) from error
        self._kept: dict[str, Room] = {}  # parsed once for all sessions of this process

    def create(self, room: Room) -> bool:
        key = _room_key(room.code)
        with self._reachable(), self._client.pipeline() as pipe:
            for name, value in _fields(room).items():
                pipe.hsetnx(key, name, value)
            pipe.expire(key, IDLE)
            return bool(pipe.execute()[0])

    def read_stamp(self, code: str) -> Stamp | None:
        with self._reachable():
            version, scene = self._client.hmget(_room_key(code), "version", "scene")
        return None if version is None or scene is None else Stamp(_number(version), _number(scene))

    def read(self, code: str) -> Room:
        stamp, kept = self.read_stamp(code), self._kept.get(code)
        if stamp and kept and kept.version == stamp.version:
            return kept
        with self._reachable():
            text = self._client.hget(_room_key(code), "state")
        return self._keep(code, text)

    def update(self, code: str, change: Change) -> Room:
        key = _room_key(code)
        with self._reachable(), self._client.pipeline() as pipe:
            for _ in range(MAX_TRIES):
                try:
                    pipe.watch(key)
                    before = self._keep(code, pipe.hget(key, "state"))
                    room = apply_change(before, change)
                    pipe.multi()
                    pipe.hset(key, mapping=_fields(room))
                    for name in (key, _images_key(code)):
                        pipe.expire(name, IDLE)
                    pipe.execute()
                except self._overtaken:
                    continue
                self._kept[code] = room
                return room
        raise RoomError(BUSY)

    def delete(self, code: str) -> None:
        self._kept.pop(code, None)
        with self._reachable():
            self._client.delete(_room_key(code), _images_key(code))

    def put_image(self, code: str, name: str, data: bytes) -> None:
        key = _images_key(code)
        with self._reachable():
            if not self._client.exists(_room_key(code)):
                raise NoRoomError(code)
            if not self._client.hexists(key, name) and self._client.hlen(key) >= MAX_IMAGES:
                raise RoomError(TOO_MANY_IMAGES)
            self._client.hset(key, name, check_image(data))
            self._client.expire(key, IDLE)

    def read_image(self, code: str, name: str) -> bytes | None:
        with self._reachable():
            return self._client.hget(_images_key(code), name)

    def _keep(self, code: str, text: bytes | None) -> Room:
        if text is None:
            self._kept.pop(code, None)
            raise NoRoomError(code)
        room = read_room(text)
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[code] = room
        return room

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        """What the server or the network refuses becomes one sentence."""
        try:
            yield
        except self._errors as error:
            log.warning("the store of the rooms doesn't reply: %s", error)
            raise StoreAwayError(AWAY) from error


def _room_key(code: str) -> str:
    return f"abn:room:{code}"


def _images_key(code: str) -> str:
    return f"abn:room:{code}:images"


def _fields(room: Room) -> dict[str, str | int]:
    return {"state": write_room(room), "version": room.version, "scene": room.scene}


def _number(text: bytes) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise RoomError(UNREADABLE) from error
