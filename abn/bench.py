"""What things cost, as ratios measured in one run: machines differ, and so does a machine from minute to minute.

All that is compared runs in turn, round after round; a ratio is the median over the rounds, so that a busy machine
disturbs both of its sides alike.
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

import torch
from PIL import Image
from timm.data import create_transform
from torch.utils.data import DataLoader

from abn.batch.command import BATCH, as_line
from abn.batch.image_stream import Stream, blocks
from abn.batch.pipeline import results
from abn.engine.fusion import fuse_for_inference
from abn.errors import ABNError
from abn.evaluation import deletion_insertion
from abn.explanations.explainer import explain
from abn.explanations.interventions import PRESETS, subject
from abn.images.decode import open_picture
from abn.images.fit import fit_picture, upsample
from abn.images.samples import gallery
from abn.network.architectures import registry
from abn.network.backbone import load_backbone
from abn.network.batchnorm import recalibrate_batchnorm
from abn.plots import overlay
from abn.plots.class_bars import class_bars, likeliest, paired_bars
from abn.training.loop import has_bfloat16
from abn.variants.card import Card, class_names
from abn.variants.store import list_variants, load_variant

RATIOS = {  # name → (above the line, below it, aim: at most)
    "forward / backbone": ("forward", "backbone", None),
    "two variants sharing / separate": ("sharing", "separate", 0.87),
    "perceive / forward": ("perceive", "forward", 0.2),
    "an edited map's answer, drawn / an explanation, drawn": ("edit", "explain, drawn", 0.25),
    "explain / forward": ("explain", "forward", 1.15),
    "forward / Grad-CAM": ("forward", "Grad-CAM", 0.55),
    "explain a folder / DataLoader and forward": ("folder", "bare loop", 1.15),
    "deletion curve of n pictures / n bare forwards in the same batches": ("curve", "forwards", 1.1),
    "ResNet-50, quickened / as the authors' layers": ("R50 quickened", "R50", 1.0),
    "ResNet-50, quickened in bfloat16 / as the authors' layers": ("R50 bfloat16", "R50", None),
}

ROUNDS_A_FOLDER = 3  # of the others for one of the folder, of a curve or of ResNet-50, which take seconds

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn bench`."""
    parser.add_argument("--rounds", type=int, default=15, help="how often each thing runs; default 15")
    parser.add_argument("--threads", type=int, default=1, help="of torch; default 1, as in the app")
    parser.add_argument("--pictures", type=int, default=96, help="in the folder that is explained; default 96")
    parser.add_argument("--batch", type=int, default=BATCH, help=f"of the folder; default {BATCH}")
    parser.add_argument("--workers", type=int, default=1, help="processes that open the folder's pictures; default 1")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    if min(args.rounds, args.threads, args.pictures, args.batch) < 1 or args.workers < 0:
        raise ABNError("Rounds, threads, pictures and batch must be at least 1, and workers at least 0.")
    torch.set_num_threads(args.threads)
    first, second = _sharing()
    seconds = measure(_tasks(first, second), args.rounds)
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), args.pictures)
        tasks = _folder_tasks(first, folder, batch=args.batch, workers=args.workers)
        seconds |= measure(tasks, max(1, args.rounds // ROUNDS_A_FOLDER))
    for others in (_curve_tasks(first), _resnet_tasks()):
        seconds |= measure(others, max(1, args.rounds // ROUNDS_A_FOLDER))
    result = {
        "variants": [first.id, second.id],
        "rounds": args.rounds,
        "threads": args.threads,
        "milliseconds": {name: round(1000 * statistics.median(times), 2) for name, times in seconds.items()},
        "folder": {"pictures": args.pictures, "batch": args.batch, "workers": args.workers},
        "images a second": {name: round(args.pictures / statistics.median(seconds[name]), 2) for name in tasks},
        "ratios": ratios(seconds),
    }
    if args.json:
        print(json.dumps(result))
        return 0
    for name, milliseconds in result["milliseconds"].items():
        print(f"{name:14}{milliseconds:9.1f} ms")
    for name, rate in result["images a second"].items():
        print(f"{name:14}{rate:9.1f} images a second")
    for name, ratio in result["ratios"].items():
        aim = "" if ratio["aim"] is None else f"   aim ≤ {ratio['aim']:.2f}"
        print(f"{name:70}{ratio['value']:6.3f}{aim}")
    return 0


def measure(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each task in each round, after one round that doesn't count."""
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
    """Each of `RATIOS` whose two sides were measured: the median over the rounds, its quartiles, and the aim."""
    found = {}
    for name, (above, below, aim) in RATIOS.items():
        if above in seconds and below in seconds:
            each = [a / b for a, b in zip(seconds[above], seconds[below], strict=True)]
            low, value, high = statistics.quantiles(each, n=4) if len(each) > 1 else each * 3
            found[name] = {
                "value": round(value, 4),
                "quartiles": [round(low, 4), round(high, 4)],
                "aim": aim,
                "met": None if aim is None else value <= aim,
            }
    return found


def _sharing() -> tuple[Card, Card]:
    """Two variants with one extractor."""
    for first, second in itertools.combinations(list_variants(), 2):
        if first.extractor_sha256 == second.extractor_sha256 and first.input == second.input:
            return first, second
    raise ABNError("The bench needs two variants that share an extractor; checkpoints/ holds none.")


def _tasks(first: Card, second: Card) -> dict[str, Callable[[], object]]:
    """What is measured, each on one picture, with networks already loaded."""
    networks = {card.id: load_variant(card) for card in (first, second)}
    network, backbone = networks[first.id], load_backbone(first.backbone, num_classes=first.num_classes)
    photo = next(iter(gallery().values()))
    picture = open_picture(photo.path.read_bytes())
    images = torch.from_numpy(fit_picture(picture, first.input).normalized(first.input))[None]
    with torch.inference_mode():
        output = network(images)

    def explained(*cards: Card) -> None:
        explain(picture, cards, load=lambda card: networks[card.id])

    asked = subject(picture, first, load=lambda card: networks[card.id])
    other, before, labels = PRESETS["inverted"](asked.attention), asked.answers(asked.attention), class_names(first)

    def edited() -> None:  # what a stroke on the Intervene page costs: only the answer changes
        after = asked.answers(other)
        series = [("before", "#000000", before), ("after", "#000000", after)]
        class_bars(series, labels, likeliest([before, after]))

    def drawn() -> None:  # what another picture costs there
        (found,) = explain(picture, [first], load=lambda card: networks[card.id])
        values = upsample(found.attention, found.fitted.image.size)
        overlay.data_url(overlay.overlay(found.fitted.image, values))
        paired_bars(found)

    tasks = {
        "edit": edited,
        "explain, drawn": drawn,
        "backbone": torch.inference_mode()(lambda: backbone(images)),
        "forward": torch.inference_mode()(lambda: network(images)),
        "perceive": torch.inference_mode()(lambda: network.perceive(output.features, output.attention)),
        "explain": lambda: explained(first),
        "sharing": lambda: explained(first, second),
        "separate": lambda: (explained(first), explained(second)),
    }
    try:
        from pytorch_grad_cam import GradCAM
    except ImportError:
        log.info("Grad-CAM is left out: the package grad-cam, needed for this comparison alone, is not installed.")
        return tasks
    layer = backbone.get_submodule(backbone.feature_info[-1]["module"])
    camera = GradCAM(model=backbone, target_layers=[layer])
    return tasks | {"Grad-CAM": lambda: camera(input_tensor=images, targets=None)}


def _curve_tasks(card: Card) -> dict[str, Callable[[], object]]:
    """A deletion curve with all that makes its pictures, and the least it needs: as many pictures in as large batches
    through the network, which lie ready in the same memory format."""
    network, photo, wanted = (
        load_variant(card),
        next(iter(gallery().values())),
        deletion_insertion.CurveSpec(deletion_insertion.DELETION),
    )
    asked = subject(open_picture(photo.path.read_bytes()), card, load=lambda _: network)
    whole = torch.from_numpy(asked.fitted.normalized(card.input))
    images = whole.expand(wanted.steps + 1, -1, -1, -1).contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def forwards() -> None:
        for some in images.split(deletion_insertion.BATCH):
            network(some)

    return {"curve": lambda: deletion_insertion.follow(asked, card.input, wanted), "forwards": forwards}


def _resnet_tasks(batch: int = 8) -> dict[str, Callable[[], object]]:
    """The paper's ResNet-50 on a batch: as the authors' layers compute it, quickened, and in bfloat16."""
    spec = registry.input_spec("imagenet-resnet50")
    images = torch.randn(batch, 3, spec.size, spec.size, generator=torch.Generator().manual_seed(0))
    network = registry.build("imagenet-resnet50", num_classes=1000)
    recalibrate_batchnorm(network, images[:2])
    quick, last = fuse_for_inference(network), images.contiguous(memory_format=torch.channels_last)
    tasks = {"R50": lambda: network(images), "R50 quickened": lambda: quick(last)}
    if has_bfloat16("cpu"):
        tasks["R50 bfloat16"] = torch.autocast("cpu", torch.bfloat16)(lambda: quick(last))
    return {name: torch.inference_mode()(task) for name, task in tasks.items()}


def fill(folder: Path, count: int) -> None:
    """Links to the gallery's photographs, over and over."""
    photos = [photo.path for photo in gallery().values() if photo.kind == "photograph"]
    for number in range(count):
        photo = photos[number % len(photos)]
        (folder / f"{number:06}{photo.suffix}").symlink_to(photo)


def _folder_tasks(card: Card, folder: str, *, batch: int, workers: int) -> dict[str, Callable[[], object]]:
    """A folder explained to JSON lines, and the least that its networks need: a DataLoader and a forward pass."""
    network, spec = load_variant(card), card.input
    transform = create_transform(
        (3, spec.size, spec.size),
        is_training=False,
        interpolation=spec.interpolation,
        mean=spec.mean,
        std=spec.std,
        crop_pct=spec.crop_pct,
    )
    bare = DataLoader(_Photos(folder, transform), batch_size=batch, num_workers=workers)

    def explained() -> None:
        for block in results(blocks(Stream([folder]), batch), [card], load=lambda _: network, workers=workers):
            for result in block:
                as_line(result, top=5, as_json=True)

    @torch.inference_mode()
    def forward() -> None:
        for images in bare:
            network(images)

    return {"folder": explained, "bare loop": forward}


class _Photos(torch.utils.data.Dataset):
    """A folder's pictures as a first script would load them."""

    def __init__(self, folder: str, transform: Callable[[Image.Image], torch.Tensor]) -> None:
        self.paths, self.transform = sorted(Path(folder).iterdir()), transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self.paths[index]) as image:
            return self.transform(image.convert("RGB"))
