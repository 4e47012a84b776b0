"""The phases of a run: the server warms up, all upload without a pause, a class works, and all have left."""

import asyncio
from argparse import Namespace
from contextlib import suppress

from load import bare, report
from load.client import Browser
from load.photographs import photographs
from load.processors import Meter
from load.server import Served, Watch, memory
from load.students import Log, Student
from load.wire import Trouble

WARM = 120  # seconds in which the live networks must answer
OFTEN = 5  # seconds between two writings of the result
SETTLED = 25  # seconds after which the app has given back what it has let go of


class Run:
    """One run against one server; `result` grows as it goes on, and is written again and again."""

    def __init__(self, args: Namespace, served: Served, result: dict):
        self.args, self.served, self.watch = args, served, Watch(served.pid)
        self.result = result
        self.logs = {phase: Log() for phase in report.PHASES}
        self._gallery: dict[str, str] = {}

    def keep(self) -> None:
        """Write what is known by now."""
        for phase, log in self.logs.items():
            self.result.setdefault(phase, {}).update(log.told())
        self.result["server tracebacks"] = self.served.tracebacks()
        self._remember("most", memory(self.served.pid)[1])
        self.result["memory over time: seconds, MiB, uploads"] = self.watch.seen
        if self.args.to:
            report.write(self.args.to, self.result)

    async def all(self) -> None:
        """Every phase; it ends early, and says so, when its time is up."""
        beside = [asyncio.create_task(self.watch.run()), asyncio.create_task(self._keep_on())]
        try:
            async with asyncio.timeout(self.args.limit):
                await warm(self.served.port)
                self._gallery = await asyncio.to_thread(_gallery)
                self._remember("warm, nobody there", self.watch.look())
                if self.args.uploads:
                    await self._throughput()
                if self.args.seconds:
                    await self._classroom()
                    self._remember("after the class", self.watch.look())
                await asyncio.sleep(self.args.after)
                self._remember("all have left", self.watch.look())
                await self._visit()
                self._remember("one more has come and left", self.watch.look())
        except TimeoutError:
            self.result["ended"] = f"early, after {self.args.limit:.0f} s"
        finally:
            for task in beside:
                task.cancel()
            with suppress(OSError):  # where the server is gone
                self.keep()

    def _remember(self, when: str, mib: float) -> None:
        self.result.setdefault("memory", {})[when] = round(mib)

    async def _keep_on(self) -> None:
        while True:
            await asyncio.sleep(OFTEN)
            self.keep()

    async def _visit(self) -> None:
        """Streamlit lets go of what is too old when somebody comes or goes, and not before."""
        last = Browser(self.served.port)
        async with asyncio.timeout(self.args.patience):
            await last.open()
        await last.leave()
        await asyncio.sleep(SETTLED)

    async def _class(self, photos: int, phase: str, seed: int) -> list[Student]:
        """Students with so many photographs each, made before anything is timed."""
        count = self.args.students
        made = await asyncio.to_thread(photographs, count * photos, seed)
        return [
            Student(
                f"s{i}", self.served.port, made[i::count], self._gallery, self.logs[phase],
                patience=self.args.patience, uploaded=self.watch.uploaded,
            )
            for i in range(count)
        ]  # fmt: skip

    async def _throughput(self) -> None:
        args, log = self.args, self.logs["throughput"]
        students = await self._class(args.uploads, "throughput", args.seed)
        before = await bare.pace(args.processes, args.bare_seconds)
        await asyncio.gather(*(student.open() for student in students))
        await self._upload_and_rest(students, 1)
        first, meter = len(log.seconds.get("upload", ())), Meter(self.served.pid)
        taken = await self._upload_and_rest(students, args.uploads - 1, meter)
        await asyncio.gather(*(student.leave() for student in students))
        after = await bare.pace(args.processes, args.bare_seconds)
        done = len(log.seconds.get("upload", ())) - first
        self.result.setdefault("throughput", {}).update(taken, **report.pace(done, taken["seconds"], before, after))
        self.keep()

    async def _upload_and_rest(self, students: list[Student], count: int, meter: Meter | None = None) -> dict:
        """So many more photographs each; then memory is looked at, beside the files that the sessions hold by then.
        What the meter has read by the last upload."""
        await asyncio.gather(*(student.upload_all(count) for student in students))
        taken = meter.read() if meter else {}
        await asyncio.sleep(SETTLED)
        when = f"{self.watch.uploads} uploads held"
        self._remember(when, self.watch.look())
        held = sum(student.held_bytes for student in students)
        self.result.setdefault("files, MiB", {})[when] = round(held / 2**20)
        return taken

    async def _classroom(self) -> None:
        args = self.args
        students = await self._class(4, "classroom", args.seed + 1)
        meter, until = Meter(self.served.pid), asyncio.get_running_loop().time() + args.seconds
        await asyncio.gather(*(student.lesson(until, tuple(args.think), args.seed) for student in students))
        self.result.setdefault("classroom", {}).update(meter.read(), **{"think, seconds": list(args.think)})
        await asyncio.gather(*(student.leave() for student in students))
        self.keep()


async def warm(port: int) -> None:
    """Come back when the live networks answer: a first person opens Compare, and has it drawn anew until they do."""
    first = Browser(port)
    try:
        async with asyncio.timeout(WARM):
            await first.open()
            while len(first.page.answers) != 3:
                await asyncio.sleep(1)
                await first.again()
    except TimeoutError:
        raise Trouble(f"no live networks within {WARM} s") from None
    finally:
        await first.leave()


def _gallery() -> dict[str, str]:
    from abn.images.samples import gallery

    return {photo.id: photo.alt for photo in gallery().values() if photo.kind == "photograph"}
