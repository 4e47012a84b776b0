"""What a run came to: a file that is written whole or not at all, and a table to read."""

import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path


def percentile(values: Sequence[float], share: float) -> float:
    """The least of them that at least `share` of all are not above (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def waits(seconds: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    """For each act how often it was done, and p50, p95, p99 and the longest of the seconds it took."""
    return {
        act: {
            "count": len(some),
            **{f"p{round(100 * share)}": round(percentile(some, share), 3) for share in (0.5, 0.95, 0.99)},
            "longest": round(max(some), 3),
        }
        for act, some in sorted(seconds.items())
        if some
    }


def pace(
    pictures: int, seconds: float, app: float, tool: float, before: Mapping[str, float], after: Mapping[str, float]
) -> dict[str, object]:
    """So many pictures in so many seconds beside the bare networks' pace, the mean of before and after; `app` and
    `tool` are the seconds of processor time that the server and these students took."""
    mean = {name: (before[name] + after[name]) / 2 for name in before}
    cores = os.cpu_count() or 1
    return {
        "pictures": pictures,
        "seconds": seconds,
        "per second": pictures / seconds,
        "bare per second": mean,
        "share": {name: pictures / seconds / value for name, value in mean.items()},
        "bare before and after": [dict(before), dict(after)],
        "app, processor seconds a picture": app / pictures if pictures else None,
        "of the processors, the app": app / seconds / cores,
        "of the processors, the tool": tool / seconds / cores,
    }


def machine() -> dict[str, object]:
    """What the numbers were measured on."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("streamlit", "torch", "timm")},
    }


def write(path: Path, result: Mapping[str, object]) -> None:
    """In one step, so that what is there is always whole."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def troubles(result: Mapping) -> list[str]:
    """All that went wrong, with the phase in which it did."""
    found = [f"{phase}: {told}" for phase in ("throughput", "classroom") for told in result[phase]["troubles"]]
    if result.get("server tracebacks"):
        found.append(f"server: {result['server tracebacks']} tracebacks in its log")
    if result.get("ended"):
        found.append(f"the run: {result['ended']}")
    return found


def table(result: Mapping) -> str:
    """For people."""
    lines = [f"{result['students']} students · " + ", ".join(f"{k} {v}" for k, v in result["machine"].items())]
    one = result["throughput"]
    if "share" in one:
        bare = "; ".join(
            f"{name} {value:.2f}: share {one['share'][name]:.2f}" for name, value in one["bare per second"].items()
        )
        lines += [
            f"uploads without a pause: {one['pictures']} in {one['seconds']:.1f} s, {one['per second']:.2f} a second",
            f"  bare networks a second: {bare}",
            f"  of the processors, the app took {100 * one['of the processors, the app']:.0f} %, "
            f"this tool {100 * one['of the processors, the tool']:.0f} %",
        ]
    lines.append(
        f"{'':12}{'seconds to a settled page':28}"
        + "".join(f"{name:>9}" for name in ("count", "p50", "p95", "p99", "longest"))
    )
    for phase in ("throughput", "classroom"):
        for act, some in result[phase]["waits"].items():
            numbers = "".join(f"{value:9d}" if name == "count" else f"{value:9.2f}" for name, value in some.items())
            lines.append(f"{phase:12}{act:28}{numbers}")
    lines.append("memory, MiB: " + ", ".join(f"{name} {value}" for name, value in result["memory"].items()))
    return "\n".join([*lines, *(f"TROUBLE  {told}" for told in troubles(result))])
