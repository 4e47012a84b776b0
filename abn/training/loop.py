"""The training loop that everything trains with: steps, a schedule, and a file that it resumes from."""

import io
import logging
import pickle
import time
from collections.abc import Callable, Collection
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import Tensor, nn

from abn import files
from abn.errors import ABNError
from abn.training.devices import sum_type
from abn.training.distributed import SINGLE, Processes

SAVE_EACH = 50  # steps
DAMAGED = "{name} in the work folder is damaged: delete it to start again, or give another --work folder."
OTHER_SETTINGS = "{name} in the work folder was made with other settings: give another --work folder."

log = logging.getLogger(__name__)


def fit(
    network: nn.Module,
    loss: Callable[[int], Tensor],
    *,
    steps: int,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    path: Path | None,
    settings: dict,
    save_each: int = SAVE_EACH,
    moments: Collection[int] = (),
    at_moment: Callable[[int], None] = lambda _: None,
    device: str = "cpu",
    bfloat16: bool | None = None,
    log_each: int = 10,
    processes: Processes = SINGLE,
    tally: Tensor | None = None,
) -> None:
    """Train in place: `loss(step)` is a scalar to minimize, under bfloat16 autocast where the processor has it (or as
    `bfloat16` says).

    Resumes from `path`, saves there each `save_each` steps and at the end; without a path nothing is kept.
    `at_moment(step)` is called before each step of `moments` (0: before training, `steps`: at the end); whatever it
    raises ends the training. All `processes` call this alike; the first one's file counts. `tally` (3,) sums up losses,
    steps and seconds, those of `at_moment` apart; the file keeps its mean over the processes.

    Raises:
        ABNError: where `path` is damaged, or was made with other `settings`.
    """
    bfloat16 = has_bfloat16(device) if bfloat16 is None else bfloat16
    tally = torch.zeros(3, dtype=sum_type(device), device=device) if tally is None else tally
    start = _resume(path, network, optimizer, schedule, settings, tally, processes) if path else 0
    started, smooth = time.monotonic(), None
    counted = started  # until when seconds are in the tally

    def count_seconds() -> None:
        nonlocal counted
        now = time.monotonic()
        tally[2] += now - counted
        counted = now

    def pause(step: int) -> None:
        nonlocal counted
        count_seconds()
        at_moment(step)
        counted = time.monotonic()

    for step in range(start, steps):
        if step in moments:
            pause(step)
        with torch.autocast(device, torch.bfloat16) if bfloat16 else nullcontext():
            value = loss(step)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
        value = value.detach()
        smooth = value if smooth is None else 0.95 * smooth + 0.05 * value
        tally[0] += value
        tally[1] += 1
        done = step + 1
        if done % log_each == 0:
            left = (time.monotonic() - started) / (done - start) * (steps - done)
            name = path.stem if path else "training"
            log.info("%s: step %d of %d, loss %.3f, %.0f s left", name, done, steps, smooth, left)
        count_seconds()  # after the log, as on a GPU that is where the queued work is waited for
        if path and (done % save_each == 0 or done == steps):
            processes.sum(tally).div_(processes.size)
            if processes.is_first:
                _save(path, network, optimizer, schedule, done, settings, tally)
    if steps in moments and start < steps:
        pause(steps)


def one_cycle(
    optimizer: torch.optim.Optimizer, peaks: float | list[float], *, steps: int, rising: float
) -> torch.optim.lr_scheduler.LRScheduler:
    """One cycle of the learning rate (Smith and Topin 2017, arXiv 1708.07120): up to the peak of each group in the
    share `rising` of the steps, then down to nearly nothing."""
    if rising * steps == 1:
        rising = 0.0  # torch would divide by zero
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer, peaks, total_steps=steps, pct_start=rising, cycle_momentum=False
    )


def has_bfloat16(device: str = "cpu") -> bool:
    """Whether this CPU, or its GPU, multiplies in bfloat16, so that it pays; on MPS that was not tried."""
    if device == "mps":
        return False
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def write_state(path: Path, state: dict) -> None:
    """Write a state, whole or not at all; `ABNError` where the disk is full, which torch's own writer doesn't raise."""
    data = io.BytesIO()
    torch.save(state, data)
    files.write_file(path, data.getvalue())


def _save(path: Path, network, optimizer, schedule, step: int, settings: dict, tally: Tensor) -> None:
    learned = {name: p.detach() for name, p in network.named_parameters() if p.requires_grad}
    if network.training:  # statistics of batch norms are updated
        learned |= dict(network.named_buffers())
    state = {"learned": learned, "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
    write_state(path, state | {"step": step, "settings": settings, "tally": tally})


def _resume(path: Path, network, optimizer, schedule, settings: dict, tally: Tensor, processes: Processes) -> int:
    """The steps that are done, everything given being as it was after them."""
    state = processes.run_on_first(lambda: _read(path, settings))
    if state is None:
        return 0
    network.load_state_dict({**network.state_dict(), **state["learned"]}, strict=True)
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    tally.copy_(state.get("tally", tally))  # files of earlier versions may have none
    return state["step"]


def _read(path: Path, settings: dict) -> dict | None:
    """What `_save` wrote, on the CPU; None where there is nothing yet."""
    if not path.is_file():
        return None
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        saved = state["settings"]
    except (OSError, EOFError, RuntimeError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise ABNError(DAMAGED.format(name=path.name)) from error
    if saved != settings:
        raise ABNError(OTHER_SETTINGS.format(name=path.name))
    return state
