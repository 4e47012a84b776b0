"""Teach a variant: fine-tune it with edited maps, once more without the map loss, and report what changed."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from abn.images.decode import Picture, open_picture
from abn.images.fit import DEFAULT_FIT
from abn.images.samples import Photo, gallery_by_sha256, photographs
from abn.network.model import AttentionBranchNetwork
from abn.training.map_teaching import report as reports
from abn.training.map_teaching.cached_images import CachedImages, cache_pictures, compute_outputs
from abn.training.map_teaching.examples import Example, check_examples
from abn.training.map_teaching.fine_tuning import Progress, TeachingSet, fine_tune, is_half, make_teaching_set
from abn.training.map_teaching.report import BEFORE, CONTROL, TAUGHT, TeachingReport
from abn.training.map_teaching.settings import Settings
from abn.training.measures import Outputs
from abn.training.provenance import code_version
from abn.variants.card import IMAGENET, UNTRAINED_KIND, Card, class_names
from abn.variants.new_card import create_card
from abn.variants.store import load_variant, save_variant

PHOTOGRAPH = "photograph"  # the kind of images that is replayed for a variant that was trained with nothing
TITLE = "{title}, taught"
SUMMARY = "Fine-tuned from {title} so that its map comes near the edited maps of {count} images."
LESSON = "Do edited maps of a few images change the map of other images? Compare this variant with {title}."


@dataclass(frozen=True, eq=False)
class TaughtVariant:
    """A fine-tuned network with all that is known of it."""

    source: Card  # the variant that it was fine-tuned from, which is as it was
    examples: tuple[Example, ...]  # their maps in the cells of M
    settings: Settings
    network: AttentionBranchNetwork
    control: AttentionBranchNetwork | None  # the same fine-tuning without the map loss
    report: TeachingReport

    def make_card(self, name: str, *, title: str = "", command: str = "") -> Card:
        """The card of the new variant `name`; its hashes are for `save_variant` to fill in."""
        source, count = self.source, len(self.examples)
        labeled = self.report.labeled or {}
        return create_card(
            self.network,
            id=name,
            title=title or TITLE.format(title=source.title),
            summary=SUMMARY.format(title=source.title, count=count),
            lesson=LESSON.format(title=source.title),
            family=source.family,
            backbone=source.backbone,
            classes=source.classes if isinstance(source.classes, str) else list(source.classes),
            input=source.input,
            kind=source.kind,
            trained={
                **({"command": command} if command else {}),
                "data": f"{count} images with edited maps, and replayed photographs of the gallery; before that: "
                f"{source.trained.get('data') or 'not stated'}",
                "commit": code_version(),
                "taught from": source.id,
                "sha256 of the weights before": source.sha256,
                "examples": [self._example_to_json(example) for example in self.examples],
                "teaching": asdict(self.settings),
                "seed": self.settings.seed,
            },
            measured={
                **({"labeled": labeled[TAUGHT]} if labeled else {}),
                "controls": {
                    name: {"labeled": labeled[network]}
                    for name, network in (("before teaching", BEFORE), ("without the map loss", CONTROL))
                    if network in labeled
                },
            },
            license=dict(source.license),
        )

    def save(self, name: str, folder: Path, *, title: str = "", command: str = "") -> Card:
        """Write weights and card into a folder; returns the card. Raises `ABNError` where nothing can be written."""
        card = self.make_card(name, title=title, command=command)
        return save_variant(self.network, card, folder, half=is_half(self.network))

    def _example_to_json(self, example: Example) -> dict[str, Any]:
        label = "kept prediction" if example.label is None else class_names(self.source)[example.label]
        return {"image": example.name, "sha256": example.picture.sha256, "label": label}


def teach_variant(
    card: Card,
    examples: Sequence[Example],
    settings: Settings | None = None,
    *,
    network: AttentionBranchNetwork | None = None,
    fit: str = DEFAULT_FIT,
    held_out: Sequence[Picture] = (),
    with_control: bool = True,
    with_labeled: bool = True,
    watched: int = 0,
    each: int = 5,
    progress: Callable[[Progress], object] = lambda _: None,
    pause: Callable[[], object] = lambda: None,
) -> TaughtVariant:
    """Fine-tune a copy of a variant with `examples`, and report what changed.

    `network` are the variant's weights where they are loaded already; they stay as they are. `fit` brings examples and
    `held_out` images, which are only compared, to the network's input. The control takes as long again. `with_labeled`
    measures accuracy on the labeled photographs of the app, for variants with the classes of ImageNet. `progress` is
    called each `each` steps (see `fine_tune`), and `pause` between the other parts, each of a second or less; what they
    raise cancels everything and reaches the caller.

    Raises:
        ABNError: one sentence for examples that can't be taught (see examples.py).
    """
    settings = settings or Settings()
    checked = check_examples(examples, card)
    clock = _Clock()
    network = network or load_variant(card)
    given = {picture.sha256 for picture in (*(example.picture for example in checked), *held_out)}
    replayed = [picture for _, picture in _open(replay_photos(card), without=given, pause=pause)]
    images = make_teaching_set(network, checked, replayed, card.input, fit=fit, pause=pause)
    clock.lap("images")
    networks = {BEFORE: network}
    networks[TAUGHT] = fine_tune(network, images, settings, watched=watched, each=each, progress=progress)
    clock.lap("fine-tuning")
    if with_control:
        unweighted = replace(settings, map_weight=0.0)
        networks[CONTROL] = fine_tune(
            network, images, unweighted, watched=watched, each=each, progress=progress, control=True
        )
        clock.lap("control")
    report = TeachingReport(
        examples=_report_examples(networks, images, checked, pause),
        held_out=_report_held_out(networks, held_out, card, fit, pause),
        labeled=_report_labeled(networks, card, without=given, pause=pause) if with_labeled else None,
        seconds=clock.seconds,
    )
    clock.lap("report")
    return TaughtVariant(card, tuple(checked), settings, networks[TAUGHT], networks.get(CONTROL), report)


def replay_photos(card: Card) -> list[Photo]:
    """The photographs of the gallery that are replayed: those of the kind that the variant was trained with."""
    kind = PHOTOGRAPH if card.kind == UNTRAINED_KIND else card.kind
    return [photo for photo in photographs() if photo.gallery and photo.kind == kind]


def held_out_photos(card: Card, taught: Collection[str]) -> list[Photo]:
    """Every third photograph of those that could be replayed and aren't taught, to be held out; `taught` are the sha256
    of the examples' files."""
    possible = replay_photos(card)
    return [photo for sha256, photo in gallery_by_sha256().items() if photo in possible and sha256 not in taught][::3]


