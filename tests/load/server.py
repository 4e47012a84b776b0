"""The app as a server of its own on loopback, and what its process takes of the machine."""

import asyncio
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from load.wire import HOST

ROOT = Path(__file__).parents[2]
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never by way of a proxy
ALLOCATOR = {  # as docs/serving.md and the container have it
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "16777216",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
}
DIE_WITH_PARENT = 1  # Linux: PR_SET_PDEATHSIG


@dataclass(frozen=True)
class Served:
    """A server that runs."""

    port: int
    pid: int
    log: Path

    def tracebacks(self) -> int:
        """How many the server has written to its log."""
        return self.log.read_text(encoding="utf-8", errors="replace").count("Traceback (most recent call last)")


@contextmanager
def serving(*options: str) -> Iterator[Served]:
    """A fresh server, which is gone afterwards whatever happens, also where this process is killed."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", f"--server.address={HOST}"]
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        process = subprocess.Popen(
            [*command, *options],
            cwd=ROOT,
            env=os.environ | ALLOCATOR,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_bound,
        )
        try:
            wait_until_ready(process, port)
            yield Served(port, process.pid, Path(log.name))
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def _bound() -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        return free.getsockname()[1]


def wait_until_ready(process: subprocess.Popen, port: int) -> None:
    """Wait until the server answers. Raises RuntimeError where it has ended, or takes longer than a minute."""
    for _ in range(240):
        with suppress(OSError), DIRECT.open(f"http://{HOST}:{port}/_stcore/health", timeout=1):
            return
        if process.poll() is not None:
            raise RuntimeError("the server ended before it began")
        time.sleep(0.25)
    raise RuntimeError("the server did not begin within a minute")


def memory(pid: int) -> tuple[float, float]:
    """Resident memory of a process now and at most so far, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    now, most = (int(re.search(rf"^{name}:\s+(\d+) kB", status, re.M)[1]) / 1024 for name in ("VmRSS", "VmHWM"))
    return now, most


class Watch:
    """Memory once a second and at every tenth upload, with the count of uploads at that moment."""

    def __init__(self, pid: int):
        self.pid, self.uploads, self.begun = pid, 0, time.monotonic()
        self.seen: list[tuple[float, float, int]] = []  # (seconds, MiB, uploads so far)

    def look(self) -> float:
        now, _ = memory(self.pid)
        self.seen.append((round(time.monotonic() - self.begun, 1), round(now, 1), self.uploads))
        return now

    async def run(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(1)

    def uploaded(self) -> None:
        """One more."""
        self.uploads += 1
        if self.uploads % 10 == 0:
            self.look()
