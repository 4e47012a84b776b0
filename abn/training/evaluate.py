"""`python -m abn evaluate`: what the cards say was measured, measured again.

Scenes: held-out cut-outs on held-out photographs (split by hash, never trained on). An answer is right when it is the
backbone's own answer to the object clean and centerd; only objects count that the backbone names with p > 0.2 then.
Photographs: the labeled pictures that ship with the app, labeled by eye, several classes where a careful person would
accept several. Two controls stand beside every figure: the plain backbone (its CAM for the map), and the network before
training, whose map is nothing but the mean class evidence. Each family is measured by its own backbone's answers and
controls, so that figures compare within a family. Networks that learned clothing are measured by clothing.py.
"""

import argparse
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from abn.errors import ABNError
from abn.evaluation.metrics import energy_ratio, pointing_hit, roc_auc
from abn.images.decode import open_picture
from abn.images.fit import InputSpec, fit_picture
from abn.network.backbone import input_spec
from abn.training import fashion_variants, public_sources, scenes
from abn.training import feature_bank as banks
from abn.training.warm_start import pretrained_backbone, standardize_map, warm_start
from abn.variants.card import Card
from abn.variants.store import find_variant, list_variants, load_variant, write_card

NAMED = 0.2  # probability with which the backbone must name the clean cut-out
SEED = 11  # of the held-out scenes; the recipe was chosen on those of another seed
BATCH = 50
AIMS = {"perception_right": 0.42, "pointing": 0.80, "roc_auc": 0.88}  # on scenes; on photographs the backbone's own

log = logging.getLogger(__name__)

Answer = tuple[Tensor, Tensor | None, Tensor]  # perception (B, K), auxiliary (B, K) or None, map (B, h, w)


@dataclass(frozen=True)
class HeldOut:
    """Scenes with masks and right answers."""

    images: list[np.ndarray]  # (224, 224, 3) uint8 each
    masks: list[np.ndarray]  # (224, 224) bool each
    size: int  # pixels a side that the backbone wants them at
    right: np.ndarray  # (N,) class
    objects: int  # different cut-outs
    backgrounds: int  # different photographs


@dataclass(frozen=True)
class Labeled:
    """Photographs with the classes that a careful person accepts."""

    inputs: Tensor  # (N, 3, H, W)
    accepted: list[list[int]]


def held_out_scenes(backbone: nn.Module, data: Path, count: int) -> HeldOut:
    """`count` scenes that no training saw, of objects that the backbone names; the same ones each time."""
    stamps = [source for source in public_sources.cutouts(data) if source.kind == "stamp"]
    trained = [looks(source) for source in stamps if not source.held_out]
    cutouts = [source for source in stamps if source.held_out and not looks_like_any(source, trained)]
    photographs = [source for source in public_sources.photographs(data) if source.held_out]
    answers = banks.clean_answers(backbone, cutouts)
    named = [i for i in range(len(cutouts)) if answers[i].max() > NAMED]
    kept = [cutouts[i] for i in named]
    made = [scenes.scene(kept, photographs, scenes.generator(SEED, i)) for i in range(count)]
    right = answers[named].argmax(1).numpy()[[scene.cutout for scene in made]]
    images, masks = [scene.image for scene in made], [scene.mask for scene in made]
    return HeldOut(images, masks, input_spec(backbone).size, right, len(kept), len(photographs))


def looks(source: public_sources.Source) -> np.ndarray:
    """A gray thumbnail of the clean object and of its mirror image, (2, 144), as unit vectors about their means."""
    image = Image.fromarray(scenes.clean(source, scenes.GROUNDS[1])).convert("L").resize((12, 12), Image.BOX)
    both = np.stack([np.asarray(image, float), np.asarray(image, float)[:, ::-1]]).reshape(2, -1)
    both -= both.mean(1, keepdims=True)
    return both / np.linalg.norm(both, axis=1, keepdims=True).clip(1e-6)


def looks_like_any(source: public_sources.Source, others: list[np.ndarray]) -> bool:
    """Whether the object is, perhaps mirrored, one of those trained on under another name."""
    own = looks(source)[0]
    return any((other @ own).max() > public_sources.LOOKS_SAME for other in others)


