"""Batches on a Ray engine, this machine's or a cluster's: Ray Data gives resources, retries and progress.

Every node must see the images under the same paths, and have this package with its weights. Images are opened by the
worker that explains them, so that one that can't be opened costs its own line alone.
"""

import os
import pickle
import socket
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from abn.batch.image_stream import ImageFile
from abn.errors import ABNError

LOCAL = "local"  # in place of an address: an engine of this machine alone, ended afterwards
MISSING = "--ray needs the package ray: pip install 'abn-explorer[cluster]'."
NO_ENGINE = "No Ray engine can be reached at {address!r}: start one there, or use --ray without an address."
WORKER_CPUS = 0.5  # of a worker: where workers take all processors, the tasks that feed them wait for ever

SECONDS_TO_CONNECT = 5

Work = Callable[[list[ImageFile]], Any]


def map_on_ray(work: Work, batches: Iterable[list[ImageFile]], *, address: str, batch_size: int) -> Iterator[Any]:
    """`work(batch)` of each batch in order, on as many processors as the engine has. A worker that is killed is started
    again, and its batch run again. Raises `ABNError` where there is no engine at `address`."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise ABNError(MISSING) from error
    begun = not ray.is_initialized()
    if begun:
        _connect(address)
    try:
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        rows = [{"file": pickle.dumps(file)} for file in chain.from_iterable(batches)]  # names may be no text
        if not rows:
            return
        cores = int(ray.cluster_resources().get("CPU", 1))
        results = ray.data.from_items(rows, override_num_blocks=-(-len(rows) // batch_size)).map_batches(
            _Worker,
            fn_constructor_args=(work,),
            batch_size=batch_size,
            num_cpus=WORKER_CPUS,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=cores),
        )
        for row in results.iter_rows():
            yield row["output"]
    finally:
        if begun:
            ray.shutdown()


def _connect(address: str) -> None:
    import ray

    options: dict[str, Any] = {"num_cpus": os.cpu_count()} if address == LOCAL else {"address": address}
    host, _, port = address.rpartition(":")
    try:
        if host and port.isdigit():  # Ray itself would look for it for five minutes
            socket.create_connection((host, int(port)), SECONDS_TO_CONNECT).close()
        ray.init(include_dashboard=False, **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise ABNError(NO_ENGINE.format(address=address)) from error


class _Worker:
    """An actor: loads the variants once and works on batches."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def __call__(self, columns: dict[str, np.ndarray]) -> dict[str, list]:
        return {"output": [self._work([pickle.loads(file) for file in columns["file"]])]}
