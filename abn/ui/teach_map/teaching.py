"""The fine-tuning of a variant with the session's examples: its plan, its thread, and its result, which is kept."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from abn.errors import ABNError
from abn.images.decode import open_picture
from abn.images.samples import Photo
from abn.training.map_teaching.examples import Example, check_examples
from abn.training.map_teaching.settings import Settings
from abn.ui.measure.sections import seconds_of_passes
from abn.ui.own import session_variants
from abn.ui.runtime import models
from abn.ui.runtime.background_work import BackgroundWork, Reporter
from abn.ui.runtime.fair_queue import FairQueue
from abn.ui.runtime.turns import get_long_queue, get_queue
from abn.ui.state import state
from abn.ui.teach_map import session_examples, words
from abn.ui.teach_map.session_examples import KeptExample
from abn.variants import checkpoint, own, store
from abn.variants.card import Card
from abn.variants.own import OwnVariant

if TYPE_CHECKING:  # they import torch, for which no first view waits
    from abn.network.model import AttentionBranchNetwork
    from abn.training.map_teaching.fine_tuning import Progress
    from abn.training.map_teaching.report import TeachingReport
    from abn.training.map_teaching.teaching import TaughtVariant

PASSES_PER_IMAGE = 2  # forward passes that take as long as one image of a step
PASSES_PER_MEASURED = 4  # the same for an image that is only opened and measured
MEASURED = 100  # images, about: labeled ones, replayed ones, held-out ones
REPLAYED = 8  # images of a step, where the gallery has as many
SHARE_OF_STEPS = 0.94  # of the progress; the rest is for measuring


@dataclass(frozen=True, eq=False)
class TeachingPlan:
    """All that a fine-tuning depends on."""

    card: Card
    kept: tuple[KeptExample, ...]
    settings: Settings
    fit: str
    watched: int  # the example whose map is shown meanwhile

    @property
    def digest(self) -> str:
        parts = [f"{self.card.id} {self.card.sha256} {self.fit} {astuple(self.settings)}".encode()]
        return hashlib.sha256(b"".join([*parts, *(example.digest for example in self.kept)])).hexdigest()


@dataclass(frozen=True)
class Moment:
    """Where a fine-tuning stands."""

    progress: "Progress"
    share: float  # of the whole work that is done, 0 … 1


@dataclass(frozen=True, eq=False)
class TaughtResult:
    """What a fine-tuning came to, as the session keeps it; the network itself is among the session's own variants."""

    variant: str  # id of the taught variant
    title: str
    plan: TeachingPlan
    held_out: tuple[Photo, ...]
    report: "TeachingReport"
    exported: Card  # the card in the file that is exported


@dataclass(frozen=True, eq=False)
class RunningTeaching:
    """The one fine-tuning that a session runs."""

    plan: TeachingPlan
    work: "BackgroundWork[Moment, tuple[OwnVariant, TaughtResult]]"


def estimate_seconds(card: Card, examples: int, settings: Settings) -> float:
    """Seconds that the fine-tuning, its control and the measurements take, from timed passes on this machine."""
    images = settings.steps * (min(settings.batch, max(1, examples)) + REPLAYED)
    passes = 2 * PASSES_PER_IMAGE * images + PASSES_PER_MEASURED * MEASURED
    return seconds_of_passes(card, passes)


def find_result(plan: TeachingPlan) -> TaughtResult | None:
    """What this very plan came to, as long as the session holds the taught variant."""
    return next((result for digest, result in _results() if digest == plan.digest), None)


def latest_result() -> TaughtResult | None:
    return next((result for _, result in reversed(_results())), None)


def _results() -> list[tuple[str, TaughtResult]]:
    return [(digest, result) for digest, result in state.taught.items() if result.variant in state.own_variants]


def watch(plan: TeachingPlan) -> Iterator[Moment | None]:
    """Begin the fine-tuning, unless it runs, and tell where it stands until it is done. Raises `ABNError`."""
    if state.teaching is None:
        state.teaching = _begin(plan)
    yield from state.teaching.work.watch()


def keep_result() -> None:
    """Keep what the finished fine-tuning came to, its variant among the session's own. Raises `ABNError`."""
    running, state.teaching = state.teaching, None
    if running:
        variant, result = running.work.result()
        key = session_variants.keep_variant(variant)
        session_variants.list_variant(key)
        result = replace(result, title=state.own_variants[key].card.title)
        state.taught = dict(_results()) | {running.plan.digest: result}


def stop() -> None:
    """End the fine-tuning, if one runs; nothing of it is kept."""
    if state.teaching:
        state.teaching.work.stop()
    state.teaching = None


def _begin(plan: TeachingPlan) -> RunningTeaching:
    """Check everything that a person may have given, then begin."""
    if not plan.settings.map_weight:
        raise ABNError(words.NO_WEIGHT)
    examples = check_examples(session_examples.make_examples(plan.kept, plan.card, plan.fit), plan.card)
    session_variants.check_limits(sum(plan.card.parameters.values()))
    network = models.load_network(plan.card)
    return RunningTeaching(
        plan, BackgroundWork(partial(_teach, plan, examples, network, get_queue(), get_long_queue()))
    )


def _teach(
    plan: TeachingPlan,
    examples: Sequence[Example],
    network: "AttentionBranchNetwork",
    queue: FairQueue,
    long_queue: FairQueue,
    reporter: Reporter[Moment],
) -> tuple[OwnVariant, TaughtResult]:
    """The whole work, in a thread that knows no session; between its parts, pages that wait compute first."""
    from abn.training.map_teaching.teaching import held_out_photos, teach_variant

    turn = queue.turn(reporter.check)

    def pause() -> None:
        reporter.check()
        turn.pass_on()

    def report(progress: "Progress") -> None:
        steps = progress.step / progress.steps + progress.control
        reporter.report(Moment(progress, SHARE_OF_STEPS * steps / 2))
        turn.pass_on()

    with long_queue.turn(reporter.check), turn:
        held_out = held_out_photos(plan.card, {example.picture.sha256 for example in examples})
        taught = teach_variant(
            plan.card,
            examples,
            plan.settings,
            network=network,
            fit=plan.fit,
            held_out=[open_picture(photo.path.read_bytes(), name=photo.file) for photo in held_out],
            watched=plan.watched,
            each=1,
            progress=report,
            pause=pause,
        )
        variant, exported = _make_own(taught)
        return variant, TaughtResult(variant.card.id, "", plan, tuple(held_out), taught.report, exported)


def _make_own(taught: "TaughtVariant") -> tuple[OwnVariant, Card]:
    """The taught variant as if its exported file had been uploaded, so that both are the same; and the file's card."""
    source = taught.source
    title = source.title.split(" (yours")[0]
    card = taught.make_card(f"{source.id.replace(':', '-')}-taught", title=words.TAUGHT_TITLE.format(title=title))
    card = replace(card, family=card.family.removeprefix(checkpoint.PREFIX))
    data, _ = _pack(taught.network, card)
    read = checkpoint.read_files({"taught": checkpoint.NamedFile(card.id, data)})["taught"]
    if not isinstance(read, checkpoint.Checkpoint):
        raise read or ABNError(words.UNREADABLE)
    return own.load_checkpoint(read), card


def export_file(network: "AttentionBranchNetwork", card: Card) -> bytes:
    """The weights of a taught variant with its card in their header."""
    return _pack(network, card)[0]


def _pack(network: "AttentionBranchNetwork", card: Card) -> tuple[bytes, Card]:
    from abn.training.map_teaching.fine_tuning import is_half

    return store.pack_variant(network, card, half=is_half(network))
