"""From `streamlit run` to the first answer in a browser, beside a page that says hello: `python tests/load/start.py`;
with `--to docs/start.json` it keeps what it found, with `--film docs/start.webp` it draws one start in screenshots.

Both in turn, round after round, each on a fresh server and a fresh profile; the ratio is the median over the rounds.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
sys.path[:1] = [str(ROOT / "tests"), str(ROOT)]

from browsing import FLAGS  # noqa: E402

from load import report  # noqa: E402
from load.wire import HOST  # noqa: E402

PORT, ROUNDS = 8599, 5
FRAMES, FRAME, MAPS = 12, (480, 300), 3  # of the film: how many at most, their pixels, and with how many maps it ends
HELLO = "import streamlit as st\nst.html('<b class=hello>hello</b>')\n"
COMMON = ("--server.headless=true", "--browser.gatherUsageStats=false", "--server.fileWatcherType=none")


@contextmanager
def starting(browser, folder: Path, script: str) -> Iterator[tuple]:
    """A page in a fresh profile on a fresh server, and when the server's process was started."""
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
        yield page, begun
    finally:
        context.close()
        server.kill()
        server.wait()


def seconds(browser, folder: Path, script: str, selector: str) -> float:
    """Until the selector is there, counted from the start of the server's process."""
    with starting(browser, folder, script) as (page, begun):
        page.wait_for_selector(selector, timeout=60_000)
        return time.perf_counter() - begun


def film(browser, file: Path) -> None:
    """Draw screenshots of one start, from the first thing on the page to the last map, with their seconds."""
    frames: dict[bytes, Image.Image] = {}  # by their pixels: nothing is drawn twice
    with starting(browser, ROOT, "app.py") as (page, begun):
        maps = 0
        while maps < MAPS and len(frames) < FRAMES:
            maps = page.locator("canvas[data-drawn]").count()
            image = Image.open(BytesIO(page.screenshot())).resize(FRAME)
            label = f"{time.perf_counter() - begun:.1f} s"
            if frames.setdefault(image.tobytes(), image) is image:
                ImageDraw.Draw(image).text((FRAME[0] - 70, FRAME[1] - 25), label, "black", font_size=20)
    sheet = Image.new("RGB", (FRAME[0] * 3, FRAME[1] * -(-len(frames) // 3)), "white")
    for number, image in enumerate(frames.values()):
        sheet.paste(image, (number % 3 * FRAME[0], number // 3 * FRAME[1]))
    sheet.save(file, quality=70)


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(prog="python tests/load/start.py", description=__doc__.splitlines()[0])
    parser.add_argument("--browser", default="/usr/bin/chromium")
    parser.add_argument("--to", type=Path, help="a file for the result, as JSON")
    parser.add_argument("--film", type=Path, help="a file for screenshots of one start, and nothing is measured")
    args = parser.parse_args()
    rounds: list[dict[str, float]] = []
    with sync_playwright() as started, tempfile.TemporaryDirectory() as folder:
        browser = started.chromium.launch(executable_path=args.browser, args=FLAGS)
        if args.film:
            return film(browser, args.film)
        (Path(folder) / "hello.py").write_text(HELLO)
        for _ in range(ROUNDS):
            hello = seconds(browser, Path(folder), "hello.py", ".hello")
            answers = seconds(browser, ROOT, "app.py", ".abn-prediction")
            rounds.append({"hello": round(hello, 2), "first answers": round(answers, 2)})
            print(rounds[-1])
        browser.close()
    ratio = statistics.median(one["first answers"] / one["hello"] for one in rounds)
    print(f"median ratio {ratio:.2f}")
    if args.to:
        report.write(args.to, {"machine": report.machine(), "rounds": rounds, "median ratio": round(ratio, 2)})


if __name__ == "__main__":
    main()
