"""Which backbones make an Attention Branch Network: the smallest model of every family of timm is cut and tried.

A family is a module of timm and the word that its models' names begin with (resnext and seresnet are two families of
the module resnet). Each network is made by `create_model`, as anybody would, and must keep what the library promises.
docs/backbones.md is the output of `python -m tests.timm_families`.
"""

import contextlib
import io
import logging
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import timm
import torch
from torch import Tensor, fx, nn
from torch.nn.functional import cross_entropy

from abn.errors import BackboneError
from abn.network.backbone import create_model, input_spec, load_backbone
from abn.network.contexts import shapes_only
from abn.network.cutting import MIN_CELLS
from abn.network.model import AttentionBranchNetwork
from abn.network.trunk import COPY, RESIDUAL
from abn.vocabulary import ADDITIVE, MECHANISMS

CLASSES = 5
SMALL = 128  # pixels of another size than a network's own; gradients are asked for there, where it takes that
MIN_EFFECT = 0.05  # of a shuffled map on the logits, as a share of their spread over the images
LARGEST = 150e6  # parameters; larger networks are left aside
PREFIXES = {"bat", "dm", "eca", "ese", "gc", "legacy", "nf", "tf", "wide"}  # words that don't name a family alone
WORD = re.compile(r"(?:[a-z]|\d(?=[a-z]{3}))+(?:(?<=v)\d)?")  # res2net of res2net50, regnetz of regnetz_005
HEAD = """# Backbones

Made by `python -m tests.timm_families` with timm {timm}; do not edit. A family is a module of timm and the word that
its models' names begin with. Each was tried with its smallest model and random weights: {made} of {tried} make an
Attention Branch Network. The second table gives the reason for the others; most are transformers, which compute tokens.

For every row of the first table, tests check that

- the two halves are exactly the backbone,
- `perceive(features, attention)` is exactly `logits` with every mechanism,
- the map has {cells} × {cells} cells or more at the backbone's own input, and is not saturated,
- shuffling a random map changes the logits by {effect:.0f} % of their spread over two images, or more (additive),
- every parameter gets a gradient from L = L_att + L_per.

Columns of the tables:

- *g(x)*: C × h × w. *NHWC*: the backbone keeps its channels last.
- *trunk*: copy is {copy} ({copied} of {made});
  residual is {residual}.
- *sizes*: *any* if the network takes other input sizes than the backbone's own.

| family | model | input | cut after | g(x) | map | trunk | sizes |
|---|---|---|---|---|---|---|---|"""
VISION_TRANSFORMERS = """
## Plain vision transformers

ViT, DeiT and DINOv2 are refused for a reason beyond their tokens: **the map would have almost no effect**. Each of
their blocks begins with a layer norm over the channels of one token, and LN(c · x) = LN(x) for every c > 0. So the gain
M or 1 + M of a token is divided out before any other token can read it. Only the skip connection keeps it.

A prototype (`tests/network/test_vision_transformers.py`) cuts `vit_tiny_patch16_224` after 9 of its 12 blocks, reshapes
196 tokens to 14 × 14 and passes the class token on. The halves are exactly the backbone. Weights, 8 images and M are
random (one seed). The table gives the change of the perception logits, relative to their spread over the images.

| network | M shuffled | M inverted |
|---|---|---|
| resnet18 | 0.42 | 0.59 |
| vit_tiny_patch16_224, class token as it was | 0.003 | 0.004 |
| vit_tiny_patch16_224, class token times the mean gain | 0.002 | 0.021 |
| the same with the weights of its branches 5 times as large | 0.003 | 0.011 |
| deit3_small_patch16_224, class token as it was | 0.000 | 0.000 |

Pretrained weights were not at hand, so these figures may differ for trained networks; the identity holds for all
weights. A class token has no cell either: it would need channels of its own in g(x), C for each token beside the
patches, of which DINOv2 with registers has five.

Other networks have such a norm right after the stage where they would be cut, ConvNeXt for example. They are cut after
the norm: 14 models of the first table. With the cut before it, neither a shuffled nor a zero map changed the logits of
the 10 that were measured by more than 0.0001 of their spread. With the cut after it, a shuffled map changes them by
0.10 to 0.80:

| model | M shuffled | model | M shuffled |
|---|---|---|---|
| caformer_s18 | 0.50 | edgenext_xx_small | 0.27 |
| convformer_s18 | 0.60 | hieradet_small | 0.33 |
| convnext_zepto_rms | 0.43 | nest_tiny | 0.12 |
| convnextv2_atto | 0.36 | rdnet_tiny | 0.28 |
| davit_tiny | 0.80 | sequencer2d_s | 0.26 |
| gcvit_xxtiny | 0.45 | poolformerv2_s12 | 0.19 |
| samvit_base_patch16_224 | 0.10 | sam2_hiera_tiny | not measured |

Figures are for random weights, two random images and one seed; 170 of the 175 models of the first table were measured,
all but the largest. The median is 0.56, the lowest value 0.06 (coatnext_nano_rw_224). One model is refused, as its
layer scales start at 0.000001 (vit_srelpos_small_patch16_224). Weights saved with the cut before the norm have other
tensor names, so they are refused.
"""
SECTION = ["", "## {}", "", "| family | model | why |", "|---|---|---|"]

