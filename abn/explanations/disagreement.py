"""Many pictures × variants → where answers part: the two heads, the variants, and the mechanisms on the same weights.

For each picture and variant the feature extractor and the attention branch run once, and the perception branch once
for each mechanism. Only small results are kept, never a picture or a map. A mechanism that a variant was not trained
with is an intervention on its weights, and not the variant trained that way.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from abn.errors import PictureError
from abn.explanations.explainer import Load, feed
from abn.explanations.explanation import Prediction, jensen_shannon
from abn.images.archive import Refused
from abn.images.decode import Picture, open_picture
from abn.images.display_name import display_name
from abn.images.fit import InputSpec, fit_picture
from abn.variants.card import Card, class_names
from abn.variants.store import load_variant
from abn.vocabulary import MECHANISMS


@dataclass(frozen=True)
class VariantPrediction:
    """What one variant says of one picture."""

    variant: str
    trained_with: str
    auxiliary: Prediction  # the likeliest class of the auxiliary head
    divergence: float  # bits, Jensen–Shannon: how far the heads are apart
    mechanisms: Mapping[str, Prediction]  # mechanism → the likeliest class of the perception head, on the same weights
    change: float  # of the probability of `perception`'s class where another mechanism changes it most, −1 to 1

    @property
    def perception(self) -> Prediction:
        """The likeliest class of the perception head, with the mechanism that the variant was trained with."""
        return self.mechanisms[self.trained_with]

    @property
    def agree(self) -> bool:
        """Whether both heads name the same class first."""
        return self.auxiliary.index == self.perception.index

    @property
    def changes_prediction(self) -> tuple[str, ...]:
        """The mechanisms under which another class comes first."""
        return tuple(name for name, top in self.mechanisms.items() if top.index != self.perception.index)


@dataclass(frozen=True)
class ImageDisagreement:
    """What all variants say of one picture."""

    name: str
    sha256: str  # of the picture's bytes
    answers: tuple[VariantPrediction, ...]  # in the variants' order
    apart: float | None  # bits, between the two variants' answers furthest apart; None where no two share their classes
    differ: bool  # variants that share their classes name different ones first
    kept: str = ""  # what the caller wanted to keep of the picture, say a thumbnail

    @property
    def heads_disagree(self) -> bool:
        return not all(answer.agree for answer in self.answers)

    @property
    def changes_prediction(self) -> bool:
        return any(answer.changes_prediction for answer in self.answers)


ORDERS: dict[
    str, Callable[[ImageDisagreement], tuple[bool, float]]
] = {  # keys to sort by: what differs first, then how far
    "heads disagree": lambda one: (not one.heads_disagree, -max((a.divergence for a in one.answers), default=0.0)),
    "variants disagree": lambda one: (not one.differ, -(one.js_divergence or 0.0)),
    "mechanism flips the answer": lambda one: (
        not one.changes_prediction,
        -max((abs(a.change) for a in one.answers), default=0.0),
    ),
}


def disagreements(
    pictures: Sequence[tuple[str, bytes]],
    cards: Sequence[Card],
    *,
    fit: str = "crop",
    load: Load = load_variant,
    keep: Callable[[Image.Image], str] = lambda image: "",
    progress: Callable[[int, int], object] = lambda done, of: None,
) -> Iterator[ImageDisagreement | Refused]:
    """Of each picture (name, bytes) in turn what the variants say, or why it can't be read; one picture at a time is
    open. `load` may be a caching loader, and `keep` makes of each picture what is kept of it.

    `progress(done, of)` is called after each picture was handed out, and what it raises ends the work. Raises an
    `ABNError` for an unknown fit or broken weights.
    """
    for done, (name, data) in enumerate(pictures, 1):
        try:
            picture = open_picture(data, name=name)
        except PictureError as error:
            yield Refused(display_name(name), str(error))
        else:
            yield replace(find_disagreements(picture, cards, fit=fit, load=load), kept=keep(picture.image))
        progress(done, len(pictures))


def find_disagreements(
    picture: Picture, cards: Sequence[Card], *, fit: str = "crop", load: Load = load_variant
) -> ImageDisagreement:
    """What the variants say of one picture; the extractor runs once where variants share one."""
    fed = {spec: feed([fit_picture(picture, spec, fit)], spec) for spec in dict.fromkeys(card.input for card in cards)}
    features: dict[tuple[str, InputSpec], Tensor] = {}  # g(x) (1, C, h, w)
    answers, spoken = [], []
    for card in cards:
        network, shared = load(card), (card.extractor_sha256, card.input)
        with torch.inference_mode():
            if shared not in features:
                images = fed[card.input].images.to(next(network.parameters()).device)
                features[shared] = network.extractor(images)
            class_maps, attention = network.attention_branch(features[shared])
            auxiliary = _probabilities(class_maps.mean((2, 3)))
            perceived = {
                name: _probabilities(network.perceive(features[shared], attention, name)) for name in MECHANISMS
            }
        answers.append(_answer(card, auxiliary, perceived))
        spoken.append((class_names(card), perceived[card.mechanism]))
    pairs = [(p, q) for (names, p), (others, q) in combinations(spoken, 2) if names == others]
    return ImageDisagreement(
        name=picture.name,
        sha256=picture.sha256,
        answers=tuple(answers),
        apart=max((jensen_shannon(p, q) for p, q in pairs), default=None),
        differ=any(p.argmax() != q.argmax() for p, q in pairs),
    )


def _answer(card: Card, auxiliary: np.ndarray, perceived: Mapping[str, np.ndarray]) -> VariantPrediction:
    """From the probabilities (K,) of the auxiliary head, and of the perception head under each mechanism."""
    trained, labels = perceived[card.mechanism], class_names(card)

    def top(probabilities: np.ndarray) -> Prediction:
        index = int(probabilities.argmax())
        return Prediction(index, labels[index], float(probabilities[index]))

    first = trained.argmax()
    changes = [float(other[first] - trained[first]) for other in perceived.values()]
    return VariantPrediction(
        variant=card.id,
        trained_with=card.mechanism,
        auxiliary=top(auxiliary),
        divergence=jensen_shannon(auxiliary, trained),
        mechanisms={name: top(probabilities) for name, probabilities in perceived.items()},
        change=max(changes, key=abs),
    )


def _probabilities(logits: Tensor) -> np.ndarray:
    """Logits (1, K) → softmax (K,) float32."""
    return logits.softmax(1)[0].cpu().numpy()
