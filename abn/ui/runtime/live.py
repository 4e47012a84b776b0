"""The live models: loaded once for all sessions, in the background, while the first view already stands.

Torch takes seconds to import, so nothing here imports it on a page's path; `Engine.alive` tells whether it is there.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import streamlit as st

from abn.errors import ABNError
from abn.explanations import first_view
from abn.explanations.explanation import Explanation
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.ui import layout
from abn.ui.controls import received_files, selection
from abn.ui.own import session_variants
from abn.ui.runtime import cache, memory
from abn.ui.runtime.fair_queue import FairQueue
from abn.variants.card import Card
from abn.variants.own import is_own
from abn.variants.store import list_variants, problems
from abn.vocabulary import TRAINED

if TYPE_CHECKING:
    from abn.evaluation.cost import PartCost
    from abn.explanations.interventions import Subject

EVERYBODYS, ONES_OWN = 128, 16  # explanations on a shelf at most; one takes 0.2 MB, and thirty have a shelf each
MODELS = 16  # kept in memory at most; one of lite0's takes 40 MB

UNLOADABLE = "The networks can't be loaded here; the server's log says why."

Made = TypeVar("Made")

log = logging.getLogger(__name__)


class Engine:
    """What all sessions share: whether torch is ready, and how many may compute at once."""

    def __init__(self) -> None:
        memory.share_one_heap()
        received_files.never_on_disk()
        self.settled = threading.Event()  # loading has ended, well or not
        self.alive = False  # the live models can be asked
        self.turns = FairQueue(os.cpu_count() or 1, layout.tell_place)
        self._start = threading.Lock()  # taken once and never given back

    def start(self) -> None:
        """Begin to load, the first time that this is called; returns at once."""
        if self._start.acquire(blocking=False):
            threading.Thread(target=self._warm_up, name="abn-warm-up", daemon=True).start()

    def _warm_up(self) -> None:
        try:
            import torch

            import abn.explanations.explainer
            import abn.explanations.interventions

            torch.set_num_threads(1)  # many sessions on few cores: one thread for each is the fastest for all
            cards = list_variants()
            for card in (card for card in cards if card.family == cards[0].family):  # the others when they are asked
                try:
                    network = _shipped(card.id, card.sha256, card)
                    with torch.inference_mode():
                        network(torch.zeros(1, 3, card.input.size, card.input.size))
                except ABNError as error:
                    log.warning("%s", error)
            self.alive = True
        except Exception:
            log.exception("the live models could not be prepared")
        finally:
            self.settled.set()
            memory.keep_giving_back()
        import scipy.stats  # noqa: F401  and what the page Study would wait for

        import abn.study.figures  # noqa: F401

        if self.alive:
            _know_the_gallery()


@st.cache_resource(max_entries=1, show_spinner=False)
def engine() -> Engine:
    """The one engine of this server."""
    return Engine()


def _know_the_gallery() -> None:
    """Ask the networks that Compare shows first about the gallery's pictures, one after the other, as people would."""
    unusable = problems()
    whole = [card for card in list_variants() if card.id not in unusable]
    ids = selection.default_variants(whole)
    first = [card for card in whole if card.id in ids]
    for photo in samples.gallery().values():
        if photo.kind == "photograph":
            try:
                explain_image(open_picture(photo.path.read_bytes(), name=photo.file), first)
            except ABNError as error:
                log.warning("%s: %s", photo.file, error)


def cards() -> list[Card]:
    """The variants that this session can choose from: the shipped ones that are whole, then its own."""
    unusable = problems()
    return [card for card in list_variants() if card.id not in unusable] + session_variants.cards()


def network(card: Card):
    """The network of a variant. A shipped one's is one copy for all sessions, as its forward pass keeps nothing; an own
    one's is in this session's hands alone."""
    return session_variants.network(card.id) if is_own(card.id) else _shipped(card.id, card.sha256, card)


@st.cache_resource(max_entries=MODELS, show_spinner=False)
def _shipped(variant: str, sha256: str, _card: Card):
    from abn.variants.store import load_variant

    return load_variant(_card)


def computed(
    shelf: str | cache.BoundedCache, keys: Sequence[tuple], make: Callable[[list[int]], Sequence[Made]], *, most: int
) -> list[Made]:
    """What `shelves.kept` gives; where it can't be computed the page says so in a sentence and ends."""
    try:
        return cache.get_or_compute(shelf, keys, make, most=most)
    except ABNError as error:
        st.error(layout.escape_markdown(str(error)), icon=":material/error:")
        st.stop()


def subjects(picture: Picture, cards: Sequence[Card], fit: str) -> "list[Subject]":
    """g(x) and M of one picture in several networks, kept for the session; only once the networks are `alive`."""
    keys = [(picture.sha256, card.id, card.sha256, fit) for card in cards]

    def make(places: list[int]) -> "list[Subject]":
        from abn.explanations import interventions

        with engine().turns:
            return interventions.subjects(picture, [cards[place] for place in places], fit=fit, load=network)

    return computed("subjects", keys, make, most=16)


