"""`python -m abn bench`: speed as ratios measured in one run, since machines differ.

Everything that is compared runs in turn, round after round, and a ratio is the median over the rounds: a busy machine
then disturbs both sides alike.
"""

import argparse
import itertools
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from timm.data import create_transform
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder

from abn.batch.command import BATCH_SIZE
from abn.batch.formats import json_line
from abn.batch.image_stream import ImageStream, batches
from abn.batch.pipeline import explain_files
from abn.engine.fusion import fuse_for_inference
from abn.errors import ABNError
from abn.evaluation import deletion_insertion
from abn.explanations.explainer import explain
from abn.explanations.interventions import PRESETS, attend_image
from abn.images.decode import open_picture
from abn.images.fit import fit_picture, upsample
from abn.images.samples import gallery
from abn.network.architectures import registry
from abn.network.backbone import load_backbone
from abn.network.batchnorm import recalibrate_batchnorm
from abn.network.model import AttentionBranchNetwork
from abn.plots import overlay
from abn.plots.class_bars import class_bars, likeliest, paired_bars
from abn.training.loop import has_bfloat16
from abn.variants.card import Card, class_names
from abn.variants.store import find_variant, load_variant

RATIOS = {  # name → (numerator, denominator, target: at most)
    "forward / backbone": ("forward", "backbone", None),
    "two variants sharing / separate": ("sharing", "separate", 0.87),
    "perceive / forward": ("perceive", "forward", 0.2),
    "edited map, drawn / explanation, drawn": ("edit, drawn", "explain, drawn", 0.25),
    "explain / forward": ("explain", "forward", 1.15),
    "forward / Grad-CAM": ("forward", "Grad-CAM", 0.55),
    "explain a folder / DataLoader and forward": ("folder", "bare loop", 1.15),
    "deletion curve of n images / n forward passes in the same batches": ("curve", "forwards", 1.1),
    "ResNet-50, fused / as the authors' layers": ("R50 fused", "R50", 1.0),
    "ResNet-50, fused, in bfloat16 / as the authors' layers": ("R50 bfloat16", "R50", None),
}
SHARING = ("imagenet-lite0-additive", "imagenet-lite0-multiplicative")  # two variants with one extractor
SLOW_SHARE = 3  # tasks that take seconds run in a third of the rounds
THREADS = 1  # of torch, as in the app
WORKERS = 1  # processes that open the images of the folder

