"""The app as a server of its own on loopback, and what its process takes of the machine's memory."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from client import DIRECT, HOST

ROOT = Path(__file__).parents[2]
MB = 1024  # kB


@contextmanager
def serving() -> Iterator[tuple[int, int]]:
    """Port and process id of a fresh server, which is gone afterwards whatever happens."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", f"--server.address={HOST}"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        for _ in range(240):
            with suppress(OSError), DIRECT.open(f"http://{HOST}:{port}/_stcore/health", timeout=1):
                break
            if process.poll() is not None:
                raise RuntimeError("the server ended before it began")
            time.sleep(0.25)
        yield port, process.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


def memory(pid: int) -> tuple[float, float]:
    """Resident memory of a process now and at most so far, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    now, most = (int(re.search(rf"^{name}:\s+(\d+) kB", status, re.M)[1]) / MB for name in ("VmRSS", "VmHWM"))
    return now, most


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Watch:
    """Memory once a second, with the count of uploads at that moment."""

    def __init__(self, pid: int):
        self.pid, self.uploads, self.begun = pid, 0, time.monotonic()
        self.seen: list[tuple[float, float, int]] = []  # (seconds, MB, uploads so far)

    def look(self) -> float:
        now, _ = memory(self.pid)
        self.seen.append((round(time.monotonic() - self.begun, 1), round(now, 1), self.uploads))
        return now

    async def run(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(1)

    def after(self, uploads: int) -> float | None:
        """Memory in MB when so many had been uploaded; None where there were never as many."""
        return next((mb for _, mb, count in self.seen if count >= uploads), None)