def subject(picture: Picture, card: Card, fit: str) -> "Subject":
    """The same in one network."""
    return subjects(picture, [card], fit)[0]


def answers(
    picture: Picture, card: Card, fit: str, maps: Sequence[np.ndarray], mechanism: str | None = None
) -> list[np.ndarray]:
    """What the perception head says of each map (h, w), by a mechanism (None: the one trained with): probabilities
    (K,). Only the perception branch runs, and only for maps that this session has not asked about yet."""
    applied = mechanism or card.mechanism
    whose = (picture.sha256, card.id, card.sha256, fit, applied)
    if applied == "none":  # no map is applied, so that all have one answer
        return [_answers(picture, card, fit, maps[:1], applied, [whose])[0]] * len(maps)
    keys = [(*whose, np.asarray(values, np.float32).tobytes()) for values in maps]
    return _answers(picture, card, fit, maps, applied, keys)


def _answers(
    picture: Picture, card: Card, fit: str, maps: Sequence[np.ndarray], mechanism: str, keys: Sequence[tuple]
) -> list[np.ndarray]:
    def make(places: list[int]) -> list[np.ndarray]:
        asked = subject(picture, card, fit)
        with engine().turns:
            return list(asked.answers(np.stack([maps[place] for place in places]), mechanism))

    return computed("answers", keys, make, most=256)


def explain_image(
    picture: Picture, cards: Sequence[Card], *, fit: str = first_view.FIT, mechanism: str = TRAINED
) -> list[Explanation] | None:
    """Explanations from the live models, or as shipped while these load; None where only waiting helps.

    Variants whose weights are broken are left out of the answer; `broken` says why.
    """
    if engine().alive:
        unusable = broken(cards)
        sound = [card for card in cards if card.id not in unusable]
        keys = [(picture.sha256, card.id, card.sha256, fit, _applied(card, mechanism)) for card in sound]

        everybodys = picture.sha256 in samples.by_bytes() and not any(is_own(card.id) for card in sound)
        shelf = cache.server_cache("explanations") if everybodys else cache.session_cache("explanations")
        most = EVERYBODYS if everybodys else ONES_OWN

        def make(places: list[int]) -> list[Explanation]:
            from abn.explanations.explainer import explain

            with engine().turns:
                if all(meanwhile := [shelf.get(keys[place]) for place in places]):
                    return meanwhile  # another session asked for the same, and this one waited for its turn
                return explain(picture, [sound[place] for place in places], fit=fit, mechanism=mechanism, load=network)

        return computed(shelf, keys, make, most=most)
    if fit == first_view.FIT and mechanism == TRAINED:
        return first_view.shipped(picture, cards)
    return None


def _applied(card: Card, mechanism: str) -> str:
    return card.mechanism if mechanism == TRAINED else mechanism


def broken(cards: Sequence[Card]) -> dict[str, str]:
    """Variant id → one sentence, for the cards whose weights turn out to be unusable; empty while they load."""
    found = {}
    for card in cards if engine().alive else ():
        try:
            network(card)
        except ABNError as error:
            found[card.id] = str(error)
    return found


def measure_cost(card: Card, batches: Sequence[int], progress: Callable[[float], object]) -> list["PartCost"]:
    """Measure what a variant's network costs on this machine, once a turn is free; `progress` gets 0 as it begins, and
    the share that is done. Whatever `progress` raises ends it and gives the turn back."""
    from abn.evaluation import cost

    measured = network(card)
    with engine().turns:
        progress(0.0)
        return cost.measure(measured, card.input.size, batches=batches, progress=progress)


def work(job: Callable[[], Made], tell: Callable[[float], object]) -> Made:
    """Do a job beside the page once a turn is free; meanwhile `tell` gets the seconds, some times in each. Whatever
    `tell` raises, as Streamlit does when a person presses something, leaves the job: it is not begun any more, or what
    it makes is dropped. What the job raises is raised here."""
    left, turns = threading.Event(), engine().turns

    def in_turn() -> Made | None:
        with turns:
            return None if left.is_set() else job()

    begun, pool = time.monotonic(), ThreadPoolExecutor(1, thread_name_prefix="abn-work")
    try:
        doing = pool.submit(in_turn)
        while wait([doing], timeout=0.3).not_done:
            tell(time.monotonic() - begun)
        return doing.result()
    finally:
        left.set()
        pool.shutdown(wait=False)


def why_not() -> None:
    """One sentence on why there is no answer: the models still load, or can't be loaded."""
    if engine().settled.is_set():
        st.error(UNLOADABLE, icon=":material/error:")
    else:
        st.info("The networks are loading: a few seconds, once.", icon=":material/hourglass_top:")


def need() -> None:
    """End the page with a sentence while the networks load."""
    if not engine().alive:
        why_not()
        take_over()
        st.stop()


def take_over() -> None:
    """To be called last on a page, so that the first view need not share the processor: start loading the live models,
    look every other second, and draw the page anew when they are there."""
    if not engine().settled.is_set():
        engine().start()
        _look_again()


@st.fragment(run_every="2s")
def _look_again() -> None:
    if engine().settled.is_set():
        st.rerun(scope="app")