def labeled_photographs(spec: InputSpec) -> Labeled:
    """The labeled photographs that ship with the app, as the model sees them (center crop)."""
    photos = [photo for photo in public_sources.shipped_photos() if photo["classes"]]
    pictures = [open_picture((public_sources.SAMPLES / photo["file"]).read_bytes()) for photo in photos]
    inputs = np.stack([fit_picture(picture, spec).normalized(spec) for picture in pictures])
    return Labeled(torch.from_numpy(inputs), [photo["classes"] for photo in photos])


def measure(answer: Callable[[Tensor], Answer], held_out: HeldOut | None, labeled: Labeled) -> dict[str, dict]:
    """All figures of one network; shares lie in 0 … 1."""
    figures: dict[str, dict] = {"photographs": _photographs(answer, labeled)}
    if held_out is not None:
        figures["scenes"] = on_scenes(answer, held_out)
    return figures


def on_scenes(answer: Callable[[Tensor], Answer], held_out: HeldOut) -> dict[str, float]:
    """Both heads and the map on scenes."""
    perception, auxiliary, maps = [], [], []
    for some in _batches(range(len(held_out.images))):
        logits, aux_logits, attention = answer(banks.batch([held_out.images[i] for i in some], held_out.size))
        perception += logits.argmax(1).tolist()
        auxiliary += aux_logits.argmax(1).tolist() if aux_logits is not None else []
        maps += list(attention.numpy())
    masks = held_out.masks
    return {
        "count": len(masks),
        "objects": held_out.objects,
        "backgrounds": held_out.backgrounds,
        "perception_right": _share(np.array(perception) == held_out.right),
        "auxiliary_right": _share(np.array(auxiliary) == held_out.right) if auxiliary else None,
        "pointing": _share([pointing_hit(m, mask) for m, mask in zip(maps, masks, strict=True)]),
        "roc_auc": _share([roc_auc(m, mask) for m, mask in zip(maps, masks, strict=True)]),
        "energy_over_area": _share([energy_ratio(m, mask) for m, mask in zip(maps, masks, strict=True)]),
    }


def _photographs(answer: Callable[[Tensor], Answer], labeled: Labeled) -> dict[str, float]:
    heads: dict[str, list[Tensor]] = {"perception": [], "auxiliary": []}
    for some in labeled.inputs.split(BATCH):
        logits, aux_logits, _ = answer(some.contiguous(memory_format=torch.channels_last))
        heads["perception"].append(logits)
        if aux_logits is not None:
            heads["auxiliary"].append(aux_logits)
    figures: dict[str, float] = {"count": len(labeled.accepted)}
    for head, parts in heads.items():
        if parts:
            ranked = torch.cat(parts).topk(5).indices.tolist()
            figures[f"{head}_top1"] = _share([r[0] in a for r, a in zip(ranked, labeled.accepted, strict=True)])
            among = [bool({*r} & {*a}) for r, a in zip(ranked, labeled.accepted, strict=True)]
            figures[f"{head}_top5"] = _share(among)
    return figures


def _share(values: Iterable[float]) -> float:
    return round(float(np.nanmean(np.asarray(list(values), float))), 4)


def _batches(indices: range) -> list[range]:
    return [indices[start : start + BATCH] for start in range(0, len(indices), BATCH)]


def network_answer(network: nn.Module) -> Callable[[Tensor], Answer]:
    """Both heads and M of an Attention Branch Network."""

    @torch.inference_mode()
    def answer(images: Tensor) -> Answer:
        output = network(images)
        return output.logits, output.aux_logits, output.attention[:, 0]

    return answer


def backbone_answer(backbone: nn.Module) -> Callable[[Tensor], Answer]:
    """The plain backbone, and as its map the CAM of its own first class (Zhou et al. 2016), signed."""

    @torch.inference_mode()
    def answer(images: Tensor) -> Answer:
        features = backbone.forward_features(images)
        logits = backbone.forward_head(features)
        weights = backbone.get_classifier().weight[logits.argmax(1)]
        return logits, None, torch.einsum("bchw,bc->bhw", features, weights)

    return answer


