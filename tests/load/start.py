"""From `streamlit run` to the first answer in a browser, beside a page that says hello: `python tests/load/start.py`;
with `--to docs/start.json` it keeps what it found.

Both in turn, round after round, each on a fresh server and a fresh profile; the ratio is the median over the rounds.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:1] = [str(ROOT / "tests"), str(ROOT)]

from browsing import FLAGS  # noqa: E402

from load import report  # noqa: E402
from load.wire import HOST  # noqa: E402

PORT, ROUNDS = 8599, 5
HELLO = "import streamlit as st\nst.html('<b class=hello>hello</b>')\n"
COMMON = ("--server.headless=true", "--browser.gatherUsageStats=false", "--server.fileWatcherType=none")


def seconds(browser, folder: Path, script: str, selector: str) -> float:
    """Until the selector is there, counted from the start of the server's process."""
    where = (f"--server.port={PORT}", f"--server.address={HOST}")
    begun = time.perf_counter()
    command = [sys.executable, "-m", "streamlit", "run", script, *where, *COMMON]
    server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    context = browser.new_context()
    try:
        page = context.new_page()
        while True:
            try:
                page.goto(f"http://{HOST}:{PORT}/")
                break
            except Exception:  # it doesn't listen yet
                time.sleep(0.05)
        page.wait_for_selector(selector, timeout=60_000)
        return time.perf_counter() - begun
    finally:
        context.close()
        server.kill()
        server.wait()


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(prog="python tests/load/start.py", description=__doc__.splitlines()[0])
    parser.add_argument("--browser", default="/usr/bin/chromium")
    parser.add_argument("--to", type=Path, help="a file for the result, as JSON")
    args = parser.parse_args()
    rounds = []
    with sync_playwright() as started, tempfile.TemporaryDirectory() as folder:
        browser = started.chromium.launch(executable_path=args.browser, args=FLAGS)
        (Path(folder) / "hello.py").write_text(HELLO)
        for _ in range(ROUNDS):
            hello = seconds(browser, Path(folder), "hello.py", ".hello")
            answers = seconds(browser, ROOT, "app.py", ".abn-answer")
            rounds.append({"hello": round(hello, 2), "first answers": round(answers, 2)})
            print(rounds[-1])
        browser.close()
    ratio = statistics.median(one["first answers"] / one["hello"] for one in rounds)
    print(f"median ratio {ratio:.2f}")
    if args.to:
        report.write(args.to, {"machine": report.machine(), "rounds": rounds, "median ratio": round(ratio, 2)})


if __name__ == "__main__":
    main()
