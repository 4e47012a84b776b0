"""A class against the app, on this machine's loopback: `python tests/load`. Bounded in students and in time.

First all students upload distinct photographs without a pause, beside the pace of the bare networks before and after;
then a class works for a while, thinking between its acts. Memory is watched all the time.
"""

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path

import bare
import report
import server
from client import Browser
from students import Log, lesson, photographs, upload_all

sys.path.insert(0, str(server.ROOT))

MOST_STUDENTS, MOST_UPLOADS, MOST_SECONDS = 60, 20, 900


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tests/load", description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--uploads", type=int, default=10, help="photographs for each student, without a pause")
    parser.add_argument("--seconds", type=float, default=120, help="how long the class works")
    parser.add_argument("--think", type=float, nargs=2, default=(5, 15), metavar=("LEAST", "MOST"))
    parser.add_argument("--bare-seconds", type=float, default=8)
    parser.add_argument("--after", type=float, default=150, help="seconds until memory is looked at for the last time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--to", type=Path, help="a file for the result, as JSON")
    args = parser.parse_args()
    if not (0 < args.students <= MOST_STUDENTS and 0 <= args.uploads <= MOST_UPLOADS and args.seconds <= MOST_SECONDS):
        parser.error(f"at most {MOST_STUDENTS} students, {MOST_UPLOADS} uploads each, {MOST_SECONDS} seconds")
    result: dict = {"students": args.students, "machine": report.machine(), "seed": args.seed}

    def keep() -> None:
        if args.to:
            report.write(args.to, result)

    with server.serving() as (port, pid):
        asyncio.run(_run(args, port, server.Watch(pid), result, keep))
    keep()
    print(report.table(result))
    return 1 if any(result.get(phase, {}).get("troubles") for phase in ("throughput", "classroom")) else 0


async def _run(args: argparse.Namespace, port: int, watch: server.Watch, result: dict, keep) -> None:
    await _warm(port)
    watching = asyncio.create_task(watch.run())
    memory = result["memory"] = {"warm, nobody there": round(watch.look())}
    if args.uploads:
        result["throughput"] = await _throughput(args, port, watch)
        for count in (args.students, args.students * args.uploads):
            if (seen := watch.after(count)) is not None:
                memory[f"after {count} uploads"] = round(seen)
        keep()
    if args.seconds:
        result["classroom"] = await _classroom(args, port)
        memory["after the class"] = round(watch.look())
        keep()
    await asyncio.sleep(args.after)
    memory["all have left"] = round(watch.look())
    memory["most"] = round(server.memory(watch.pid)[1])
    result["memory over time"] = watch.seen
    watching.cancel()


async def _warm(port: int) -> None:
    """Until the live networks answer."""
    first = Browser(port)
    await first.open()
    for _ in range(120):
        if not any("loading" in told for told in first.warnings) and await _live(first):
            break
        await asyncio.sleep(1)
    await first.leave()


async def _live(browser: Browser) -> bool:
    """Whether an answer comes that isn't stored."""
    await browser.choose("fit", "squash")
    return len(browser.answers) == 3


async def _throughput(args: argparse.Namespace, port: int, watch: server.Watch) -> dict:
    cores, log = os.cpu_count() or 1, Log()
    pictures = photographs(args.students * args.uploads, args.seed)
    before = await asyncio.to_thread(bare.pace, cores, args.bare_seconds)
    gate = asyncio.Barrier(args.students + 1)
    students = [
        asyncio.create_task(upload_all(port, f"s{i}", pictures[i :: args.students], log, watch, gate))
        for i in range(args.students)
    ]
    await gate.wait()
    begun, tool, app = time.perf_counter(), time.process_time(), server.cpu_seconds(watch.pid)
    await asyncio.gather(*students)
    seconds = time.perf_counter() - begun
    tool, app = time.process_time() - tool, server.cpu_seconds(watch.pid) - app
    after = await asyncio.to_thread(bare.pace, cores, args.bare_seconds)
    mean = {name: (before[name] + after[name]) / 2 for name in before}
    done = len(log.seconds.get("upload", ()))
    return {
        "pictures": done,
        "seconds": seconds,
        "per second": done / seconds,
        "bare per second": mean["separate"],
        "bare shared per second": mean["shared"],
        "bare before and after": [before, after],
        "share": done / seconds / mean["separate"],
        "share of shared": done / seconds / mean["shared"],
        "of the processors, the app": app / seconds / cores,
        "of the processors, the tool": tool / seconds / cores,
        "MB sent to the browsers": round(log.received / 1e6),
        "waits": report.waits(log.seconds),
        "troubles": log.troubles,
    }


async def _classroom(args: argparse.Namespace, port: int) -> dict:
    log, until = Log(), asyncio.get_running_loop().time() + args.seconds
    students = [lesson(port, f"s{i}", args.seed, until, tuple(args.think), log) for i in range(args.students)]
    await asyncio.gather(*students)
    return {
        "think, seconds": list(args.think),
        "left in the middle of a run": log.left_in_the_middle,
        "MB sent to the browsers": round(log.received / 1e6),
        "waits": report.waits(log.seconds),
        "troubles": log.troubles,
    }


if __name__ == "__main__":
    sys.exit(main())
