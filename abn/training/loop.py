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
from abn.training.distributed import ALONE, Team

SAVE_EACH = 50  # steps
DAMAGED = "{name} in the work folder is damaged: remove it to begin anew, or give another --work folder."

log = logging.getLogger(__name__)


def fit(
    network: nn.Module,
    loss: Callable[[int], Tensor],
    *,
    steps: int,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    path: Path,
    settings: dict,
    save_each: int = SAVE_EACH,
    moments: Collection[int] = (),
    at_moment: Callable[[int], None] = lambda _: None,
    device: str = "cpu",
    bfloat16: bool | None = None,
    tell_each: int = 10,
    team: Team = ALONE,
    tally: Tensor | None = None,
) -> None:
    """Train in place: `loss(step)` → a scalar to descend, under bfloat16 autocast where the processor has it (or as
    `bfloat16` says).

    Resumes from `path` and leaves its end there; a file made with other `settings` is an `ABNError`, not a silent fresh
    start. `at_moment(step)` is called before each step of `moments` (0: before training, `steps`: at the end). Progress
    is told each `tell_each` steps. In a `team` all processes call this alike, and the first one's file is what counts.
    `tally` are numbers that `loss` and `at_moment` go on with; the file keeps their mean over the team.
    """
    bfloat16 = has_bfloat16(device) if bfloat16 is None else bfloat16
    done = _resume(path, network, optimizer, schedule, settings, tally, team)
    started, smooth = time.monotonic(), None
    for step in range(done, steps):
        if step in moments:
            at_moment(step)
        with torch.autocast(device, torch.bfloat16) if bfloat16 else nullcontext():
            value = loss(step)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
        value = value.detach()
        smooth = value if smooth is None else 0.95 * smooth + 0.05 * value
        if step % tell_each == tell_each - 1:
            left = (time.monotonic() - started) / (step + 1 - done) * (steps - step - 1)
            log.info("%s: step %d of %d, loss %.3f, %.0f s left", path.stem, step + 1, steps, smooth, left)
        if (step + 1) % save_each == 0 or step + 1 == steps:
            if tally is not None:
                team.sum(tally).div_(team.size)
            if team.leads:
                _save(path, network, optimizer, schedule, step + 1, settings, tally)
    if steps in moments and done < steps:
        at_moment(steps)


def has_bfloat16(device: str = "cpu") -> bool:
    """Whether this processor, or its GPU, multiplies in bfloat16, so that it pays."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def store(path: Path, state: dict) -> None:
    """Write a state whole; `ABNError` where the disk is full, which torch's own writer would not say."""
    data = io.BytesIO()
    torch.save(state, data)
    files.write_file(path, data.getbuffer())


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy of logits (B, K) against soft targets (B, K)."""
    return -(target * logits.float().log_softmax(1)).sum(1).mean()


def _kept(network: nn.Module) -> dict[str, Tensor]:
    """What training changes: the parameters that learn, and the statistics of batch norms where these are updated."""
    kept = {name: p.detach() for name, p in network.named_parameters() if p.requires_grad}
    if network.training:
        kept |= dict(network.named_buffers())
    return kept


def _save(path: Path, network, optimizer, schedule, step: int, settings: dict, tally: Tensor | None = None) -> None:
    state = {"learned": _kept(network), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
    state |= {"step": step, "settings": settings} | ({} if tally is None else {"tally": tally})
    store(path, state)


def _resume(path: Path, network, optimizer, schedule, settings: dict, tally: Tensor | None, team: Team) -> int:
    state = team.of_first(lambda: _read(path, settings))
    if state is None:
        return 0
    network.load_state_dict({**network.state_dict(), **state["learned"]}, strict=True)
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    if tally is not None:
        tally.copy_(state["tally"])
    return state["step"]


def _read(path: Path, settings: dict) -> dict | None:
    """What `_save` wrote, on the CPU; None where there is nothing yet."""
    if not path.is_file():
        return None
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        given = state["settings"]
    except (OSError, EOFError, RuntimeError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise ABNError(DAMAGED.format(name=path.name)) from error
    if given != settings:
        raise ABNError(f"{path.name} in the work folder was made with other settings. Give another --work folder.")
    return state
