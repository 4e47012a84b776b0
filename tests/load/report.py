"""What a run came to: a file that is written whole or not at all, and a table to read."""

import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from load.bare import HAD

PHASES = ("throughput", "classroom")


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


def pace(pictures: int, seconds: float, before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, object]:
    """So many pictures in so many seconds, beside the bare networks' pace: the mean of before and after."""
    mean = {name: (before[name] + after[name]) / 2 for name in before if name != HAD}
    return {
        "pictures": pictures,
        "per second": pictures / seconds,
        "bare per second": mean,
        "share": {name: pictures / seconds / value for name, value in mean.items()},
        "bare before and after": [dict(before), dict(after)],
    }


def alone(throughput: Mapping) -> bool:
    """Whether next to nobody else was at work: only then does a share mean anything."""
    had = min(one[HAD] for one in throughput["bare before and after"])
    return throughput["of the processors"]["others"] <= 0.1 and had >= 0.9


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
    found = [f"{phase}: {told}" for phase in PHASES for told in result[phase]["troubles"]]
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
        lines.append(
            f"{one['pictures']} uploads without a pause in {one['seconds']} s: {one['per second']:.2f} a second"
        )
        lines += [
            f"  bare networks, {name:10}{pace:6.2f} a second: share {one['share'][name]:.2f}"
            for name, pace in one["bare per second"].items()
        ]
        if not alone(one):
            lines.append("  others were at work on this machine meanwhile: the shares say little")
    for phase in PHASES:
        if had := result[phase].get("of the processors"):
            told = ", ".join(f"{name} {100 * share:.0f} %" for name, share in had.items())
            lines.append(f"{phase}, of the processors: {told}")
    head = "".join(f"{name:>9}" for name in ("count", "p50", "p95", "p99", "longest"))
    lines.append(f"{'':12}{'seconds to a settled page':28}{head}")
    for phase in PHASES:
        for act, some in result[phase]["waits"].items():
            numbers = "".join(f"{value:9d}" if name == "count" else f"{value:9.2f}" for name, value in some.items())
            lines.append(f"{phase:12}{act:28}{numbers}")
    lines.append("memory, MiB: " + ", ".join(f"{name} {value}" for name, value in result["memory"].items()))
    if len(files := result.get("files, MiB", {})) == 2:
        (few, before), (many, after) = files.items()
        more = (result["memory"][many] - after) / (result["memory"][few] - before) - 1
        lines.append(f"  the files held: {before} and {after} MiB; all else grew by {100 * more:.1f} %")
    return "\n".join([*lines, *(f"TROUBLE  {told}" for told in troubles(result))])


def start(result: Mapping) -> str:
    """How long the start took, for people."""
    lines = [f"{'seconds to':12}{'hello':>9}{'predictions':>13}{'ratio':>9}"]
    for one in result["rounds"]:
        hello, answers = one["hello"], one["first answers"]
        lines.append(f"{'':12}{hello:9.2f}{answers:13.2f}{answers / hello:9.2f}")
    return "\n".join([*lines, f"median ratio {result['median ratio']:.2f}"])
