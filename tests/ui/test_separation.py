"""Nobody gets another's picture, result or edit: sessions interleaved thousands of times, on pictures that are as alike
as can be (equal names, equal sizes, one pixel apart), in threads that share the networks, the queue and the caches."""

import random
import threading
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
import tiny
from load.photographs import photographs
from streamlit.testing.v1 import AppTest

from abn import vocabulary
from abn.engine.loading import load_runner
from abn.explanations.explainer import explain
from abn.explanations.interventions import PRESETS, attend_image
from abn.images import samples
from abn.images.decode import open_picture
from abn.plots import numbers
from abn.ui.runtime import cache, cached_inference, models
from abn.vocabulary import MECHANISMS

ROOT = Path(__file__).parents[2]
STUDENTS = 8


class Sessions(threading.local):
    """In place of `st.session_state`: each thread is a session of its own."""

    def __init__(self):
        self.held = {}

    def __getattr__(self, name):
        return getattr(self.__dict__["held"], name)

    def __setitem__(self, key, value):
        self.held[key] = value

    def __getitem__(self, key):
        return self.held[key]


def one_pixel_apart(count: int) -> list[bytes]:
    """BMP files of one size, each with another pixel changed."""
    from io import BytesIO

    from PIL import Image

    ground = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    files = []
    for k in range(count):
        values = ground.copy()
        values[k // 12 + 4, k % 12 + 4] ^= 255
        file = BytesIO()
        Image.fromarray(values).save(file, "BMP")
        files.append(file.getvalue())
    assert len(set(files)) == count and len({len(file) for file in files}) == 1
    return files


@pytest.fixture
def tiny_live(clean_caches, monkeypatch, tmp_path):
    """One tiny variant and its runner, and a session for each thread."""
    card = tiny.variant(tmp_path, "tiny", tiny.network())
    runner = load_runner(card)
    monkeypatch.setattr(models, "load_runner", lambda card: runner)
    monkeypatch.setattr(st, "session_state", Sessions())
    return card, runner


@pytest.mark.parametrize("rounds", [60, pytest.param(5000, marks=pytest.mark.nightly)])
def test_results_of_pictures_one_pixel_apart_never_change_places(tiny_live, rounds):
    card, runner = tiny_live
    pictures = [open_picture(data, name="photo.bmp") for data in one_pixel_apart(24)]
    expected = [explain(picture, [card], load=lambda card: runner)[0] for picture in pictures]
    subjects = [attend_image(picture, card, load=lambda card: runner) for picture in pictures]
    edited = [subject.predict(PRESETS["inverted"](subject.attention)) for subject in subjects]
    assert (
        len({subject.attention.tobytes() for subject in expected})
        == len({subject.tobytes() for subject in edited})
        == 24
    )
    wrong, done, errors = [], [], []

    def student(number: int) -> None:
        dice = random.Random(number)
        try:
            for _ in range(rounds):
                k = dice.randrange(24)
                (result,) = cached_inference.explain_image(pictures[k], [card])
                (after,) = cached_inference.predict(pictures[k], card, "crop", [PRESETS["inverted"](result.attention)])
                same = np.array_equal(result.attention, expected[k].attention)
                same &= np.array_equal(result.perception, expected[k].perception)
                same &= np.allclose(after, edited[k], atol=1e-6)
                done.append(k)
                if not same:
                    wrong.append((number, k))
                if dice.random() < 0.05:
                    st.session_state.held.clear()  # a new session
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=student, args=(number,)) for number in range(STUDENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and wrong == [] and len(done) == STUDENTS * rounds


def test_what_all_may_see_is_only_of_shipped_pictures(tiny_live, monkeypatch):
    card, _ = tiny_live
    mine = open_picture(one_pixel_apart(1)[0], name="mine.bmp")
    shipped = open_picture(next(iter(samples.gallery().values())).path.read_bytes())
    cached_inference.explain_image(mine, [card])
    assert not cache.server_cache().entries
    cached_inference.explain_image(shipped, [card])
    (key,) = cache.server_cache().entries
    assert key[1] == shipped.sha256 and mine.sha256 not in str(st.session_state.held.get("photo"))


@pytest.mark.slow
def test_pages_of_interleaved_sessions_show_their_own_pictures(ready, runner):
    """Six sessions upload pictures of one name, page about in turn, and hold nothing of each other's."""
    files = photographs(6, seed=3)
    expected = []
    for data in files:
        explanations = explain(open_picture(data), [f"imagenet-lite0-{name}" for name in MECHANISMS], load=runner)
        expected.append(
            [
                numbers.percent(explanation.top(head, 1)[0].probability)
                for explanation in explanations
                for head in vocabulary.HEADS
            ]
        )
    assert len({tuple(row) for row in expected}) == 6
    hashes = [open_picture(data).sha256 for data in files]
    sessions = [AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run() for _ in files]
    for turn in range(3):
        order = random.Random(turn).sample(range(6), 6)
        for k in order:
            at = sessions[k]
            if turn == 0:
                at.file_uploader(key="files").set_value([("photo.jpg", files[k], "image/jpeg")]).run()
            elif turn == 1:
                at.switch_page("pages/Intervene.py").run()
                assert not at.exception
                continue
            else:
                at.switch_page("app.py").run()
            assert not at.exception
            shown = [
                value for html in at.html if 'class="abn-prediction"' in html.value for value in _numbers(html.value)
            ]
            assert shown == expected[k]
            held = str(at.session_state["uploads"].keys()) + str(at.session_state["cache"].entries.keys())
            assert hashes[k] in held and not any(other in held for other in hashes if other != hashes[k])


def _numbers(body: str) -> list[str]:
    import re

    return re.findall(r"<dd>([^<]*%)</dd>", body)
