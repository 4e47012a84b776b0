"""Model cards: everything known about a variant, stored as JSON; read without torch."""

import functools
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from abn.vocabulary import InputSpec

_PACKAGE = Path(__file__).parents[1]
CHECKPOINTS = next(  # in the repository they lie beside the package, in an installed package within it
    (folder / "checkpoints" for folder in (_PACKAGE.parent, _PACKAGE) if (folder / "checkpoints").is_dir()),
    _PACKAGE.parent / "checkpoints",
)
IMAGENET = "imagenet-1k"
UNTRAINED_KIND = "nothing"  # the kind of images that random weights were trained with


@dataclass(frozen=True)
class Card:
    """Everything known about a variant; its JSON file has the same fields."""

    id: str
    title: str
    summary: str  # one sentence for a newcomer
    family: str  # variants of one family differ only in mechanism and training
    backbone: str  # timm's name, or one of network.architectures.registry
    mechanism: str  # the mechanism it was trained with
    num_classes: int
    classes: str | list[str]  # "imagenet-1k", or the names themselves
    input: InputSpec
    map_size: tuple[int, int]  # cells (h, w) of M
    parameters: dict[str, int]  # of each of PARTS
    flops: dict[str, int]  # multiply and add counted as two, one image, of each of PARTS
    trained: dict[str, Any]  # command, data, seed, commit, recipe
    measured: dict[str, Any]  # what `python -m abn evaluate` found
    license: dict[str, str]  # weights, source
    sha256: str  # of the .safetensors file
    extractor_sha256: str  # of the extractor's weights alone: equal where variants share one
    lesson: str = ""  # what this variant demonstrates; empty for a plain sibling
    trunk: str = ""  # kind of the attention branch's trunk; empty on old cards
    kind: str = "photograph"  # of the images it was trained with; "clothing": Fashion-MNIST; or UNTRAINED_KIND
    folder: Path = field(default=CHECKPOINTS, compare=False)

    def __hash__(self) -> int:  # its dicts have none
        return hash((self.id, self.sha256))

    @property
    def weights(self) -> Path:
        return self.folder / f"{self.id}.safetensors"

    def to_json(self) -> dict[str, Any]:
        """The card as plain data, without the place where it was found."""
        return {key: value for key, value in asdict(self).items() if key != "folder"}


@functools.lru_cache(maxsize=8)
def _imagenet_names() -> tuple[str, ...]:
    return tuple(Path(__file__).with_name("imagenet_classes.txt").read_text(encoding="utf-8").splitlines())  # timm's


def class_names(card: Card) -> tuple[str, ...]:
    """The K class names of a variant, most common synonym first."""
    return _imagenet_names() if card.classes == IMAGENET else tuple(card.classes)


def card_from_json(data: dict[str, Any], folder: Path = CHECKPOINTS) -> Card:
    """A card from plain data as `Card.to_json` gives it. Raises one of Python's own errors (TypeError, ValueError,
    KeyError, AttributeError) where the data is no card."""
    if "licence" in data:  # as cards of the first edition spell it
        data = {**{key: value for key, value in data.items() if key != "licence"}, "license": data["licence"]}
    spec = InputSpec(**{**data["input"], **{key: tuple(data["input"][key]) for key in ("mean", "std")}})
    card = Card(**{**data, "input": spec, "map_size": tuple(data["map_size"]), "folder": folder})
    _check(card)
    return card


def _check(card: Card) -> None:
    """Raise TypeError where a text is no text, or the classes don't fit their number."""
    if not all(isinstance(getattr(card, field.name), str) for field in fields(card) if field.type is str):
        raise TypeError("something that should be text is not")
    names = card.classes == IMAGENET or all(isinstance(name, str) for name in card.classes)
    if not names or card.num_classes != (1000 if card.classes == IMAGENET else len(card.classes)):
        raise TypeError("the classes are not num_classes names")
