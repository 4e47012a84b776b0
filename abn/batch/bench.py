"""`python -m abn bench`: speed as ratios measured in one run, since machines differ.

Everything that is compared runs in turn, round after round, and a ratio is the median over the rounds: a busy machine
then disturbs both sides alike.
"""

import argparse
import functools
import itertools
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image, ImageOps

from abn.batch.command import BATCH_SIZE, BatchWork
from abn.batch.image_stream import ImageStream, batches
from abn.batch.pipeline import Explainer
from abn.engine.loading import load_runner
from abn.engine.runner import perceive
from abn.errors import ABNError
from abn.evaluation import deletion_insertion
from abn.explanations.explainer import explain
from abn.explanations.interventions import PRESETS, attend_image
from abn.images.decode import open_picture
from abn.images.fit import fit_picture, upsample
from abn.images.samples import gallery
from abn.network.backbone import load_backbone
from abn.plots import overlay
from abn.plots.class_bars import class_bars, likeliest, paired_bars
from abn.variants.card import Card, class_names
from abn.variants.store import find_variant, load_variant

RATIOS = {  # name → (numerator, denominator, largest acceptable ratio)
    "explain / bare forward pass in PyTorch": ("explain", "PyTorch", 0.60),
    "forward pass / the same in PyTorch": ("forward", "PyTorch", None),
    "forward pass / Grad-CAM in PyTorch": ("forward", "Grad-CAM", 0.32),
    "perception branch / forward pass": ("perceive", "forward", 0.15),
    "two variants sharing an extractor / separate": ("sharing", "separate", 0.87),
    "edited map, drawn / explanation, drawn": ("edit, drawn", "explain, drawn", 0.25),
    "explain a folder / bare ONNX Runtime loop": ("folder", "bare loop", 1.10),
    "deletion curve of n images / n forward passes in the same batches": ("curve", "forwards", 1.1),
}
SHARING = ("imagenet-lite0-additive", "imagenet-lite0-multiplicative")  # two variants with one extractor
SLOW_SHARE = 3  # tasks that take seconds run in a third of the rounds
THREADS = 1  # of each engine, as in the app