# ---- the command ----


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn evaluate`."""
    parser.add_argument("--variant", help="ids, separated by commas; default: all")
    parser.add_argument("--scenes", type=int, default=1000, help="held-out scenes; 0: none, nothing fetched")
    parser.add_argument("--data", type=Path, default=public_sources.DATA, help="packages; what is missing is fetched")
    parser.add_argument("--write", action="store_true", help="write the figures into the cards")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Measure each family; print as they come."""
    every = list_variants()
    ids = args.variant.split(",") if args.variant else [card.id for card in every]
    cards = [find_variant(variant) for variant in ids]
    families = {card.family for card in cards}
    whole = {card.id for card in every if card.family in families} <= set(ids)
    if args.write and not (whole and args.scenes):
        raise ABNError("Cards are written for whole families and with scenes, so that their figures compare.")
    for which in public_sources.BACKBONES.values():
        family = [card for card in cards if card.family == which.family]
        if family:
            _measure_family(which, family, args)
    dressed = [card for card in cards if card.kind == "clothing"]
    if dressed:
        public_sources.fetch_fashion(args.data)
    for card, found in fashion_variants.figures(dressed, args.data):
        _report(f"{card.id}, before training", found["controls"]["before training"], as_json=args.json)
        _report(card.id, {name: values for name, values in found.items() if name != "controls"}, as_json=args.json)
        if args.write:
            write_card(replace(card, measured=found))
    return 0


def _measure_family(which: public_sources.Backbone, cards: list[Card], args: argparse.Namespace) -> None:
    """Measure the controls, then each variant."""
    controls: dict[str, dict] = {}
    held_out = None
    labeled = labeled_photographs(cards[0].input)
    if args.scenes:
        public_sources.fetch(args.data, which)
        backbone = pretrained_backbone(which, args.data)
        held_out = held_out_scenes(backbone, args.data, args.scenes)
        log.info("%s: %d held-out scenes, %d photographs", which.family, len(held_out.images), len(labeled.accepted))
        controls = {
            "plain backbone": measure(backbone_answer(backbone), held_out, labeled),
            "before training": measure(network_answer(_untrained(backbone, args.data)), held_out, labeled),
        }
        for name, figures in controls.items():
            _report(f"{which.family}: {name}", figures, as_json=args.json)
    for card in cards:
        network = load_variant(card).to(memory_format=torch.channels_last)
        figures = measure(network_answer(network), held_out, labeled)
        _report(card.id, figures, as_json=args.json)
        if args.write:
            measured = {**figures, "aims missed": missed(card, figures, controls), "controls": controls}
            write_card(replace(card, measured=measured))


def missed(card: Card, figures: dict[str, dict], controls: dict[str, dict]) -> str:
    """The aims that a plain variant with attention did not reach; "none" where it reached all, or has none."""
    if card.lesson or card.mechanism == "none":
        return "none"
    aims = [(name, figures["scenes"][name], aim) for name, aim in AIMS.items()]
    kept = controls["plain backbone"]["photographs"]["perception_top1"]
    aims.append(("perception_top1 on photographs", figures["photographs"]["perception_top1"], kept))
    short = [f"{name.replace('_', ' ')} {found:.3f} of {aim:.3f}" for name, found, aim in aims if found < aim]
    return "; ".join(short) or "none"


def _untrained(backbone: nn.Module, data: Path) -> nn.Module:
    """The warm start: its map head never trained, its map standardized on photographs of the training side."""
    network = warm_start(backbone, mechanism="none").to(memory_format=torch.channels_last)
    photographs = [source for source in public_sources.photographs(data) if not source.held_out][:64]
    crops = [scenes.crop(source, scenes.generator(SEED, i)) for i, source in enumerate(photographs)]
    with torch.no_grad():
        standardize_map(network, network.extractor(banks.batch(crops, input_spec(backbone).size)))
    return network


def _report(name: str, figures: dict[str, dict], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"variant": name, **figures}), flush=True)
        return
    print(name)
    for data, values in figures.items():
        print(
            f"  {data}: " + ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in values.items()), flush=True
        )
