"""Batches of image files → results. An image that can't be opened gives a result with its error; the rest of its
batch is explained."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from abn.batch.image_stream import ImageFile
from abn.engine.loading import load_runner
from abn.engine.runner import Runner
from abn.errors import ABNError, PictureError
from abn.explanations.explainer import explain_inputs
from abn.explanations.explanation import Explanation
from abn.export.figures import MAX_SIDE
from abn.images.any_source import read_picture
from abn.images.decode import Picture
from abn.images.fit import DEFAULT_FIT, Fitted, fit_picture
from abn.variants.card import Card
from abn.vocabulary import TRAINED, InputSpec


@dataclass(frozen=True, eq=False)
class ImageResult:
    """The explanations of one image file, one for each variant; or an error."""

    file: ImageFile
    error: str = ""  # one sentence; the rest is empty then
    sha256: str = ""  # of the file
    notes: tuple[str, ...] = ()  # how the image was read, one sentence each
    picture: Picture | None = None  # for figures only, at their size
    explanations: Sequence[Explanation] = ()


@dataclass(frozen=True)
class Explainer:
    """Explains batches of image files by several variants. It may be sent to another process, which then loads the
    variants itself, once."""

    cards: tuple[Card, ...] = ()
    fit: str = DEFAULT_FIT
    mechanism: str = TRAINED
    keep_pictures: bool = False  # for figures
    threads: int = 1  # 0: as many as there are cores
    device: str = "cpu"
    stretch: bool = False  # dark gray data, see open_picture

    def explain(self, batch: Sequence[ImageFile]) -> list[ImageResult]:
        """The results of a batch in order, in one forward pass of each network. Raises `ABNError` for broken
        variants."""
        fitted: dict[InputSpec, list[Fitted]] = defaultdict(list)
        results = [self._prepare(file, {card.input for card in self.cards}, fitted) for file in batch]
        rows = explain_inputs(fitted, self.cards, mechanism=self.mechanism, load=self.load) if fitted else ()
        explained = iter(rows)
        return [result if result.error else replace(result, explanations=next(explained)) for result in results]

    def load(self, card: Card) -> Runner:
        """What runs a variant, loaded once in each process. Raises `VariantError`."""
        key = (card.id, card.sha256, self.threads, self.device)
        if key not in _runners:
            _runners[key] = load_runner(card, threads=self.threads, device=self.device)
        return _runners[key]

    def _prepare(self, file: ImageFile, specs: set[InputSpec], fitted: dict[InputSpec, list[Fitted]]) -> ImageResult:
        """Open one image and fit it to each input; its own pixels, which may be many, are not kept."""
        try:
            if file.error:
                raise PictureError(file.error)
            picture = read_picture(file.path, stretch=self.stretch)
            images = {spec: fit_picture(picture, spec, self.fit) for spec in specs}
        except ABNError as error:
            return ImageResult(file, str(error))
        for spec, image in images.items():
            fitted[spec].append(image)
        if self.keep_pictures:
            picture.image.thumbnail((MAX_SIDE, MAX_SIDE))
        return ImageResult(file, "", picture.sha256, picture.notes, picture if self.keep_pictures else None)


_runners: dict[tuple, Runner] = {}  # of this process
