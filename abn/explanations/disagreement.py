"""Where predictions disagree, over many images: the two heads, the variants, and the mechanisms on the same weights.

For each image and variant the feature extractor and the attention branch run once, and the perception branch once for
each mechanism. Only small results are kept, never an image or a map. A mechanism that a variant was not trained with
is an intervention on its weights, and not the variant trained that way.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from PIL import Image

from abn.engine.inference import Load, run_variants
from abn.engine.loading import load_runner
from abn.engine.runner import softmax
from abn.errors import PictureError
from abn.explanations.explanation import Prediction, js_divergence
from abn.images.decode import Picture, open_picture
from abn.images.display_name import display_name
from abn.images.fit import fit_picture
from abn.images.zip_files import Refused
from abn.variants.card import Card, class_names
from abn.vocabulary import MECHANISMS


@dataclass(frozen=True)
class VariantPrediction:
    """What one variant predicts for one image."""

    variant: str
    trained_with: str
    auxiliary: Prediction  # the likeliest class of the auxiliary head
    js_divergence: float  # bits, between the two heads
    mechanisms: Mapping[str, Prediction]  # mechanism → the likeliest class of the perception head, on the same weights
    change: float  # of the probability of `perception`'s class where another mechanism changes it most, −1 to 1
    margin: float  # p(class predicted) − p(`perception`'s class) where another mechanism flips it most clearly, 0 to 1

    @property
    def perception(self) -> Prediction:
        """The likeliest class of the perception head, with the mechanism that the variant was trained with."""
        return self.mechanisms[self.trained_with]

    @property
    def heads_agree(self) -> bool:
        """Whether both heads predict the same class."""
        return self.auxiliary.index == self.perception.index

    @property
    def changes_prediction(self) -> tuple[str, ...]:
        """The mechanisms under which another class is predicted."""
        return tuple(name for name, top in self.mechanisms.items() if top.index != self.perception.index)


@dataclass(frozen=True)
class ImageDisagreement:
    """What all variants predict for one image."""

    name: str
    sha256: str  # of the file's bytes
    predictions: tuple[VariantPrediction, ...]  # in the variants' order
    js_divergence: float | None  # bits, the largest between two variants; None where no two share their classes
    variants_disagree: bool  # variants that share their classes predict different ones
    thumbnail: str = ""  # what `keep` made of the image

    @property
    def heads_disagree(self) -> bool:
        return not all(prediction.heads_agree for prediction in self.predictions)

    @property
    def changes_prediction(self) -> bool:
        return any(prediction.changes_prediction for prediction in self.predictions)


# keys to sort by: images on which there is disagreement first, then by how much; where a mechanism flips every
# prediction, as a swap often does, the margin still orders them
ORDERS: dict[str, Callable[[ImageDisagreement], tuple[float, ...]]] = {
    "heads disagree": lambda image: (
        not image.heads_disagree,
        -max((prediction.js_divergence for prediction in image.predictions), default=0.0),
    ),
    "variants disagree": lambda image: (not image.variants_disagree, -(image.js_divergence or 0.0)),
    "mechanism changes the prediction": lambda image: (
        not image.changes_prediction,
        -max((prediction.margin for prediction in image.predictions), default=0.0),
        -max((abs(prediction.change) for prediction in image.predictions), default=0.0),
    ),
}


def find_disagreements(
    files: Sequence[tuple[str, bytes]],
    cards: Sequence[Card],
    *,
    fit: str = "crop",
    load: Load = load_runner,
    keep: Callable[[Image.Image], str] = lambda image: "",
    progress: Callable[[int, int], object] = lambda done, of: None,
) -> Iterator[ImageDisagreement | Refused]:
    """For each file (name, bytes) in turn what the variants predict, or why it can't be read; one image at a time is
    open. `load` may be a caching loader; `keep` makes the thumbnail.

    `progress(done, of)` is called after each image was handed out, and what it raises ends the work. Raises an
    `ABNError` for an unknown fit or broken weights.
    """
    for done, (name, data) in enumerate(files, 1):
        try:
            picture = open_picture(data, name=name)
        except PictureError as error:
            yield Refused(display_name(name), str(error))
        else:
            yield replace(compare_predictions(picture, cards, fit=fit, load=load), thumbnail=keep(picture.image))
        progress(done, len(files))


def compare_predictions(
    picture: Picture, cards: Sequence[Card], *, fit: str = "crop", load: Load = load_runner
) -> ImageDisagreement:
    """What the variants predict for one image."""
    inputs = {spec: [fit_picture(picture, spec, fit)] for spec in {card.input for card in cards}}
    predictions, as_trained = [], []
    for inference in run_variants(inputs, cards, load=load):
        card = inference.card
        perception = {name: softmax(inference.perceive(name))[0] for name in MECHANISMS}
        predictions.append(_variant_prediction(card, softmax(inference.aux_logits)[0], perception))
        as_trained.append((class_names(card), perception[card.mechanism]))
    pairs = [(p, q) for (labels, p), (others, q) in combinations(as_trained, 2) if labels == others]
    return ImageDisagreement(
        name=picture.name,
        sha256=picture.sha256,
        predictions=tuple(predictions),
        js_divergence=max((js_divergence(p, q) for p, q in pairs), default=None),
        variants_disagree=any(p.argmax() != q.argmax() for p, q in pairs),
    )


def _variant_prediction(card: Card, auxiliary: np.ndarray, perception: Mapping[str, np.ndarray]) -> VariantPrediction:
    """From the probabilities (K,) of the auxiliary head, and of the perception head under each mechanism."""
    trained, labels = perception[card.mechanism], class_names(card)

    def top(probabilities: np.ndarray) -> Prediction:
        index = int(probabilities.argmax())
        return Prediction(index, labels[index], float(probabilities[index]))

    predicted = trained.argmax()
    return VariantPrediction(
        variant=card.id,
        trained_with=card.mechanism,
        auxiliary=top(auxiliary),
        js_divergence=js_divergence(auxiliary, trained),
        mechanisms={name: top(probabilities) for name, probabilities in perception.items()},
        change=max((float(other[predicted] - trained[predicted]) for other in perception.values()), key=abs),
        margin=max(float(other.max() - other[predicted]) for other in perception.values()),
    )
