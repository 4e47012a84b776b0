"""Memory that the app has let go of, given back to the system: glibc keeps it for itself, thread by thread."""

import ctypes
import gc
import sys
import threading
import time

OFTEN = 20.0  # seconds


def give_back() -> bool:
    """Give back what is free in every thread's heap; whether anything was. Nothing happens where there is no glibc."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL("libc.so.6").malloc_trim(0))
    except (OSError, AttributeError):
        return False


def keep_giving_back() -> None:
    """Do so from now on in a thread of its own; sessions that have ended hang in circles, which are cut first."""

    def work() -> None:
        while True:
            time.sleep(OFTEN)
            gc.collect()
            give_back()

    threading.Thread(target=work, name="abn-memory", daemon=True).start()
