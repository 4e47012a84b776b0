"""Codes that let students in, keys that let the teacher steer, and a limit for those who guess codes."""

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from abn.errors import RoomError
from abn.teaching.set_keys import ALPHABET

LENGTH = 5  # characters: 28 million codes
MAX_WRONG = 30  # wrong codes in a minute from one address: a class behind one router mistypes fewer
PERIOD = 60.0  # seconds
MAX_ADDRESSES = 10_000  # that are remembered

NO_CODE = f"A room's code has {LENGTH} letters and digits, such as K7PM2. Check the code on the projector."
TOO_OFTEN = "Too many wrong codes came from this network. Wait a minute, then type the code on the projector."


def make_code() -> str:
    """A new code at random."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def read_code(text: str) -> str:
    """A code as a person types it, in capitals. Raises `RoomError` for what is no code."""
    code = "".join(text.split()).replace("-", "").upper()
    if len(code) != LENGTH or not set(code) <= set(ALPHABET):
        raise RoomError(NO_CODE)
    return code


def make_key() -> str:
    """A new key for a teacher, 128 bits."""
    return secrets.token_urlsafe(16)


def make_student() -> str:
    """A new secret for a student's browser, 96 bits."""
    return secrets.token_urlsafe(12)


def hash_key(key: str) -> str:
    """What a room holds in place of its key."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_key(key: str, key_hash: str) -> bool:
    """Whether this is the room's key, in constant time."""
    return hmac.compare_digest(hash_key(key), key_hash)


class WrongCodes:
    """Counts the wrong codes of each address, and refuses more than `MAX_WRONG` in a minute."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._lock = now, threading.Lock()
        self._times: OrderedDict[str, list[float]] = OrderedDict()  # address → when wrong codes came

    def check(self, address: str) -> None:
        """Raises `RoomError` while an address has used up its tries, whether or not its next code is right."""
        with self._lock:
            if len(self._recent(address)) >= MAX_WRONG:
                raise RoomError(TOO_OFTEN)

    def count(self, address: str) -> None:
        """Note a wrong code."""
        with self._lock:
            self._times[address] = [*self._recent(address), self._now()]
            self._times.move_to_end(address)
            while len(self._times) > MAX_ADDRESSES:
                self._times.popitem(last=False)

    def _recent(self, address: str) -> list[float]:
        return [at for at in self._times.get(address, ()) if self._now() - at < PERIOD]
