"""Who had the processors: the app, the students of this process, others on the machine, or nobody."""

import os
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")  # in a second
CORES = os.cpu_count() or 1


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def idle_seconds() -> float:
    """Processor time that nobody has taken since the machine began."""
    fields = Path("/proc/stat").read_text().split(maxsplit=6)
    return (int(fields[4]) + int(fields[5])) / TICKS  # idle, and waiting for a disk


def shares(seconds: float, app: float, tool: float, idle: float) -> dict[str, float]:
    """Of all processors in so many seconds, what each had of their time."""
    whole = seconds * CORES
    others = max(0.0, whole - app - tool - idle)
    return {
        name: round(taken / whole, 3)
        for name, taken in (("app", app), ("tool", tool), ("others", others), ("nobody", idle))
    }


class Meter:
    """Runs from when it is made."""

    def __init__(self, pid: int):
        self._pid = pid
        self._begun = self._now()

    def _now(self) -> tuple[float, float, float, float]:
        return time.perf_counter(), cpu_seconds(self._pid), time.process_time(), idle_seconds()

    def read(self) -> dict[str, object]:
        """Seconds since then, those of a processor that the app and this process took, and the shares of all."""
        seconds, app, tool, idle = (now - then for now, then in zip(self._now(), self._begun, strict=True))
        return {
            "seconds": round(seconds, 2),
            "app, processor seconds": round(app, 2),
            "tool, processor seconds": round(tool, 2),
            "of the processors": shares(seconds, app, tool, idle),
        }
