"""What a run came to: a file that is written whole or not at all, and a table to read."""

import json
import math
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that at least `share` of all are not above (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def waits(seconds: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """For each act how often it was done, and p50, p95, p99 and the longest of the seconds it took."""
    return {
        act: {
            "count": len(some),
            **{f"p{round(100 * share)}": round(percentile(some, share), 3) for share in (0.5, 0.95, 0.99)},
            "longest": round(max(some), 3),
        }
        for act, some in sorted(seconds.items())
    }


def machine() -> dict[str, object]:
    """What the numbers were measured on."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("streamlit", "torch", "timm")},
    }


def write(path: Path, result: dict) -> None:
    """In one step, so that what is there is always whole."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def table(result: dict) -> str:
    """For people."""
    lines = [f"{result['students']} students · " + ", ".join(f"{k} {v}" for k, v in result["machine"].items())]
    if "throughput" in result:
        one = result["throughput"]
        lines.append(
            f"uploads without a pause: {one['pictures']} in {one['seconds']:.1f} s, {one['per second']:.2f} a second; "
            f"bare networks {one['bare per second']:.2f}: share {one['share']:.2f} "
            f"(networks with a shared extractor {one['bare shared per second']:.2f}: {one['share of shared']:.2f}); "
            f"the tool itself took {100 * one['of the processors, the tool']:.0f} % of the processors"
        )
    for phase in ("throughput", "classroom"):
        for act, some in result.get(phase, {}).get("waits", {}).items():
            numbers = "  ".join(f"{name} {value:g}" for name, value in some.items())
            lines.append(f"{phase:>10}  {act:<8} {numbers}")
        for trouble in result.get(phase, {}).get("troubles", []):
            lines.append(f"{phase:>10}  TROUBLE  {trouble}")
    if "memory" in result:
        lines.append("memory, MB: " + ", ".join(f"{name} {value}" for name, value in result["memory"].items()))
    return "\n".join(lines)