Tasks = dict[str, Callable[[], object]]

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn bench`."""
    parser.add_argument("--rounds", type=int, default=15, help="how often each task runs")
    parser.add_argument("--pictures", type=int, default=96, help="images in the folder that is explained")
    parser.add_argument("--json", action="store_true", help="print one line")


def run(args: argparse.Namespace) -> int:
    """Measure and print a JSON object."""
    if min(args.rounds, args.pictures) < 1:
        raise ABNError("Rounds and pictures must be at least 1.")
    torch.set_num_threads(THREADS)
    first, second = map(find_variant, SHARING)
    slow_rounds = max(1, args.rounds // SLOW_SHARE)
    seconds = measure(_single_image_tasks(first, second), args.rounds)
    with tempfile.TemporaryDirectory() as folder:
        fill_folder(Path(folder, "photographs"), args.pictures)
        folder_tasks = _folder_tasks(first, folder)
        seconds |= measure(folder_tasks, slow_rounds)
    seconds |= measure(_curve_tasks(first) | _resnet_tasks(), slow_rounds)
    result = {
        "variants": [first.id, second.id],
        "rounds": args.rounds,
        "threads": THREADS,
        "milliseconds": {name: round(1000 * statistics.median(times), 2) for name, times in seconds.items()},
        "folder": {"pictures": args.pictures, "batch": BATCH_SIZE, "workers": WORKERS},
        "images a second": {name: round(args.pictures / statistics.median(seconds[name]), 2) for name in folder_tasks},
        "ratios": ratios(seconds),
    }
    print(json.dumps(result, indent=None if args.json else 1))
    return 0


def measure(tasks: Tasks, rounds: int) -> dict[str, list[float]]:
    """Seconds of each task in each round, after one round of warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(rounds + 1):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            if number:
                seconds[name].append(time.perf_counter() - start)
        log.info("round %d of %d", number, rounds)
    return seconds


def ratios(seconds: dict[str, list[float]]) -> dict[str, dict]:
    """Each of `RATIOS` whose two sides were measured: median over the rounds, quartiles, and target."""
    measured = {}
    for name, (numerator, denominator, target) in RATIOS.items():
        if numerator in seconds and denominator in seconds:
            values = [a / b for a, b in zip(seconds[numerator], seconds[denominator], strict=True)]
            low, median, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
            measured[name] = {
                "value": round(median, 4),
                "quartiles": [round(low, 4), round(high, 4)],
                "target": target,
                "met": None if target is None else median <= target,
            }
    return measured


def fill_folder(folder: Path, count: int) -> None:
    """Links to the gallery's photographs, over and over."""
    folder.mkdir()
    photos = [photo.path for photo in gallery().values() if photo.kind == "photograph"]
    for number, photo in zip(range(count), itertools.cycle(photos), strict=False):
        (folder / f"{number:06}{photo.suffix}").symlink_to(photo)


def _single_image_tasks(first: Card, second: Card) -> Tasks:
    """Everything on one image, with networks already loaded."""
    networks = {card.id: load_variant(card) for card in (first, second)}
    network, backbone = networks[first.id], load_backbone(first.backbone, num_classes=first.num_classes)
    picture = open_picture(next(iter(gallery().values())).path.read_bytes())
    images = torch.from_numpy(fit_picture(picture, first.input).normalized(first.input))[None]  # (1, 3, H, W)
    with torch.inference_mode():
        output = network(images)

    def load(card: Card) -> AttentionBranchNetwork:
        return networks[card.id]

    own = attend_image(picture, first, load=load)
    edited_map, before, labels = PRESETS["inverted"](own.attention), own.predict(own.attention), class_names(first)

    def draw_edit() -> None:  # the cost of a stroke on the page Intervene: only the perception branch runs
        after = own.predict(edited_map)
        series = [("before", "#000000", before), ("after", "#000000", after)]
        class_bars(series, labels, likeliest([before, after]))

    def draw_explanation() -> None:  # the cost of another image there
        (explanation,) = explain(picture, [first], load=load)
        values = upsample(explanation.attention, explanation.fitted.image.size)
        overlay.data_url(overlay.overlay(explanation.fitted.image, values))
        paired_bars(explanation)

    tasks = {
        "edit, drawn": draw_edit,
        "explain, drawn": draw_explanation,
        "backbone": torch.inference_mode()(lambda: backbone(images)),
        "forward": torch.inference_mode()(lambda: network(images)),
        "perceive": torch.inference_mode()(lambda: network.perceive(output.features, output.attention)),
        "explain": lambda: explain(picture, [first], load=load),
        "sharing": lambda: explain(picture, [first, second], load=load),
        "separate": lambda: [explain(picture, [card], load=load) for card in (first, second)],
    }
    try:
        from pytorch_grad_cam import GradCAM
    except ImportError:
        log.info("Grad-CAM is left out: the package grad-cam, which only this comparison needs, is not installed.")
        return tasks
    last_stage = cast(Any, backbone).feature_info[-1]  # timm's own
    layer = backbone.get_submodule(last_stage["module"])
    grad_cam = GradCAM(model=backbone, target_layers=[layer])
    return tasks | {"Grad-CAM": lambda: grad_cam(input_tensor=images, targets=None)}


def _curve_tasks(card: Card) -> Tasks:
    """A deletion curve with all that makes its images, and its lower bound: as many images, ready in the same memory
    format, in batches of the same size through the network."""
    network, curve = load_variant(card), deletion_insertion.CurveSpec(deletion_insertion.DELETION)
    picture = open_picture(next(iter(gallery().values())).path.read_bytes())
    own = attend_image(picture, card, load=lambda _: network)
    image = torch.from_numpy(own.fitted.normalized(card.input))
    images = image.expand(curve.steps + 1, -1, -1, -1).contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def forwards() -> None:
        for batch in images.split(deletion_insertion.BATCH):
            network(batch)

    return {"curve": lambda: deletion_insertion.compute_curve(own, card.input, curve), "forwards": forwards}


def _resnet_tasks(batch_size: int = 8) -> Tasks:
    """The paper's ResNet-50 on a batch: as the authors' layers compute it, fused, and in bfloat16 where the processor
    has it."""
    spec = registry.input_spec("imagenet-resnet50")
    images = torch.randn(batch_size, 3, spec.size, spec.size, generator=torch.Generator().manual_seed(0))
    network = registry.build("imagenet-resnet50", num_classes=1000)
    recalibrate_batchnorm(network, images[:2])
    fused, channels_last = fuse_for_inference(network), images.contiguous(memory_format=torch.channels_last)
    tasks = {"R50": lambda: network(images), "R50 fused": lambda: fused(channels_last)}
    if has_bfloat16("cpu"):
        tasks["R50 bfloat16"] = torch.autocast("cpu", torch.bfloat16)(lambda: fused(channels_last))
    return {name: torch.inference_mode()(task) for name, task in tasks.items()}


def _folder_tasks(card: Card, folder: str) -> Tasks:
    """A folder explained to JSON lines, and its lower bound: a DataLoader and a forward pass."""
    network, spec = load_variant(card), card.input
    options = {name: getattr(spec, name) for name in ("interpolation", "mean", "std", "crop_pct")}
    transform = create_transform((3, spec.size, spec.size), **options)
    loader = DataLoader(ImageFolder(folder, transform), batch_size=BATCH_SIZE, num_workers=WORKERS)

    def explain_folder() -> None:
        files = batches(ImageStream([folder]), BATCH_SIZE)
        for results in explain_files(files, [card], load=lambda _: network, workers=WORKERS):
            for result in results:
                json_line(result, top=5)

    @torch.inference_mode()
    def forward() -> None:
        for images, _ in loader:
            network(images)

    return {"folder": explain_folder, "bare loop": forward}
