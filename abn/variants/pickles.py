"""Pickles of weights, looked through before anything unpickles them.

torch's own reader with `weights_only=True` runs nothing of them, and yet they can hang it, fill the memory or end the
process: by tuples of tuples that are hashed for ever, and by objects made of nothing but a large number. So the
pickle's operations are gone through one by one, in either of torch's formats, and only the weight of each tuple is
reckoned.
"""

import pickle
import pickletools
import tarfile
import zipfile
from pathlib import Path
from typing import BinaryIO

MOST_PACKED = 4  # times its own size that a file may unpack to; torch itself never packs
MOST_STEPS = 300_000  # operations; a ResNet-152 with its optimizer takes 50,000
MOST_IN_TUPLE = 100  # things in a tuple, with those in its tuples; a tensor takes some twenty
LEGACY = 5  # pickles before the values: magic number, protocol, machine, the object, and its storages' keys
MADE_BY = ("torch", "collections")  # the modules of whatever weights are made by


def check_pickle(path: Path) -> None:
    """Raise OSError, ValueError or an error of the format where a file is none that torch could read soon, and
    `pickle.UnpicklingError` that names a GLOBAL where it holds more than weights."""
    if path.exists() and not path.is_file():
        raise OSError("a pipe, or a folder")
    with path.open("rb") as file:
        new = file.read(4) == b"PK\3\4"  # what torch goes by
    if new:
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
            if sum(record.file_size for record in records) > MOST_PACKED * path.stat().st_size:
                raise OSError("packed")
            for record in records:
                if record.filename.endswith(".pkl"):
                    with archive.open(record) as file:
                        _check(file, 1)
    elif _is_tar(path):
        raise OSError("a format from before torch 0.1.10")
    else:
        with path.open("rb") as file:
            _check(file, LEGACY)


def _is_tar(path: Path) -> bool:
    try:
        with tarfile.open(path, mode="r:"):
            return True
    except tarfile.TarError:
        return False


def _check(file: BinaryIO, count: int) -> None:
    """Go through so many pickles, one behind the other."""
    steps = 0
    for _ in range(count):
        stack: list[int | None] = []  # of each thing how many are hashed with it; None is a mark
        memo: dict[int, int] = {}
        for operation, argument, _ in pickletools.genops(file):
            steps += 1
            if steps > MOST_STEPS:
                raise ValueError("too many operations")
            _step(operation, argument, stack, memo)


def _step(operation: pickletools.OpcodeInfo, argument: object, stack: list[int | None], memo: dict[int, int]) -> None:
    """What an operation does to the stack, where only tuples weigh more than 1."""
    name = operation.name
    if name in ("GLOBAL", "STACK_GLOBAL", "INST") and str(argument).split(" ")[0].split(".")[0] not in MADE_BY:
        raise pickle.UnpicklingError(f"GLOBAL {argument!s:.80}")
    if name == "MARK":
        stack.append(None)
    elif name == "MEMOIZE":
        memo[len(memo)] = stack[-1] or 1
    elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
        memo[argument] = stack[-1] or 1
    elif name in ("GET", "BINGET", "LONG_BINGET"):
        stack.append(memo[argument])
    elif name == "DUP":
        stack.append(stack[-1])
    else:
        taken = _take(operation, stack)
        for _ in operation.stack_after:
            stack.append(1 + sum(taken) if name.startswith("TUPLE") else 1)
        if name.startswith("TUPLE") and stack[-1] > MOST_IN_TUPLE:
            raise ValueError("a tuple of too many things")


def _take(operation: pickletools.OpcodeInfo, stack: list[int | None]) -> list[int]:
    """Take from the stack what an operation uses; everything to the last mark where it uses that."""
    before = operation.stack_before
    if pickletools.markobject not in before:
        return [stack.pop() or 1 for _ in before]
    taken = []
    while (weight := stack.pop()) is not None:
        taken.append(weight)
    for _ in before[: before.index(pickletools.markobject)]:
        stack.pop()
    return taken