log = logging.getLogger(__name__)


class Trial(NamedTuple):
    """One model: why it makes no network, which promises the network breaks, and its cells in the table."""

    model: str
    refused: str = ""
    broken: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()  # from "input" on

    def row(self, family: str) -> str:
        """Its line in one of the tables."""
        why = self.refused or "; ".join(self.broken)
        return f"| {' | '.join([family, self.model, *([why] if why else self.cells)])} |"


def main(models: Sequence[str]) -> int:
    """Try the models, or the smallest of every family, and print the table; 1 where a promise is broken."""
    chosen = [("", model) for model in models] or [
        (family, min(models, key=parameters)) for family, models in families().items()
    ]
    trials = []
    for number, (family, model) in enumerate(chosen, 1):
        try:
            trial = try_model(model)
        except Exception as error:  # one model never stops the others
            log.exception("%s failed", model)
            trial = Trial(model, broken=(f"{type(error).__name__} where an answer was due",))
        trials.append((family, trial))
        log.info("%d of %d: %s", number, len(chosen), trial.row(family))
    print(table(trials))
    return int(any(trial.broken for _, trial in trials))


# ---- families ----


def families() -> dict[str, list[str]]:
    """Every family of timm, "module/word", with its models; timm's own tiny test models are left aside."""
    models = defaultdict(list)
    for module in timm.list_modules():
        for model in timm.list_models(module=module):
            if not model.startswith("test_"):
                models[f"{module}/{_word(model)}"].append(model)
    return dict(sorted(models.items()))


def _word(model: str) -> str:
    first, *others = model.split("_")
    if first in PREFIXES:
        return f"{first}_{_word('_'.join(others))}"
    word = WORD.match(first)
    return word[0] if word else first


def parameters(model: str) -> int:
    """How many numbers the network has; no memory is taken for them."""
    with shapes_only():
        return sum(parameter.numel() for parameter in timm.create_model(model).parameters())


# ---- one model ----


def try_model(model: str) -> Trial:
    """Make a network of the model and see whether it keeps every promise."""
    if timm.is_model(model) and (count := parameters(model)) > LARGEST:
        return Trial(model, refused=f"not tried: {count / 1e6:.0f} M parameters")
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
    if effect(network, features) < MIN_EFFECT:
        broken.append("the map hardly changes the logits")
    if min(attention.shape[2:]) < MIN_CELLS:
        broken.append(f"the map has fewer than {MIN_CELLS} × {MIN_CELLS} cells")
    any_size = _takes(network, small)
    if not any_size and _takes(plain, small):
        broken.append(f"it does not take {SMALL} px, which the backbone does")
    if without := _without_gradient(network, small if any_size else images):
        broken.append(f"no gradient in {', '.join(without)}")
    cut = cast(fx.GraphModule, network.extractor).meta
    cells = (
        f"{size} px",
        f"`{cut['cut_at']}`",
        " × ".join(map(str, features.shape[1:])) + ", NHWC" * cut["channels_last"],
        " × ".join(map(str, attention.shape[2:])),
        "copy" if network.attention_branch.trunk_kind == COPY else "residual",
        "any" if any_size else "its own",
    )
    return Trial(model, "", tuple(broken), cells)


@torch.no_grad()
def effect(network: AttentionBranchNetwork, features: Tensor) -> float:
    """The change of the logits by shuffling a random map (additive), relative to their spread over the images."""
    generator = torch.Generator().manual_seed(1)
    attention = torch.rand(features[:, :1].shape, generator=generator)  # (B, 1, h, w)
    cells = torch.randperm(attention[0].numel(), generator=generator)
    shuffled = attention.flatten(2)[..., cells].view_as(attention)
    logits, changed = (network.perceive(features, item, ADDITIVE) for item in (attention, shuffled))  # (B, K)
    return ((changed - logits).norm() / (logits - logits.mean(0)).norm()).item()


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


def table(trials: Sequence[tuple[str, Trial]]) -> str:
    """The trials, (family, trial) each, as Markdown; the same on every machine."""
    made = [trial.row(family) for family, trial in trials if not trial.refused and not trial.broken]
    head = HEAD.format(
        timm=timm.__version__,
        made=len(made),
        tried=len(trials),
        cells=MIN_CELLS,
        copied=sum(" | copy | " in row for row in made),
        copy=COPY,
        effect=100 * MIN_EFFECT,
        residual=RESIDUAL,
    )
    lines = [head, *made]
    for title, reason in (("Made, with a promise broken", "broken"), ("Refused or not tried", "refused")):
        rows = [trial.row(family) for family, trial in trials if getattr(trial, reason)]
        lines += [line.format(title) for line in SECTION] + rows if rows else []
    lines.append(VISION_TRANSFORMERS.rstrip())
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