Tasks = dict[str, Callable[[], object]]

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn bench`."""
    parser.add_argument(
        "--rounds", type=int, default=15, help="times that each task runs; tasks of seconds run a third as often"
    )
    parser.add_argument("--images", type=int, default=96, help="number of images in the folder task")
    parser.add_argument(
        "--json", action="store_true", help="print the result as one line of JSON instead of indented JSON"
    )
    table = "measure nothing; print the result file of an earlier run (--json) as a Markdown table (default: measure)"
    parser.add_argument("--table", type=Path, metavar="FILE", help=table)


def run(args: argparse.Namespace) -> int:
    """Measure and print a JSON object; or print an earlier one as a table."""
    if args.table:
        print(format_table(json.loads(args.table.read_text(encoding="utf-8"))))
        return 0
    if min(args.rounds, args.images) < 1:
        raise ABNError("--rounds and --images must be 1 or more.")
    torch.set_num_threads(THREADS)
    first, second = map(find_variant, SHARING)
    slow_rounds = max(1, args.rounds // SLOW_SHARE)
    seconds = measure(_single_image_tasks(first, second), args.rounds)
    with tempfile.TemporaryDirectory() as folder:
        fill_folder(Path(folder, "photographs"), args.images)
        folder_tasks = _folder_tasks(first, folder)
        seconds |= measure(folder_tasks, slow_rounds)
    seconds |= measure(_curve_tasks(first), slow_rounds)
    result = {
        "variants": [first.id, second.id],
        "rounds": args.rounds,
        "threads": THREADS,
        "versions": {name: version(name) for name in ("torch", "onnxruntime", "numpy", "pillow")},
        "milliseconds": {name: round(1000 * statistics.median(times), 2) for name, times in seconds.items()},
        "folder": {"images": args.images, "batch": BATCH_SIZE},
        "images a second": {name: round(args.images / statistics.median(seconds[name]), 2) for name in folder_tasks},
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


def format_table(result: dict) -> str:
    """The ratios of a run as Markdown."""
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    lines = [f"{result['rounds']} rounds, {result['threads']} thread; {versions}.", ""]
    lines += ["| ratio | median | quartiles | aim | |", "|---|---|---|---|---|"]
    for name, ratio in result["ratios"].items():
        low, high = ratio["quartiles"]
        aim, outcome = (
            ("–", "") if ratio["target"] is None else (f"≤ {ratio['target']}", "✓" if ratio["met"] else "missed")
        )
        lines.append(f"| {name} | {ratio['value']:.3f} | {low:.3f} … {high:.3f} | {aim} | {outcome} |")
    return "\n".join(lines)


def fill_folder(folder: Path, count: int) -> None:
    """Links to the gallery's photographs, over and over."""
    folder.mkdir()
    photos = [photo.path for photo in gallery().values() if photo.kind == "photograph"]
    for number, photo in zip(range(count), itertools.cycle(photos), strict=False):
        (folder / f"{number:06}{photo.suffix}").symlink_to(photo)


def _single_image_tasks(first: Card, second: Card) -> Tasks:
    """Everything on one image, with networks already loaded."""
    load = functools.cache(lambda name: load_runner(find_variant(name)))
    runner, network = load(first.id), load_variant(first)
    picture = open_picture(next(iter(gallery().values())).path.read_bytes())
    images = fit_picture(picture, first.input).normalized(first.input)[None]  # (1, 3, H, W)
    tensor, features = torch.from_numpy(images), runner.extract(images)
    _, attention = runner.attend(features)
    own = attend_image(picture, first, load=lambda card: load(card.id))
    edited_map, before, labels = PRESETS["inverted"](own.attention), own.predict(own.attention), class_names(first)

    def explain_by(*cards: Card) -> None:
        explain(picture, cards, load=lambda card: load(card.id))

    def draw_edit() -> None:  # the cost of a stroke on the page Intervene: only the perception branch runs
        after = own.predict(edited_map)
        series = [("before", "#000000", before), ("after", "#000000", after)]
        class_bars(series, labels, likeliest([before, after]))

    def draw_explanation() -> None:  # the cost of another image there
        (explanation,) = explain(picture, [first], load=lambda card: load(card.id))
        values = upsample(explanation.attention, explanation.fitted.image.size)
        overlay.data_url(overlay.overlay(explanation.fitted.image, values))
        paired_bars(explanation)

    def explain_separately() -> None:
        explain_by(first)
        explain_by(second)

    tasks = {
        "edit, drawn": draw_edit,
        "explain, drawn": draw_explanation,
        "PyTorch": torch.inference_mode()(lambda: network(tensor)),
        "forward": lambda: deletion_insertion.predict(runner, images),
        "perceive": lambda: perceive(runner, features, attention),
        "explain": lambda: explain_by(first),
        "sharing": lambda: explain_by(first, second),
        "separate": explain_separately,
    }
    try:
        from pytorch_grad_cam import GradCAM
    except ImportError:
        log.info("Grad-CAM is not measured, as the package grad-cam is not installed: pip install grad-cam.")
        return tasks
    backbone = load_backbone(first.backbone, num_classes=first.num_classes)
    last_stage = cast(Any, backbone).feature_info[-1]  # timm's own
    grad_cam = GradCAM(model=backbone, target_layers=[backbone.get_submodule(last_stage["module"])])
    return tasks | {"Grad-CAM": lambda: grad_cam(input_tensor=tensor, targets=None)}


def _curve_tasks(card: Card) -> Tasks:
    """A deletion curve with all that makes its images, and its lower bound: as many images, ready, in batches of the
    same size through the network."""
    curve, picture = deletion_insertion.CurveSpec(deletion_insertion.DELETION), next(iter(gallery().values()))
    own = attend_image(open_picture(picture.path.read_bytes()), card)
    image, size = own.fitted.normalized(card.input), deletion_insertion.BATCH
    images = np.repeat(image[None], curve.steps + 1, axis=0)

    def forwards() -> None:
        for start in range(0, len(images), size):
            deletion_insertion.predict(own.runner, images[start : start + size])

    return {"curve": lambda: deletion_insertion.compute_curve(own, card.input, curve), "forwards": forwards}


def _folder_tasks(card: Card, folder: str) -> Tasks:
    """A folder explained to JSON lines by one process, and its lower bound: what any loop must do with Pillow, numpy
    and ONNX Runtime, open each image at a reduced size, crop, normalize, and run batches."""
    runner, spec = load_runner(card), card.input
    work = BatchWork(Explainer((card,)), top=5, as_json=True, out=None)
    mean, std = (np.array(values, np.float32)[:, None, None] for values in (spec.mean, spec.std))

    def explain_folder() -> None:
        for batch in batches(ImageStream([folder]), BATCH_SIZE):
            work(batch)

    def read(path: Path) -> np.ndarray:
        side = round(spec.size / spec.crop_pct)
        with Image.open(path) as image:
            image.draft("RGB", (side, side))
            fitted = ImageOps.fit(image.convert("RGB"), (spec.size, spec.size), Image.Resampling.BICUBIC)
        return (np.asarray(fitted, np.float32).transpose(2, 0, 1) / 255 - mean) / std

    def bare_loop() -> None:
        paths = sorted(Path(folder).rglob("*.*"))
        for start in range(0, len(paths), BATCH_SIZE):
            deletion_insertion.predict(runner, np.stack([read(path) for path in paths[start : start + BATCH_SIZE]]))

    return {"folder": explain_folder, "bare loop": bare_loop}
