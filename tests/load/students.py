"""What students do: a seeded class that opens Compare, picks, uploads, toggles, pages about and leaves."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from abn.vocabulary import AS_TRAINED, MECHANISMS
from load.client import Browser
from load.report import waits
from load.wire import Trouble

COMPARE = ""  # its address is the bare one
PAGES = ("Inside", "Ablation", "Intervene", "Measure", "Study", "Learn", "Exercises")
ACTS = {"gallery": 5, "upload": 3, "toggle": 3, "page": 2, "leave": 0.5}  # how often, one against another
HELD = 20  # photographs in one session; the app holds a few more
PAUSE = 1.0  # seconds after a trouble, before one opens the page again


@dataclass
class Log:
    """How long each act took to a settled page, and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    left_in_the_middle: int = 0
    received: int = 0  # bytes

    def told(self) -> dict[str, object]:
        """For the result."""
        return {
            "waits": waits(self.seconds),
            "left in the middle of a run": self.left_in_the_middle,
            "MB sent to the browsers": round(self.received / 1e6),
            "troubles": list(self.troubles),
        }


@dataclass
class Student:
    """One of the class, with a browser while the page is open and photographs to upload."""

    name: str
    port: int
    photos: Sequence[bytes]
    gallery: Mapping[str, str]  # of the photographs in the strip: id → what is to be seen, in words
    log: Log
    patience: float = 120.0  # seconds for one act
    uploaded: Callable[[], object] = lambda: None
    browser: Browser | None = None
    _number: int = 0  # uploads so far
    held_bytes: int = 0  # of this session's photographs
    _held: int = 0  # how many they are
    _mechanism: str = AS_TRAINED
    _same: bool = False  # the same weights with it

    async def open(self) -> None:
        """Open Compare, as a new person."""
        self.browser, self._mechanism, self._same = Browser(self.port), AS_TRAINED, False
        self._held = self.held_bytes = 0
        await self._timed("open", lambda: self.browser.open())

    async def upload_all(self, count: int) -> None:
        """So many photographs one after the other, without a pause; after a trouble with a new page."""
        for _ in range(count):
            if self.browser is None:
                await self.open()
            if self.browser is not None:
                await self._timed("upload", self._upload)

    async def lesson(self, until: float, think: tuple[float, float], seed: int, most: float = float("inf")) -> None:
        """Acts by chance until a moment of the loop's clock or after so many, thinking between them."""
        dice, clock, done = random.Random(f"{seed} {self.name}"), asyncio.get_running_loop().time, itertools.count()
        while clock() + (pause := dice.uniform(*think)) < until and next(done) < most:
            await asyncio.sleep(pause)
            act = dice.choices(list(ACTS), list(ACTS.values()))[0]
            if self.browser is None:
                await self.open()
            elif act == "leave" or self._held >= HELD:
                await self._leave_somehow(dice)
            elif act == "page" or not self._at(COMPARE):
                where = dice.choice([page for page in PAGES if not self._at(page)] if act == "page" else [COMPARE])
                await self._timed(f"to {where or 'Compare'}", lambda where=where: self.browser.go(where))
            elif act == "gallery":
                await self._timed(act, lambda: self._pick(dice))
            elif act == "toggle":
                await self._timed(act, lambda: self._toggle(dice))
            else:
                await self._timed(act, self._upload)

    async def leave(self) -> None:
        """Close the page."""
        if self.browser is not None:
            self.log.received += self.browser.received
            await self.browser.leave()
        self.browser = None

    async def _leave_somehow(self, dice: random.Random) -> None:
        """Half of them while the page is still being made."""
        async with self._guarded("leave"):
            if self._at(COMPARE) and dice.random() < 0.5:
                await self.browser.upload("files", *self._photo(), wait=False)
                await asyncio.sleep(dice.uniform(0, 1))
                self.log.left_in_the_middle += 1
            await self.leave()

    def _at(self, page: str) -> bool:
        return self.browser.page.hash == self.browser.page.links[page]

    def _photo(self) -> tuple[str, bytes]:
        self._number += 1
        return f"{self.name}-{self._number}.jpg", self.photos[(self._number - 1) % len(self.photos)]

    async def _upload(self) -> None:
        name, data = self._photo()
        await self.browser.upload("files", name, data)
        self._held += 1
        self.held_bytes += len(data)
        self._answered(name)
        self.uploaded()

    async def _pick(self, dice: random.Random) -> None:
        photo = dice.choice(list(self.gallery))
        await self.browser.trigger("strip", "picked", photo)
        self._answered(self.gallery[photo])

    async def _toggle(self, dice: random.Random) -> None:
        """Another mechanism; or, where one was chosen, the same weights with it."""
        if self._mechanism != AS_TRAINED and not self._same and dice.random() < 0.5:
            self._same = True
            await self.browser.switch("same_weights", True)
        else:
            self._mechanism = dice.choice([one for one in (AS_TRAINED, *MECHANISMS) if one != self._mechanism])
            await self.browser.choose("mechanism", self._mechanism)
        self._answered()

    def _answered(self, about: str = "") -> None:
        """The page is about that picture, and all three networks have answered, or the one that they become where all
        are trained with one mechanism."""
        if not any(about in told for told in self.browser.page.pictures.values()):
            raise Trouble("the page is about another picture")
        found, due = len(self.browser.page.answers), 3 if self._same or self._mechanism == AS_TRAINED else 1
        if found != due:
            raise Trouble(f"{found} answers in place of {due}")

    async def _timed(self, act: str, do: Callable[[], Awaitable]) -> None:
        async with self._guarded(act):
            begun = time.perf_counter()
            await do()
            self.log.seconds.setdefault(act, []).append(time.perf_counter() - begun)

    @asynccontextmanager
    async def _guarded(self, act: str) -> AsyncIterator[None]:
        """What goes wrong in an act, or takes too long, is a trouble of the class: one leaves, and comes back later."""
        try:
            async with asyncio.timeout(self.patience):
                yield
        except Exception as error:
            told = f"not settled within {self.patience:.0f} s" if isinstance(error, TimeoutError) else str(error)
            self.log.troubles.append(f"{act}: {type(error).__name__}: {told}")
            await self.leave()
            await asyncio.sleep(PAUSE)
