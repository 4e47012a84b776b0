"""Several processes, one result: each writes the blocks of its share into a file, and the first merges them in order.

Block k belongs to process k mod N. A process appends one line of JSON a block to its own part; the first reads the
parts in turn while they grow, and passes each block on as soon as its turn has come. So nothing is held in memory, and
the merged lines are those that one process would have printed. The processes find each other as torch.distributed
does, by the environment that torchrun sets, and agree there on the folder of the parts; no process group is needed.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from abn import files
from abn.errors import ABNError

PATIENCE = 300  # seconds without a sign of another process until it counts as dead
TURN = 0.05  # seconds between two looks at the parts
CHANGED = "The pictures changed while they were explained, so these results are out of order."

Lines = list[tuple[bool, str]]  # of one block: whether the picture failed, and what to print


@dataclass(frozen=True)
class Shard:
    """Which of how many processes this one is."""

    rank: int = 0
    count: int = 1


def this_shard() -> Shard:
    """As torchrun says it in RANK and WORLD_SIZE; one process alone where it says nothing."""
    try:
        shard = Shard(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))
    except ValueError:
        shard = Shard(0, 0)
    if not 0 <= shard.rank < shard.count:
        raise ABNError("RANK and WORLD_SIZE in the environment must be whole numbers, as torchrun sets them.")
    return shard


@contextmanager
def meeting(shard: Shard, beside: Path | None, done: int, settings: object) -> Iterator[tuple[Path, int]]:
    """The folder of the parts and the number of blocks done already, both as the first process knows them.

    The folder is `beside`, emptied, or a temporary one; it is removed in the end. `settings` must be the same for all.
    """
    from torch import distributed

    agreed = json.dumps(settings, sort_keys=True)
    folder = _emptied(beside) if shard.rank == 0 else None
    try:
        try:
            store, *_ = next(distributed.rendezvous("env://", timeout=timedelta(seconds=PATIENCE)))
            if folder:
                store.set("abn", json.dumps([str(folder), done, agreed]))
            told, done, wanted = json.loads(store.get("abn"))
        except (ValueError, RuntimeError) as error:
            raise ABNError(
                f"Process {shard.rank} can't find the others: start all {shard.count} with torchrun, "
                "or unset RANK and WORLD_SIZE."
            ) from error
        if wanted != agreed:
            raise ABNError(f"Process {shard.rank} was started with other options than process 0.")
        yield Path(told), done
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def _emptied(beside: Path | None) -> Path:
    if beside is None:
        return Path(tempfile.mkdtemp(prefix="abn-explain-"))
    try:
        shutil.rmtree(beside, ignore_errors=True)  # of a run that was killed
        beside.mkdir(parents=True)
    except OSError as error:
        raise files.write_error(beside, error) from error
    return beside


class Part:
    """What one process has found, a line a block, for the process that merges."""

    def __init__(self, folder: Path, shard: Shard) -> None:
        self._path = _part(folder, shard.rank)
        try:
            self._path.write_bytes(b"")
        except OSError as error:
            raise ABNError(
                f"Process {shard.rank} can't write into {folder} ({error.strerror}): give --to a file in a folder "
                "that all processes share."
            ) from error

    def write(self, lines: Lines) -> None:
        """One block."""
        self._write(lines)

    def end(self, digest: str) -> None:
        """The share is done; `digest` is of the stream that it was dealt from."""
        self._write({"end": digest})

    def fail(self, sentence: str) -> None:
        """There will be nothing more, and why."""
        self._write({"failed": sentence})

    def _write(self, line: object) -> None:
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise files.write_error(self._path, error, files.NO_MORE) from error


class Merge:
    """The parts of `count` processes, read in turn while they are written."""

    def __init__(self, folder: Path, count: int) -> None:
        self._paths = [_part(folder, rank) for rank in range(count)]
        self._places = [0] * count  # bytes read of each part
        self._ends: list[str] = []  # the digests of the parts that have ended
        self._turn = 0

    def available(self) -> Iterator[Lines]:
        """The blocks that can be had now, in order."""
        while not self.complete and (line := self._next_line()) is not None:
            rank, self._turn = self._turn, (self._turn + 1) % len(self._paths)
            if isinstance(line, list):
                if self._ends:  # the first block that is missing should have been the last
                    raise ABNError(CHANGED)
                yield [(failed, text) for failed, text in line]
            elif "failed" in line:
                raise ABNError(f"Process {rank} failed: {line['failed']}")
            else:
                self._ends.append(line["end"])

    def rest(self, *, patience: float = PATIENCE, sleep: Callable[[float], None] = time.sleep) -> Iterator[Lines]:
        """All that is still to come, waiting for it; raises `ABNError` where a process is silent for too long."""
        heard = time.monotonic()
        while not self.complete:
            before = list(self._places)
            yield from self.available()
            if self._places != before:
                heard = time.monotonic()
            elif time.monotonic() - heard > patience:
                raise ABNError(
                    f"Process {self._turn} has written nothing for {patience:.0f} seconds and counts as dead."
                )
            else:
                sleep(TURN)
        if len(set(self._ends)) > 1:
            raise ABNError(CHANGED)

    @property
    def complete(self) -> bool:
        return len(self._ends) == len(self._paths)

    def _next_line(self) -> list | dict | None:
        """Of the part whose turn it is; None where no whole line is there yet."""
        try:
            with self._paths[self._turn].open("rb") as part:
                part.seek(self._places[self._turn])
                line = part.readline()
        except FileNotFoundError:
            return None
        if not line.endswith(b"\n"):
            return None
        self._places[self._turn] += len(line)
        return json.loads(line)


def _part(folder: Path, rank: int) -> Path:
    return folder / f"part-{rank}.jsonl"
