"""A class against the app, on this machine's loopback: `python tests/load`. Bounded in students and in time.

First all students upload distinct photographs without a pause, beside the pace of the bare networks before and after;
then a class works for a while, thinking between its acts. Memory is watched all the time.
"""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
if not __package__:  # run as `python tests/load`
    sys.path[:1] = [str(HERE.parents[1]), str(HERE.parents[2])]

from load import report  # noqa: E402
from load.phases import Run  # noqa: E402
from load.server import serving  # noqa: E402

MOST_STUDENTS, MOST_UPLOADS, MOST_SECONDS = 60, 20, 1800


def parsed(given: list[str] | None = None) -> argparse.Namespace:
    """What was asked for, within bounds."""
    parser = argparse.ArgumentParser(prog="python tests/load", description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--uploads", type=int, default=10, help="photographs for each student, all but the first "
                        "without a pause; or 0")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=120, help="how long the class works; or 0")
    parser.add_argument("--think", type=float, nargs=2, default=(5, 15), metavar=("LEAST", "MOST"), help="in seconds")
    parser.add_argument("--patience", type=float, default=120, help="seconds after which an act counts as failed")
    parser.add_argument("--bare-seconds", type=float, default=6, help="for each number of the bare networks")
    parser.add_argument("--after", type=float, default=150, help="seconds until memory is looked at for the last time; "
                        "Streamlit keeps a closed session for two minutes")  # fmt: skip
    parser.add_argument("--limit", type=float, default=900, help="seconds after which everything ends")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--to", type=Path, help="a file for the result, as JSON; written again every few seconds")
    args = parser.parse_args(given)
    args.processes = os.cpu_count() or 1
    if not 0 < args.students <= MOST_STUDENTS:
        parser.error(f"1 to {MOST_STUDENTS} students")
    if args.uploads == 1 or not 0 <= args.uploads <= MOST_UPLOADS:
        parser.error(f"2 to {MOST_UPLOADS} uploads each, as a session of the app holds few more; or none")
    if not all(0 <= value <= MOST_SECONDS for value in (args.seconds, args.after, args.limit, args.patience)):
        parser.error(f"at most {MOST_SECONDS} seconds")
    if not 0 <= args.think[0] <= args.think[1]:
        parser.error("think at least nothing, and at most not less than at least")
    return args


def main() -> int:
    args = parsed()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is ended too
    signal.alarm(round(args.limit) + 120)  # the hard end, whatever hangs; the server goes with this process
    result: dict = {"students": args.students, "seed": args.seed, "machine": report.machine()}
    with serving() as served:
        asyncio.run(Run(args, served, result).all())
    print(report.table(result))
    return 1 if report.troubles(result) else 0


if __name__ == "__main__":
    sys.exit(main())
