"""Memory that the app has let go of goes back to the system: glibc keeps it for itself, for each thread apart.

Nothing happens where there is no glibc.
"""

import ctypes
import gc
import itertools
import sys
import threading
import time

OFTEN = 20.0  # seconds
SELDOM = 6  # times that often
HEAPS = 1  # for all threads together: what one lets go of, another can have
LARGE = 1 << 25  # bytes, the most that glibc takes: what is smaller comes from the heap, without fresh pages each time
NEVER = 1 << 30  # bytes free at the heap's end before it shrinks by itself
_MMAP_THRESHOLD, _TRIM_THRESHOLD, _ARENA_MAX = -3, -1, -8  # mallopt's names for them


def share_one_heap() -> bool:
    """Have all threads take memory from one heap, which `give_back` alone shrinks; whether that is so from now on."""
    glibc = _glibc()
    if glibc is None:
        return False
    done = [glibc.mallopt(*one) for one in ((_ARENA_MAX, HEAPS), (_MMAP_THRESHOLD, LARGE), (_TRIM_THRESHOLD, NEVER))]
    return all(done)


def give_back() -> bool:
    """Give back what is free in every heap; whether anything was."""
    glibc = _glibc()
    return glibc is not None and bool(glibc.malloc_trim(0))


def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is one that can be told so."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        library = ctypes.CDLL("libc.so.6")
        return library if library.malloc_trim and library.mallopt else None
    except (OSError, AttributeError):
        return None


def keep_giving_back() -> None:
    """Do so from now on in a thread of its own; sessions that have ended hang in circles, which are cut first. What is
    there now, as torch's hundreds of thousands of objects, is looked through for them only now and then."""

    def work() -> None:
        gc.collect()
        gc.freeze()
        for turn in itertools.count(1):
            time.sleep(OFTEN)
            if turn % SELDOM == 0:
                gc.unfreeze()  # the first people's sessions were there too
                gc.collect()
                gc.freeze()
            else:
                gc.collect()
            give_back()

    threading.Thread(target=work, name="abn-memory", daemon=True).start()
