"""Torch and the networks are loaded in the background, while the first page already stands with stored results."""

import gc
import logging
import threading

import streamlit as st

from abn.errors import ABNError
from abn.images import samples
from abn.images.decode import open_picture
from abn.ui.controls.selection import default_variants
from abn.ui.runtime import cache, cached_inference, models
from abn.ui.runtime.engine import background_turn, get_engine
from abn.variants.store import find_problems, list_variants

LOADING = "The networks are loading: a few seconds, once."
UNLOADABLE = "The networks can't be loaded here; the server's log says why."

log = logging.getLogger(__name__)


def start_loading() -> None:
    """To be called last on a page, so that the first view need not share the processor: start to load, look every other
    second, and draw the page again once the networks are there."""
    engine = get_engine()
    if engine.load_ended.is_set():
        return
    if engine.start_lock.acquire(blocking=False):
        threading.Thread(target=load, name="abn-loading", daemon=True).start()
    _rerun_once_loaded()


@st.fragment(run_every="2s")
def _rerun_once_loaded() -> None:
    if get_engine().load_ended.is_set():
        st.rerun(scope="app")


def show_status() -> None:
    """One sentence on why the networks can't run: they still load, or can't be loaded."""
    if get_engine().load_ended.is_set():
        st.error(UNLOADABLE, icon=":material/error:")
    else:
        st.info(LOADING, icon=":material/hourglass_top:")


def require_models() -> None:
    """End the page with a sentence while the networks load."""
    if not get_engine().ready:
        show_status()
        start_loading()
        st.stop()


def load() -> None:
    """Load torch and the networks of the first family; the others are loaded when they are asked for."""
    engine = get_engine()
    try:
        import torch

        import abn.explanations.explainer
        import abn.explanations.interventions

        torch.set_num_threads(1)  # many sessions on few cores: one thread for each is the fastest for all
        cards = list_variants()
        for card in (card for card in cards if card.family == cards[0].family):
            try:
                network = models.load_network(card)
                with torch.inference_mode():
                    network(torch.zeros(1, 3, card.input.size, card.input.size))
            except ABNError as error:
                log.warning("%s", error)
        engine.ready = True
    except Exception:
        log.exception("the networks could not be loaded")
    finally:
        engine.load_ended.set()
    import scipy.stats  # noqa: F401  the page Study would wait for it

    import abn.study.figures  # noqa: F401

    gc.collect()
    gc.freeze()  # torch's hundreds of thousands of objects stay: no later collection looks through them
    if engine.ready:
        explain_gallery()


def explain_gallery() -> None:
    """Explain the gallery's photographs by the variants that Compare shows first, in turns, as people would."""
    unusable = find_problems()
    cards = {card.id: card for card in list_variants() if card.id not in unusable}
    shown = [cards[variant] for variant in default_variants(list(cards.values()))]
    for photo in samples.gallery().values():
        if photo.kind == "photograph":
            picture = open_picture(photo.path.read_bytes(), name=photo.file)
            try:
                cached_inference.explain_cached(picture, shown, cache.server_cache(), background_turn())
            except ABNError as error:
                log.warning("%s: %s", photo.file, error)