def labeled_photos(card: Card) -> list[Photo]:
    """The labeled photographs that aren't replayed; none for other classes than those of ImageNet."""
    return [photo for photo in photographs() if photo.classes and not photo.gallery] if card.classes == IMAGENET else []


def _open(photos: Sequence[Photo], *, without: set[str], pause: Callable[[], object]) -> list[tuple[Photo, Picture]]:
    """The photographs decoded, but for those whose files have one of these sha256."""
    opened = []
    for photo in photos:
        picture = open_picture(photo.path.read_bytes(), name=photo.file)
        if picture.sha256 not in without:
            opened.append((photo, picture))
        pause()
    return opened


Networks = dict[str, AttentionBranchNetwork]  # by BEFORE, TAUGHT and CONTROL; all have the same fixed layers


def _outputs(networks: Networks, images: CachedImages, pause: Callable[[], object]) -> dict[str, Outputs]:
    return {name: compute_outputs(network, images, pause=pause) for name, network in networks.items()}


def _report_examples(
    networks: Networks, images: TeachingSet, examples: Sequence[Example], pause: Callable[[], object]
) -> tuple[reports.ImageReport, ...]:
    return reports.report_images(
        [example.name for example in examples],
        _outputs(networks, images.images.take(slice(images.count)), pause),
        targets=[example.target for example in examples],
        labels=[example.label for example in examples],
    )


def _report_held_out(
    networks: Networks, pictures: Sequence[Picture], card: Card, fit: str, pause: Callable[[], object]
) -> tuple[reports.ImageReport, ...]:
    if not pictures:
        return ()
    images = cache_pictures(networks[BEFORE], pictures, card.input, fit=fit, pause=pause)
    return reports.report_images([picture.name for picture in pictures], _outputs(networks, images, pause))


def _report_labeled(
    networks: Networks, card: Card, *, without: set[str], pause: Callable[[], object]
) -> dict[str, dict[str, float]] | None:
    photos = _open(labeled_photos(card), without=without, pause=pause)
    if not photos:
        return None
    images = cache_pictures(networks[BEFORE], [picture for _, picture in photos], card.input, pause=pause)
    return reports.compare_labeled(_outputs(networks, images, pause), [photo.classes for photo, _ in photos])


class _Clock:
    """Seconds of each part of the work."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.seconds[name], self._last = now - self._last, now
