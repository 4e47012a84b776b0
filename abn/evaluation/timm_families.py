"""Which backbones make an Attention Branch Network: the smallest model of every family of timm is cut and tried.

A family is a module of timm and the word that its models' names begin with (resnext and seresnet are two families of
the module resnet). Each network is made by `create_model`, as anybody would, and must keep what the library promises.
The findings are docs/backbones.md, which `python -m abn sweep --write` makes.
"""

import argparse
import contextlib
import dataclasses
import io
import json
import logging
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import timm
import torch
from torch import Tensor, fx, nn
from torch.nn.functional import cross_entropy
from torch.overrides import TorchFunctionMode

from abn import files
from abn.errors import ABNError, BackboneError
from abn.network.backbone import create_model, input_spec, load_backbone
from abn.network.cutting import MIN_CELLS
from abn.network.model import AttentionBranchNetwork
from abn.network.trunk import COPY, RESIDUAL
from abn.vocabulary import MECHANISMS

TABLE = Path(__file__).parents[2] / "docs" / "backbones.md"
CLASSES = 5
SMALL = 128  # pixels of another size than a network's own; gradients are asked for there, where it takes that
LARGEST = 150e6  # parameters; larger networks are left aside
PREFIXES = {"bat", "dm", "eca", "ese", "gc", "legacy", "nf", "tf", "wide"}  # words that don't name a family alone
WORD = re.compile(r"(?:[a-z]|\d(?=[a-z]{3}))+(?:(?<=v)\d)?")  # res2net of res2net50, regnetz of regnetz_005
HEAD = """# Backbones

Made by `python -m abn sweep --write` with timm {timm}; don't edit. Each family of timm (a module of it and the word
that its models' names begin with) is tried with its smallest model and random weights: {made} of {tried} make an
Attention Branch Network. Those refused say why; most are transformers, which keep no maps.

What holds for each of the first table: the halves are exactly the backbone; `perceive(features, attention)` is exactly
`logits`, with every mechanism; the map has {cells} × {cells} cells or more at the backbone's own input and is not
saturated; every parameter gets a gradient from L = L_att + L_per.

- *g(x)*: C × h × w. *NHWC* says that the backbone itself keeps its maps with the channels last.
- *trunk*: copy is {copy} ({copied} of {made});
  residual is {residual}.
- *sizes*: whether pictures of another size than the backbone's own are taken, as they are wherever it takes them.

| family | model | input | cut after | g(x) | map | trunk | sizes |
|---|---|---|---|---|---|---|---|"""

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Trial:
    """What became of one model. Where it is refused, `refused` says why and what follows is empty."""

    model: str
    refused: str = ""
    size: int = 0  # the backbone's own input, pixels
    cut_at: str = ""
    features: tuple[int, ...] = ()  # (C, h, w) of g(x)
    map: tuple[int, ...] = ()  # (h, w) of M
    channels_last: bool = False  # the backbone keeps its maps as (B, h, w, C)
    trunk: str = ""
    any_size: bool = False  # it takes pictures of other sizes than its own
    broken: tuple[str, ...] = ()  # promises that are not kept

    @property
    def works(self) -> bool:
        return not self.refused and not self.broken


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn sweep`."""
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help="models of timm (default: the smallest of every family)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a model")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}; every family is tried")


def run(args: argparse.Namespace) -> int:
    """Try, print, and write the table where that is asked for; 1 where a promise is broken."""
    if args.write and args.models:
        raise ABNError(f"{TABLE.name} tells of every family: name no models with --write.")
    found = []
    for family, model in [("", model) for model in args.models] or smallest():
        start = time.perf_counter()
        try:
            trial = try_model(model)
        except Exception as error:  # one model never stops the others
            log.exception("%s failed", model)
            trial = Trial(model, broken=(f"{type(error).__name__} where an answer was due",))
        found.append((family, trial))
        if args.json:
            seconds = round(time.perf_counter() - start, 2)
            print(json.dumps({"family": family, **dataclasses.asdict(trial), "seconds": seconds}), flush=True)
        else:
            print(f"{family:32}{model:36}{_outcome(trial)}", flush=True)
    if args.write:
        files.write_file(TABLE, table(found))
        log.info("wrote %s", TABLE)
    return int(any(trial.broken for _, trial in found))


def _outcome(trial: Trial) -> str:
    if trial.refused or trial.broken:
        return trial.refused or "; ".join(trial.broken)
    return f"g(x) {' × '.join(map(str, trial.features))}, cut after {trial.cut_at}; trunk: {trial.trunk}"


# ---- families ----


def families() -> dict[str, list[str]]:
    """Every family of timm, "module/word", with its models; timm's own tiny test models are left aside."""
    found = defaultdict(list)
    for module in timm.list_modules():
        for model in timm.list_models(module=module):
            if not model.startswith("test_"):
                found[f"{module}/{_word(model)}"].append(model)
    return dict(sorted(found.items()))


def _word(model: str) -> str:
    first, *others = model.split("_")
    if first in PREFIXES:
        return f"{first}_{_word('_'.join(others))}"
    word = WORD.match(first)
    return word[0] if word else first


def smallest() -> Iterator[tuple[str, str]]:
    """Each family with the model of fewest parameters."""
    for family, models in families().items():
        yield family, min(models, key=parameters)


def parameters(model: str) -> int:
    """How many numbers the network has; no memory is taken for them."""
    with _Weightless():
        return sum(parameter.numel() for parameter in timm.create_model(model).parameters())


class _Weightless(TorchFunctionMode):
    """Layers made under it have shapes and no values."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func in (torch.empty, torch.zeros, torch.ones, torch.full):
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


# ---- one model ----


def try_model(model: str) -> Trial:
    """Make a network of the model and see whether it keeps every promise."""
    if timm.is_model(model) and (count := parameters(model)) > LARGEST:
        return Trial(model, refused=f"left aside: {count / 1e6:.0f} M parameters")
    try:
        network = create_model(model, num_classes=CLASSES, seed=0)
    except BackboneError as error:
        return Trial(model, refused=str(error))
    size = input_spec(model).size
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    small = images[:, :, :SMALL, :SMALL]
    plain = _plain(model, network)
    with torch.no_grad():
        features = network.extractor(images)
        broken = [*_inexact(network, plain, images, features)]
        attention = network.attention_branch(features)[1]
    if not 0 < attention.min() < attention.max() < 1:
        broken.append("the map is flat or saturated")
    if min(attention.shape[2:]) < MIN_CELLS:
        broken.append(f"the map has fewer than {MIN_CELLS} × {MIN_CELLS} cells")
    any_size = _takes(network, small)
    if not any_size and _takes(plain, small):
        broken.append(f"it does not take {SMALL} px, which the backbone does")
    if without := _without_gradient(network, small if any_size else images):
        broken.append(f"no gradient in {', '.join(without)}")
    extractor = cast(fx.GraphModule, network.extractor)
    return Trial(
        model,
        size=size,
        cut_at=extractor.meta["cut_at"],
        features=tuple(features.shape[1:]),
        map=tuple(attention.shape[2:]),
        channels_last=extractor.meta["channels_last"],
        trunk=network.attention_branch.trunk_kind,
        any_size=any_size,
        broken=tuple(broken),
    )


def _plain(model: str, network: AttentionBranchNetwork) -> nn.Module:
    """The backbone as timm runs it, with the network's weights."""
    plain = load_backbone(model, num_classes=CLASSES)
    values = network.extractor.state_dict() | network.perception_branch.state_dict()
    known = plain.state_dict()  # tracing may have added constants
    plain.load_state_dict(known | {name: value for name, value in values.items() if name in known})
    return plain


def _inexact(network: AttentionBranchNetwork, plain: nn.Module, images: Tensor, features: Tensor) -> Iterator[str]:
    """Where the halves are not the whole, or the perception branch is not what the forward pass went through."""
    before = features.clone()
    if not torch.equal(network.perception_branch(features), plain(images)):
        yield "the halves are not exactly the backbone"
    for mechanism in MECHANISMS:
        out = network.explain_features(features, mechanism)
        if not torch.equal(network.perceive(out.features, out.attention, mechanism), out.logits):
            yield f"perceive is not the forward pass ({mechanism})"
        if not torch.equal(out.features, before):
            yield f"the forward pass alters g(x) ({mechanism})"
        if not out.logits.shape == out.aux_logits.shape == (len(images), CLASSES):
            yield f"a head does not give {CLASSES} scores"


def _takes(network: nn.Module, images: Tensor) -> bool:
    try:
        with torch.no_grad(), contextlib.redirect_stderr(io.StringIO()):  # torch.fx prints what it raises
            network(images)
    except Exception as error:  # a fixed input size shows in as many ways as there are models
        log.debug("%s × %s px: %s", *images.shape[2:], error)
        return False
    return True


def _without_gradient(network: AttentionBranchNetwork, images: Tensor) -> list[str]:
    """The parameters that L = L_att + L_per does not reach."""
    network.train()
    out, truth = network(images), torch.arange(len(images)) % CLASSES
    (cross_entropy(out.logits, truth) + cross_entropy(out.aux_logits, truth)).backward()
    network.eval()
    return [name for name, parameter in network.named_parameters() if parameter.grad is None]


# ---- the table ----


def table(found: Sequence[tuple[str, Trial]]) -> str:
    """The findings, (family, trial) each, as Markdown; the same on every machine."""
    worked = [row(family, trial) for family, trial in found if trial.works]
    broken = [f"| {family} | {trial.model} | {'; '.join(trial.broken)} |" for family, trial in found if trial.broken]
    refused = [f"| {family} | {trial.model} | {trial.refused} |" for family, trial in found if trial.refused]
    copied = sum(trial.works and trial.trunk == COPY for _, trial in found)
    lines = [
        HEAD.format(
            timm=timm.__version__,
            made=len(worked),
            tried=len(found),
            cells=MIN_CELLS,
            copied=copied,
            copy=COPY,
            residual=RESIDUAL,
        ),
        *worked,
        *_section("Made, with a promise broken", broken),
        *_section("Not made", refused),
    ]
    return "\n".join(lines) + "\n"


def row(family: str, trial: Trial) -> str:
    """A line of the first table."""
    cells = (
        family,
        trial.model,
        f"{trial.size} px",
        f"`{trial.cut_at}`",
        " × ".join(map(str, trial.features)) + (", NHWC" if trial.channels_last else ""),
        " × ".join(map(str, trial.map)),
        "copy" if trial.trunk == COPY else "residual",
        "any" if trial.any_size else "its own",
    )
    return f"| {' | '.join(cells)} |"


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", f"## {title}", "", "| family | model | why |", "|---|---|---|", *lines] if lines else []
