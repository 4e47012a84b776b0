"""Pickled files from anybody are read in a child process with bounded time and memory.

`torch.load(weights_only=True)` runs no code of such a file, and yet a hostile one can hang the reader, fill the memory
or end the process. The child writes its tensors to its standard output as a safetensors file, or one sentence that
says why it refused.
"""

import importlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import safetensors.torch
from torch import Tensor

from abn.errors import CheckpointError

MAX_SECONDS = 20  # of processor time for the file, once torch is imported
MAX_START = 120  # seconds more on the clock, for the import of torch on a busy machine
MAX_BYTES = 4 << 30  # of the child's memory
REFUSED = 3  # exit status of a child whose output is a sentence

log = logging.getLogger(__name__)


def read_in_child(
    read: Callable[..., dict[str, Tensor]], path: Path, *, failure: str, **options: str | int
) -> dict[str, Tensor]:
    """What `read(path, **options)` of a module of abn returns, called in a child process.

    Raises `CheckpointError` with the sentence that `read` raises, or with `failure` where the child ends otherwise.
    """
    command = [sys.executable, "-P", "-W", "ignore", "-m", __name__, read.__module__, read.__name__, str(MAX_SECONDS)]
    paths = os.pathsep.join(map(os.path.abspath, sys.path))
    try:
        child = subprocess.run(
            [*command, json.dumps(options), path],
            capture_output=True,
            timeout=MAX_SECONDS + MAX_START,
            env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired as error:
        raise CheckpointError(failure) from error
    if child.returncode == REFUSED:
        raise CheckpointError(child.stdout.decode())
    if child.returncode:
        log.info("reading %s ended with %s: %s", path.name, child.returncode, child.stderr[-2000:])
        raise CheckpointError(failure)
    return safetensors.torch.load(child.stdout)


def _limit(seconds: int) -> None:
    """Bound what this process may use from now on, where the system has such limits."""
    try:
        import resource
    except ImportError:  # Windows: the parent's clock is the only limit
        return
    limits = {resource.RLIMIT_DATA: MAX_BYTES, resource.RLIMIT_CPU: int(time.process_time()) + seconds + 1}
    for kind, limit in limits.items():
        resource.setrlimit(kind, (limit, resource.getrlimit(kind)[1]))


def _main(module: str, function: str, seconds: str, options: str, path: str) -> int:
    read = getattr(importlib.import_module(module), function)
    _limit(int(seconds))
    try:
        output, status = safetensors.torch.save(read(Path(path), **json.loads(options))), 0
    except CheckpointError as error:
        output, status = str(error).encode(), REFUSED
    sys.stdout.buffer.write(output)
    return status


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
