"""Results come in order from however many processes; one that is killed loses nothing."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from abn.batch.workers import AHEAD, TRIES, map_in_order
from abn.errors import ABNError


def double(number: int) -> int:
    return 2 * number


@dataclass(frozen=True)
class KillOnce:
    """Kills its own process the first time that it meets an item."""

    item: int
    folder: Path
    always: bool = False

    def __call__(self, number: int) -> int:
        seen = self.folder / f"killed {os.getpid()}"
        if number == self.item and (self.always or not list(self.folder.glob("killed*"))):
            seen.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * number


def fail(number: int) -> int:
    raise ABNError(f"{number} can't be done.")


@pytest.mark.parametrize("workers", [0, 2])
def test_results_come_in_order(workers):
    assert list(map_in_order(double, range(9), workers)) == [2 * i for i in range(9)]
    assert list(map_in_order(double, [], workers)) == []


@pytest.mark.parametrize("workers", [0, 1])
def test_only_a_few_items_are_read_ahead(workers):
    read: list[int] = []
    results = map_in_order(double, (read.append(i) or i for i in count()), workers)
    for number in range(1, 4):
        assert next(results) == 2 * (number - 1) and len(read) <= number + AHEAD * workers
    results.close()


def test_a_killed_worker_loses_nothing(tmp_path, caplog):
    assert list(map_in_order(KillOnce(3, tmp_path), range(6), 2)) == [2 * i for i in range(6)]
    assert len(list(tmp_path.glob("killed*"))) == 1 and "run again" in caplog.text


def test_an_item_that_always_kills_its_worker_ends_it(tmp_path):
    results = map_in_order(KillOnce(2, tmp_path, always=True), range(6), 1)
    assert [next(results), next(results)] == [0, 2]
    with pytest.raises(ABNError, match="--workers"):
        next(results)
    assert len(list(tmp_path.glob("killed*"))) == TRIES


def test_a_worker_that_is_killed_ahead_of_the_next_result_loses_nothing(tmp_path):
    results = map_in_order(KillOnce(1, tmp_path), range(6), 1)
    assert next(results) == 0
    time.sleep(1)  # in which item 1 kills the worker, before another item is begun
    assert list(results) == [2, 4, 6, 8, 10]


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_ours_comes_through(workers):
    with pytest.raises(ABNError, match="0 can't be done"):
        list(map_in_order(fail, range(3), workers))


def test_workers_run_no_script_again(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\nfrom operator import neg\nfrom abn.batch.workers import map_in_order\n"
        f"Path({str(tmp_path)!r}, 'runs').open('a').write('x')\nprint(list(map_in_order(neg, [1, 2], 1)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[-1, -2]" and (tmp_path / "runs").read_text() == "x"
