"""What the server computes as it starts is what the first page shows, and the server starts with it."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from abn.errors import ABNError
from abn.explanations import explainer
from abn.ui.compare import warm_up


def fail(*_given, **_options):
    raise ABNError("computed")


def test_the_first_view_is_computed_before_anybody_comes(ready, monkeypatch):
    warm_up.compute_first_view()
    monkeypatch.setattr(explainer, "explain", fail)
    at = ready.run()
    assert not at.exception and not at.error
    at.session_state["fit"] = "squash"  # which nobody asked for
    assert [error.value for error in at.run().error] == ["computed"]


def test_what_fails_as_the_server_starts_is_left_to_the_page(clean_caches, monkeypatch):
    monkeypatch.setattr(explainer, "explain", fail)
    warm_up.compute_first_view()


def test_the_server_begins_it_beside_itself(monkeypatch):
    import app  # as `streamlit run` does

    begun, go_on = threading.Event(), threading.Event()

    def compute() -> None:
        begun.set()
        assert go_on.wait(60)

    monkeypatch.setattr(warm_up, "compute_first_view", compute)

    async def start() -> bool:
        async with app.app._user_lifespan(app.app):
            running = begun.wait(60)  # while it goes on, the server is up
            go_on.set()
        return running

    with ThreadPoolExecutor(1) as pool:  # a loop of its own, whatever runs in this thread
        assert pool.submit(asyncio.run, start()).result()


@pytest.fixture(autouse=True)
def _root_on_the_path(monkeypatch):
    from conftest import ROOT

    monkeypatch.syspath_prepend(str(ROOT))
