"""A run as docs/load.md tells it: its table, and memory over time as a picture. `python tests/load/told.py`"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if not __package__:
    sys.path[:1] = [str(ROOT / "tests"), str(ROOT)]

from load import report  # noqa: E402

DOCS = ROOT / "docs"
BEGIN, END = "<!-- {}: python tests/load/told.py -->\n", "<!-- /{} -->"
WIDTH, HEIGHT, LEFT, BELOW = 760, 300, 64, 44


def page(text: str, **figures: str) -> str:
    """The page with figures in their places."""
    for name, told in figures.items():
        before, begin, rest = text.partition(BEGIN.format(name))
        _, end, after = rest.partition(END.format(name))
        text = f"{before}{begin}```\n{told}\n```\n{end}{after}"
    return text


def curve(result: Mapping) -> str:
    """Memory in MiB over the run's seconds as SVG, its uploads shaded."""
    seen = next(value for name, value in result.items() if name.startswith("memory over time"))
    end, top = seen[-1][0], 500 * (1 + int(max(mib for _, mib, _ in seen) // 500))

    def x(seconds: float) -> float:
        return LEFT + (WIDTH - LEFT - 16) * seconds / end

    def y(mib: float) -> float:
        return 12 + (HEIGHT - 12 - BELOW) * (1 - mib / top)

    most = seen[-1][2]
    first = next((seconds for seconds, _, count in seen if count > result["students"]), end)
    last = next((seconds for seconds, _, count in seen if count >= result["students"] * 10), first)
    lines = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH - 16}" y1="{y(k):.1f}" y2="{y(k):.1f}" stroke="#8884"/>'
        f'<text x="{LEFT - 8}" y="{y(k) + 4:.1f}" text-anchor="end">{k:,}</text>'
        for k in range(0, top + 1, 500)
    )
    ticks = "".join(
        f'<text x="{x(k):.1f}" y="{HEIGHT - BELOW + 18}" text-anchor="middle">{k}</text>'
        for k in range(0, int(end) + 1, 60)
    )
    points = " ".join(f"{x(seconds):.1f},{y(mib):.1f}" for seconds, mib, _ in seen)
    alt = f"Resident memory of the server in MiB over {end:.0f} seconds, {most} uploads; at most {top} on the axis."
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{alt}" '
        'font-family="sans-serif" font-size="12" fill="#777">'
        f'<rect x="{x(first):.1f}" width="{x(last) - x(first):.1f}" y="12" '
        f'height="{HEIGHT - 12 - BELOW}" fill="#cf7c0022"/>'
        f'<text x="{x(first) + 4:.1f}" y="26">uploads without a pause</text>{lines}{ticks}'
        f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 6}" text-anchor="middle">seconds; MiB upwards</text>'
        f'<polyline points="{points}" fill="none" stroke="#3a7fc8" stroke-width="2"/></svg>\n'
    )


def figures() -> dict[str, str]:
    """What the results of the last runs say, by their place on the page."""
    load, start = (json.loads((DOCS / f"{name}.json").read_text(encoding="utf-8")) for name in ("load", "start"))
    return {"load": report.table(load), "start": report.start(start)}


def main() -> None:
    result = json.loads((DOCS / "load.json").read_text(encoding="utf-8"))
    written = page((DOCS / "load.md").read_text(encoding="utf-8"), **figures())
    (DOCS / "load.md").write_text(written, encoding="utf-8")
    (DOCS / "memory.svg").write_text(curve(result), encoding="utf-8")


if __name__ == "__main__":
    main()
