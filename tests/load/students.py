"""What students do: a seeded class that opens Compare, picks, uploads, toggles, pages about and leaves."""

import asyncio
import io
import random
import time
from dataclasses import dataclass, field

from client import Browser, Trouble
from PIL import Image, ImageEnhance
from server import ROOT, Watch

CAMERA = (1600, 1200)
PAGES = ("Inside", "Ablation", "Intervene", "Measure", "Study", "Learn", "Exercises", "app")
ACTS = {"gallery": 5, "upload": 3, "toggle": 3, "page": 2, "leave": 0.5}  # how often, one against another
MECHANISMS = ("as trained", "additive", "multiplicative", "none")


@dataclass
class Log:
    """How long each act took to a settled page, and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    left_in_the_middle: int = 0
    received: int = 0  # bytes

    def add(self, act: str, seconds: float) -> None:
        self.seconds.setdefault(act, []).append(seconds)


def photographs(count: int, seed: int) -> list[bytes]:
    """Distinct JPEGs of a camera's size, made of the photographs that ship."""
    dice = random.Random(seed)
    sources = [Image.open(path).convert("RGB") for path in sorted((ROOT / "abn" / "samples").glob("*.jpg"))]
    made = []
    for _ in range(count):
        source = dice.choice(sources)
        share = dice.uniform(0.7, 1.0)
        width, height = (round(side * share) for side in source.size)
        left, top = dice.randrange(source.width - width + 1), dice.randrange(source.height - height + 1)
        seen = source.crop((left, top, left + width, top + height)).resize(CAMERA, Image.Resampling.BILINEAR)
        seen = ImageEnhance.Color(seen).enhance(dice.uniform(0.6, 1.4))
        file = io.BytesIO()
        seen.save(file, "JPEG", quality=85)
        made.append(file.getvalue())
    return made


async def upload_all(
    port: int, name: str, pictures: list[bytes], log: Log, watch: Watch, gate: asyncio.Barrier
) -> None:
    """Upload one picture after the other without a pause, once all are there; what comes back must be an answer."""
    browser = Browser(port)
    try:
        await browser.open()
        await gate.wait()
        for number, data in enumerate(pictures):
            begun = time.perf_counter()
            await browser.upload("files", f"{name}-{number}.jpg", data)
            log.add("upload", time.perf_counter() - begun)
            watch.uploads += 1
            if len(browser.answers) != 3:
                raise Trouble(f"{len(browser.answers)} answers in place of three")
    except Exception as error:
        log.troubles.append(f"upload: {type(error).__name__}: {error}")
        await gate.abort()
    finally:
        log.received += browser.received
        await browser.leave()


async def lesson(port: int, name: str, seed: int, until: float, think: tuple[float, float], log: Log) -> None:
    """A student until a moment of the loop's clock: acts by chance, thinking between them; who left comes back."""
    dice, clock = random.Random(f"{seed} {name}"), asyncio.get_running_loop().time
    pictures = photographs(6, seed=hash((seed, name)) & 0xFFFF)
    browser: Browser | None = None
    while clock() < until:
        await asyncio.sleep(dice.uniform(*think))
        act = "open" if browser is None else dice.choices(list(ACTS), list(ACTS.values()))[0]
        begun = time.perf_counter()
        try:
            if browser is None:
                browser = Browser(port)
                await browser.open()
            elif act == "leave":
                if dice.random() < 0.5:  # in the middle of a run
                    await browser.rerun(wait=False)
                    log.left_in_the_middle += 1
                log.received += browser.received
                await browser.leave()
                browser = None
            else:
                act = await _act(browser, act, dice, pictures, name)
        except Exception as error:
            log.troubles.append(f"{act}: {type(error).__name__}: {error}")
            if browser is not None:
                await browser.leave()
            browser = None
        else:
            log.add(act, time.perf_counter() - begun)
    if browser is not None:
        log.received += browser.received
        await browser.leave()


async def _act(browser: Browser, act: str, dice: random.Random, pictures: list[bytes], name: str) -> str:
    """Do it on Compare, where one must be for it; returns what was really done."""
    if act != "page" and "mechanism" not in browser.widgets:
        await browser.go("app")
        return "page"
    if act == "gallery":
        await browser.trigger("strip", "picked", dice.choice(_gallery()))
    elif act == "upload":
        number = dice.randrange(len(pictures))
        await browser.upload("files", f"{name}-{number}.jpg", pictures[number])
    elif act == "toggle":
        await browser.choose("mechanism", dice.choice(MECHANISMS))
    else:
        await browser.go(dice.choice([page for page in PAGES if browser.pages[page] != browser.page]))
    return act


def _gallery() -> list[str]:
    from abn.first_view import gallery

    return [photo.id for photo in gallery().values() if photo.kind == "photograph"]
