"""A live class against the app, over Streamlit's own protocol: `PYTHONPATH=tests python -m load.live_class`.

Students join a room, answer each question when it opens and see the reveal. The room lies in a real Redis server, by
which this tool steers it; so the delays hold the store's as well. Loopback only.
"""

import argparse
import asyncio
import json
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from redis_server import RedisServer
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from abn.teaching import exercises
from abn.teaching.live_class import codes, new_questions
from abn.teaching.live_class import room as rules
from abn.teaching.live_class.redis_store import RedisStore
from abn.teaching.live_class.room import Room
from abn.ui.layout import escape_markdown
from abn.ui.live_class import words
from load.client import Browser
from load.processors import cpu_seconds
from load.server import memory, serving
from load.wire import ask

INTERVAL = 0.5  # seconds between two questions, as in room_watch.js
PATIENCE = 60.0  # seconds until what is awaited counts as lost
SET = exercises.COUNT  # questions of a set
STEPS = ("question", "answer", "reveal")  # whose delays are measured
ANSWERED = words.COUNTED.encode()


class StudentPage(Browser):
    """A phone in a room: it asks for changes as the browser's script does, and notes when a text arrives."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._watch: dict = {}  # what the page gave to its component `room_watch`
        self._awaited: dict[bytes, asyncio.Future] = {}

    async def live(self) -> None:
        """Take all messages, and ask for changes, until the page is closed."""
        watching = asyncio.create_task(self._ask_for_changes())
        try:
            while True:
                self.page.take(await self._receive())
        finally:
            watching.cancel()

    def expect(self, text: bytes) -> asyncio.Future:
        """The moment (of `time.perf_counter`) at which a message with this text arrives."""
        self._awaited[text] = asyncio.get_running_loop().create_future()
        return self._awaited[text]

    async def press(self, key: str) -> None:
        """A button."""
        state = WidgetState(id=self.page.widgets[key])
        state.trigger_value = True
        await self._run(state, wait=False)

    async def report(self, key: str, event: str, value: object) -> None:
        """What a component tells once."""
        state = WidgetState(id=f"$$STREAMLIT_INTERNAL_KEY_{self.page.widgets[key]}__events")
        state.json_trigger_value = json.dumps([{"event": event, "value": value}])
        await self._run(state, wait=False)

    async def _receive(self) -> ForwardMsg:
        message = await super()._receive()
        element = message.delta.new_element.bidi_component
        if element.component_name == "abn_room_watch":
            (self._watch,) = json.loads(element.json)
        raw = message.SerializeToString() if self._awaited else b""
        for text in [text for text in self._awaited if text in raw]:
            self._awaited.pop(text).set_result(time.perf_counter())
        return message

    async def _ask_for_changes(self) -> None:
        reported = 0.0
        await asyncio.sleep(INTERVAL * secrets.randbelow(100) / 100)
        while True:
            seen = self._watch
            _, reply_json = await ask(self.port, f"/{seen['address']}")
            reply = json.loads(reply_json)
            if reply["scene"] != self._watch["scene"] and time.perf_counter() - reported > 3:
                reported = time.perf_counter()
                await self.report("unseen-room-watch", "changed", reported)
            await asyncio.sleep(INTERVAL)


class Class:
    """The class of a run: its room, its students, and the delays."""

    def __init__(self, port: int, pid: int, store: RedisStore, students: int) -> None:
        self.port, self.pid, self.store, self.count = port, pid, store, students
        self.code = codes.make_code()
        self.delays: dict[str, list[float]] = {name: [] for name in STEPS}
        self.figures: dict[str, object] = {"students": students}

    async def play(self, questions: int, idle: float) -> dict[str, object]:
        sets = [new_questions.questions_of_set(7 + k, exercises.read_material()) for k in range(-(-questions // SET))]
        drawn = [question for new in sets for question in new.questions]
        self.store.create(rules.add_questions(Room(self.code, codes.hash_key("key")), drawn[:questions]))
        for image in [image for new in sets for image in new.images]:
            self.store.put_image(self.code, image.name, image.data)
        pages = [StudentPage(self.port) for _ in range(self.count)]
        for page in pages:
            await page.open(f"Room?room={self.code}")
        tasks = [asyncio.create_task(page.live()) for page in pages]
        await self._await(pages, words.LOBBY.encode(), lambda page: page.press("room-join-button"))
        self.figures["memory, MiB, joined"] = round(memory(self.pid)[0])
        before = cpu_seconds(self.pid)
        await asyncio.sleep(idle)
        self.figures["idle, of one core"] = round((cpu_seconds(self.pid) - before) / idle, 3)
        for number, question in enumerate(self.store.read(self.code).questions, 1):
            await self._step(pages, "question", f"Question {number} of".encode(), rules.go_next)
            await asyncio.sleep(1)

            async def answer(page: StudentPage, question=question) -> None:
                if question.picks_cell:
                    await page.report(f"room-pick-{question.id}", "picked", [3, 4])
                else:
                    await page.press(f"room-option-{question.id}-0")

            self.delays["answer"] += await self._await(pages, ANSWERED, answer, spread=3.0)
            counted = self.store.read(self.code).answers_to(question)
            assert len(counted) == self.count, f"{len(counted)} of {self.count} answers were counted"
            await self._step(pages, "reveal", escape_markdown(question.explanation)[:40].encode(), rules.reveal)
            await asyncio.sleep(1)
        self.figures["memory, MiB, at the end"] = round(memory(self.pid)[0])
        for page, task in zip(pages, tasks, strict=True):
            task.cancel()
            await page.leave()
        for name, values in self.delays.items():
            p50, p95, longest = np.percentile(values, [50, 95, 100])
            self.figures[f"{name}, seconds"] = {
                "count": len(values), "p50": round(p50, 2), "p95": round(p95, 2), "longest": round(longest, 2),
            }  # fmt: skip
        return self.figures

    async def _step(self, pages: list[StudentPage], name: str, text: bytes, action: Callable[[Room], Room]) -> None:
        """A step of the teacher, and how long it takes until each student sees it."""
        futures = [page.expect(text) for page in pages]
        before, begun = cpu_seconds(self.pid), time.perf_counter()
        await asyncio.to_thread(self.store.update, self.code, action)
        arrived = await asyncio.wait_for(asyncio.gather(*futures), PATIENCE)
        self.delays[name] += [at - begun for at in arrived]
        self.figures[f"{name}, processor seconds"] = round(cpu_seconds(self.pid) - before, 2)  # of the last one

    async def _await(self, pages: list[StudentPage], text: bytes, act: Callable, spread: float = 0.0) -> list[float]:
        """What every student does, within so many seconds, and the time until each sees its outcome."""

        async def do(page: StudentPage, delay: float) -> float:
            await asyncio.sleep(delay)
            arrived, begun = page.expect(text), time.perf_counter()
            await act(page)
            return await asyncio.wait_for(arrived, PATIENCE) - begun

        delays = np.random.default_rng(0).uniform(0, spread, len(pages))
        return list(await asyncio.gather(*(do(page, delay) for page, delay in zip(pages, delays, strict=True))))


@contextmanager
def _redis() -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        try:
            yield server
        finally:
            server.stop()


def measure(students: int, questions: int, idle: float) -> dict[str, object]:
    """Play a class, and return its figures. Raises where a student waits for longer than a minute."""
    with _redis() as redis:
        os.environ["ABN_ROOMS"] = redis.address
        try:
            with serving() as served:
                played = Class(served.port, served.pid, RedisStore(redis.address), students)
                figures = asyncio.run(played.play(questions, idle))
                return figures | {"tracebacks": served.tracebacks()}
        finally:
            del os.environ["ABN_ROOMS"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=60, help="how many (default: 60)")
    parser.add_argument("--questions", type=int, default=8, help="of one set after the other (default: 8)")
    parser.add_argument("--idle", type=float, default=30, help="seconds without a change (default: 30)")
    args = parser.parse_args()
    print(json.dumps(measure(args.students, args.questions, args.idle), indent=1))
