"""Keys of exercise sets: a teacher's key gives the set's number; the number, which students get, doesn't give the key.

So a link carries the number alone, and the answers need the key. The number is a hash of the key: nothing is stored,
and every copy of the app gives the same set for a key. This keeps answers from being one click away, no more than
that: who runs this code can draw any set, and each answer is shown after its question anyway.
"""

import hashlib
import secrets

from abn.errors import ABNError
from abn.teaching.exercises import SETS

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # without what looks alike: 0 O, 1 I L
GROUPS, LENGTH = 2, 4  # groups of characters, and characters in each


def make_key() -> str:
    """A new key at random, such as K7PM-2QX9."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(LENGTH)) for _ in range(GROUPS))


def read_key(text: str) -> str:
    """A key as a person types it, in capitals and with its hyphen. Raises `ABNError` for what is no key."""
    characters = "".join(text.split()).replace("-", "").upper()
    if len(characters) != GROUPS * LENGTH or not set(characters) <= set(ALPHABET):
        raise ABNError(f"A key has {GROUPS * LENGTH} letters and digits, such as K7PM-2QX9. Check the key of your set.")
    return "-".join(characters[start : start + LENGTH] for start in range(0, len(characters), LENGTH))


def set_of_key(key: str) -> int:
    """The number of the key's set."""
    digest = hashlib.sha256(f"abn-explorer {read_key(key)}".encode()).digest()
    return SETS[int.from_bytes(digest[:8]) % len(SETS)]
