"""Several processes that train one network: `torchrun` with gloo on the CPU."""

import json

import pytest
from class_folders import NAME, kill_at, squares, start_process, train
from torch import nn

from abn.__main__ import main
from abn.training.distributed import CPU_SYNC, SINGLE, Processes, SharedError
from abn.variants.store import find_variant


@pytest.mark.slow
def test_killed_torchrun_resumes_to_the_same_end(tmp_path):
    data = squares(tmp_path / "colors", 20)
    more = ["--epochs", "2", "--rate", "0.002", "--save-each", "1"]
    command = train(data, tmp_path / "killed", *more)
    kill_at(4, start_process(command, torchrun=2), tmp_path / "killed/work")  # of six
    assert not (tmp_path / "killed/variants").exists()
    for running in (
        start_process(train(data, tmp_path / "whole", *more), torchrun=2),
        start_process(command, torchrun=2),
    ):
        _, log = running.communicate(timeout=240)
        assert running.returncode == 0, log
        assert log.count("epoch 2 of 2") == 1  # one process logs
    whole, killed = (find_variant(NAME, tmp_path / folder / "variants") for folder in ("whole", "killed"))
    assert whole.trained["processes"] == killed.trained["processes"] == 2
    assert whole.sha256 == killed.sha256
    assert main(train(data, tmp_path / "single", *more)) == 0
    records = [
        json.loads((tmp_path / folder / f"work/{NAME}-1/metrics.jsonl").read_text().splitlines()[0])
        for folder in ("single", "whole")
    ]
    assert records[0] == records[1]  # validation images are divided, and each counts once


@pytest.mark.slow
def test_error_in_one_process_ends_all_and_is_reported_once(tmp_path):
    data = squares(tmp_path / "colors", 3)
    (data / "green/001.png").write_bytes(b"no image")
    running = start_process(train(data, tmp_path), torchrun=2)
    _, log = running.communicate(timeout=120)
    assert running.returncode == 1
    assert log.count("green/001.png") == 1
    assert not list(tmp_path.rglob("*.pt"))


def test_batch_is_divided_evenly_or_not_at_all():
    assert [Processes(rank, 3).share(12) for rank in range(3)] == [slice(0, 4), slice(4, 8), slice(8, 12)]
    with pytest.raises(SharedError, match=r"16.*3 processes"):
        Processes(0, 3).share(16)


def test_batch_norms_are_synchronized_on_gpus_only():
    network = nn.Sequential(nn.BatchNorm2d(2))
    with pytest.raises(SharedError) as error:
        Processes(0, 2).synchronize_batchnorm(network, "cpu")
    assert str(error.value) == CPU_SYNC
    Processes(0, 2).synchronize_batchnorm(network, "cuda")
    assert type(network[0]) is nn.SyncBatchNorm


def test_single_process_has_nothing_to_share():
    network = nn.Sequential(nn.BatchNorm2d(2))
    SINGLE.synchronize_batchnorm(network, "cpu")
    assert type(network[0]) is nn.BatchNorm2d and SINGLE.wrap(network) is network
    assert SINGLE.run_on_first(lambda: 4) == 4 and SINGLE.run_on_all(lambda: 5) == 5
