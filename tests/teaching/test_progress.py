"""Progress as a text: written and read it is the same, and what a browser may hold instead is no progress."""

import json
from typing import Any

import pytest
from fuzzing import fuzz
from hypothesis import given
from hypothesis import strategies as st

from abn.teaching import exercises, progress
from abn.teaching.exercises import Attempt, draw_questions, read_material, score_answer
from abn.teaching.lessons import STEPS
from abn.teaching.progress import KeptProgress, KeptSet, read_progress, restore_attempt, write_progress

MATERIAL = read_material()
QUESTIONS = draw_questions(7, material=MATERIAL)
FINGERPRINT = exercises.fingerprint(QUESTIONS, material=MATERIAL)
ANSWERS = {q.number: q.options[0] if q.options else (3, 4) for q in QUESTIONS[:3]}


def attempt(index: int = 3) -> Attempt:
    given = {q.number: score_answer(q, ANSWERS[q.number], material=MATERIAL) for q in QUESTIONS[:3]}
    return Attempt(given, FINGERPRINT, index)


def stored(**changes: Any) -> str:
    """A text with one set, some of whose parts are changed."""
    kept = {"questions": FINGERPRINT, "index": 3, "answers": {"1": [3, 4], "2": ANSWERS[2], "3": ANSWERS[3]}}
    return json.dumps({"version": 1, "lessons": [], "sets": {"7": kept | changes}})


def test_what_is_written_is_read_again():
    text = write_progress({"why", "parts"}, {7: attempt()}, {})
    kept = read_progress(text)
    assert kept.lessons == {"why", "parts"} and list(kept.sets) == [7]
    assert restore_attempt(kept.sets[7], QUESTIONS, material=MATERIAL) == attempt()
    assert write_progress(kept.lessons, {}, kept.sets) == text  # also without being opened


def test_no_progress_is_no_text():
    assert write_progress((), {7: Attempt()}, {}) == "" and not read_progress("")


def test_the_latest_sets_are_kept():
    many = {seed: KeptSet("", 0, {1: "auxiliary"}) for seed in range(1, 40)}
    text = write_progress({step.key for step in STEPS}, {}, many)
    assert list(read_progress(text).sets) == list(range(28, 40)) and len(text) < progress.MAX_CHARACTERS


def test_answers_to_other_questions_are_dropped():
    kept = read_progress(stored(questions="0" * 16)).sets[7]
    assert restore_attempt(kept, QUESTIONS, material=MATERIAL) == Attempt({}, FINGERPRINT)


@pytest.mark.parametrize(
    "answers",
    [
        {"1": "<script>", "2": "perception"},
        {"1": [99, 0]},
        {"2": "perception"},  # without the first
        {"1": [3, 4, 5]},
        {"1": [True, 0]},
        {"1": None, "99": "auxiliary"},
    ],
)
def test_impossible_answers_are_dropped(answers):
    sets = read_progress(stored(answers=answers)).sets
    for kept in sets.values():
        assert restore_attempt(kept, QUESTIONS, material=MATERIAL).answers == {}


@pytest.mark.parametrize("index", [-5, 0, 3, 8, 10**9])
def test_the_question_shown_is_at_most_the_first_without_an_answer(index):
    restored = restore_attempt(read_progress(stored(index=index)).sets[7], QUESTIONS, material=MATERIAL)
    assert 0 <= restored.index <= 3 and len(restored.answers) == 3


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        "",
        "no JSON",
        "[]",
        "null",
        "[" * 10_000,
        "9" * 10_000,
        '{"version": 2, "lessons": ["why"], "sets": {}}',
        '{"version": 1, "lessons": "why", "sets": []}',
        '{"version": 1, "lessons": [["why"], {}, null, "no-such-step"], "sets": {}}',
        '{"version": 1, "lessons": [], "sets": {"0": {}, "10000": {}, "x": {}, "7": [], "8": {"index": NaN}}}',
        stored(index=True),
        stored(index="3"),
        stored(answers=[]),
        stored(answers={}),
        " " * (progress.MAX_CHARACTERS + 1) + stored(),
    ],
)
def test_what_is_no_progress_counts_as_none(text):
    assert read_progress(text) == KeptProgress()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from("version lessons sets 7 index answers questions 1 2".split()), inner, max_size=6
        )
    ),
)


@fuzz(200)
@given(JSON, JSON)
def test_any_json_is_read_without_an_error(whole, part):
    texts = json.dumps(whole), stored(answers=part), json.dumps({"version": 1, "lessons": part, "sets": whole})
    for text in texts:
        kept = read_progress(text)
        assert kept.lessons <= {step.key for step in STEPS} and all(seed in exercises.SETS for seed in kept.sets)
        for one_set in kept.sets.values():
            restored = restore_attempt(one_set, QUESTIONS, material=MATERIAL)
            assert restored.index <= len(restored.answers) <= len(QUESTIONS)
