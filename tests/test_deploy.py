"""What would run in the container: the files that the image copies are enough, for a user without a home, and nothing
is written, a student's photograph neither; and the health check tells a server that stands from one that does not. No
engine is at hand to build it."""

import asyncio
import io
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from load.client import Browser
from load.phases import warm
from load.server import free_port
from PIL import Image
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COPIED = [line.split()[1:] for line in DOCKERFILE.splitlines() if line.startswith("COPY ")]
HEALTH = json.loads(re.search(r"^\s+CMD (\[\"python\".*\])$", DOCKERFILE, re.M)[1])
START = json.loads(re.search(r"^CMD (\[.*\])$", DOCKERFILE, re.M)[1])


@pytest.fixture
def image(tmp_path) -> Path:
    """The folder of the image, as COPY makes it."""
    for *sources, to in COPIED:
        for source in sources:
            place = tmp_path / to if not to.endswith("/") else tmp_path / to / source
            if (ROOT / source).is_dir():
                shutil.copytree(
                    ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"), copy_function=os.link
                )
            else:
                shutil.copy(ROOT / source, place)
    return tmp_path


def healthy(port: int) -> bool:
    code = HEALTH[2].replace("8501", str(port))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30).returncode == 0


def accepts(port: int, name: str) -> bool:
    """Whether a browser gets through that reached the server under this name."""
    options = {"address": ("127.0.0.1", port), "subprotocols": ["streamlit"], "proxy": None}
    try:
        with connect(f"ws://{name}/_stcore/stream", **options):
            return True
    except InvalidStatus:
        return False


def small_files_alone() -> None:
    """In this process no file, also none without a name, takes more than a try whether a folder can be written to."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


async def shown(port: int, photograph: bytes) -> int:
    """Give the page a photograph of one's own: how many networks answer."""
    await warm(port)
    browser = Browser(port)
    await browser.open()
    await browser.upload("files", "mine.png", photograph)
    await browser.leave()
    return len(browser.page.answers)


@pytest.mark.slow
def test_what_the_image_holds_is_enough_to_serve_and_no_photograph_is_written(image):
    port = free_port()
    assert START[:3] == ["streamlit", "run", "app.py"] and not healthy(port)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "STREAMLIT"))},
        "HOME": str(image / "no-home"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "STREAMLIT_SERVER_ALLOWED_HOSTS": "explorer.example localhost 127.0.0.1",  # as docs/serving.md has it
        "STREAMLIT_SERVER_COOKIE_SECRET": "",  # as compose gives it where nothing is set
    }
    before = {path.relative_to(image) for path in image.rglob("*")}
    command = [sys.executable, "-m", *START[:3], "--server.address=127.0.0.1", f"--server.port={port}"]
    process = subprocess.Popen(
        command,
        cwd=image,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=small_files_alone,
    )  # fmt: skip
    try:
        for _ in range(240):
            if healthy(port):
                break
            assert process.poll() is None, process.stderr.read().decode()
            time.sleep(0.25)
        assert healthy(port)
        names = ("explorer.example", "localhost", "elsewhere.example")
        assert [accepts(port, name) for name in names] == [True, True, False]
        photograph = io.BytesIO()
        Image.effect_noise((900, 600), 60).save(photograph, "PNG")
        assert 2**18 < len(photograph.getvalue()) < 2**20  # Streamlit's server puts larger ones on disk as they arrive
        with ThreadPoolExecutor(1) as thread:  # a browser of other tests may have a loop in this one
            assert thread.submit(asyncio.run, shown(port, photograph.getvalue())).result() == 3
    finally:
        process.kill()
        process.communicate()
    assert {path.relative_to(image) for path in image.rglob("*")} == before  # it has written nothing


def test_everything_that_is_imported_is_copied():
    assert {"app.py", "abn", "pages", "checkpoints", ".streamlit", "requirements.txt"} <= {
        source for *sources, _ in COPIED for source in sources
    }
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert kept == {source for *sources, _ in COPIED for source in sources}


def test_the_composition_is_locked_down():
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    for line in ("read_only: true", "- ALL", "no-new-privileges:true", '"8501:8501"'):
        assert line in text
