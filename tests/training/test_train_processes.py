"""Several processes that train one network: `torchrun` with gloo on the CPU, against one process."""

import json
import os
import socket
import subprocess
import sys

import pytest
import torch
from class_folders import ROOT, killed_at, process, squares, train
from torch import nn

from abn.__main__ import main
from abn.errors import ABNError
from abn.network.backbone import create_model
from abn.training.distributed import ALONE, Team, synchronize
from abn.training.supervised import total_loss
from abn.variants.store import find_variant, load_variant

NETWORKS = {"cifar-resnet20": 16, "convnext_atto": 32}  # batch norms; and layer norms but for the attention branch's
STEPS = 4


def steps(team: Team) -> dict[str, list[dict]]:
    """The state of each network after each step of a small training in float64, batch norms synchronized."""
    found = {}
    for backbone, size in NETWORKS.items():
        network = create_model(backbone, num_classes=3, mechanism="additive", seed=1).double().train()
        synchronize(network, team)
        forward, found[backbone] = team.wrap(network), []
        descent = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
        generator, part = torch.Generator().manual_seed(0), team.part(8)
        for _ in range(STEPS):
            images = torch.randn(8, 3, size, size, generator=generator, dtype=torch.double)
            labels = torch.randint(0, 3, (8,), generator=generator)
            loss = total_loss(forward(images[part]), labels[part])
            descent.zero_grad()
            loss.backward()
            descent.step()
            found[backbone].append({name: value.clone() for name, value in network.state_dict().items()})
    return found


IN_A_PROCESS = """
import sys, torch
from training.test_train_processes import steps
from abn.training.distributed import joined
with joined("cpu") as team:
    found = steps(team)
    if team.leads:
        torch.save(found, sys.argv[1])
"""


def test_two_processes_take_the_steps_of_one(tmp_path):
    """In float64, where rounding has no time to grow."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "PYTHONPATH": f"{ROOT}:{ROOT}/tests"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", IN_A_PROCESS, str(tmp_path / "two.pt")],
            env={**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank, "OMP_NUM_THREADS": "1"},
        )
        for rank in "01"
    ]
    alone = steps(ALONE)
    assert [one.wait(120) for one in started] == [0, 0]
    two = torch.load(tmp_path / "two.pt")
    for backbone, states in alone.items():
        for step, state in enumerate(states):
            for name, value in state.items():
                assert torch.allclose(value, two[backbone][step][name], rtol=1e-9, atol=1e-11), (backbone, step, name)
        assert max((value - states[0][name]).abs().max() for name, value in states[-1].items()) > 0.01


def test_a_killed_torchrun_goes_on_and_ends_where_one_process_does(tmp_path):
    """In float32 and at a small rate; pictures, validation and the best epoch are shared and come to the same."""
    data = squares(tmp_path / "colors", 20)
    more = ["--epochs", "2", "--rate", "0.002", "--precision", "float32", "--sync-bn", "--save-each", "1"]
    assert main(train(data, tmp_path / "one", *more)) == 0
    command = train(data, tmp_path / "two", *more)
    killed_at(4, process(command, torchrun=2), tmp_path / "two/work")  # of six
    assert not (tmp_path / "two/variants").exists()
    running = process(command, torchrun=2)
    _, told = running.communicate(timeout=120)
    assert running.returncode == 0, told
    assert told.count("epoch 2 of 2") == 1  # one process speaks
    name = "colors-cifar-resnet20-additive"
    one, two = (find_variant(name, tmp_path / folder / "variants") for folder in ("one", "two"))
    assert (one.trained["processes"], two.trained["processes"]) == (1, 2)
    assert two.trained["synchronized_norms"] is True
    first, second = (load_variant(card).state_dict() for card in (one, two))
    for key, value in first.items():
        assert torch.allclose(value.double(), second[key].double(), rtol=2e-3, atol=2e-3), key
    lines = [
        (tmp_path / f"{folder}/work/colors-cifar-resnet20-additive-1/metrics.jsonl").read_text().splitlines()
        for folder in ("one", "two")
    ]
    for alone, shared in zip(*(map(json.loads, found) for found in lines), strict=True):
        timed = {"seconds", "images_per_second"}
        for figure in alone.keys() - timed:
            assert shared[figure] == pytest.approx(alone[figure], abs=2e-3), figure


def test_what_is_wrong_ends_all_processes_and_is_said_once(tmp_path):
    data = squares(tmp_path / "colors", 3)
    (data / "green/001.png").write_bytes(b"no picture")
    running = process(train(data, tmp_path), torchrun=2)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 1
    assert told.count("green/001.png: This file is not a picture") == 1
    assert not list(tmp_path.rglob("*.pt"))


def test_a_batch_is_divided_evenly_or_not_at_all():
    assert [Team(rank, 3).part(12) for rank in range(3)] == [slice(0, 4), slice(4, 8), slice(8, 12)]
    with pytest.raises(ABNError, match="A batch of 16 can't be divided among 3 processes"):
        Team(0, 3).part(16)


def test_alone_there_is_nothing_to_share():
    network = nn.Sequential(nn.BatchNorm2d(2))
    synchronize(network, ALONE)
    assert type(network[0]) is nn.BatchNorm2d and ALONE.wrap(network) is network
    assert ALONE.all(lambda: 3) == [3] and ALONE.of_first(lambda: 4) == 4 and ALONE.each(lambda: 5) == 5


def test_a_batch_norm_of_an_unknown_kind_is_not_passed_over():
    class Another(nn.BatchNorm2d):
        pass

    with pytest.raises(ABNError, match="A Another can't be synchronized"):
        synchronize(nn.Sequential(Another(2)), Team(0, 2))
