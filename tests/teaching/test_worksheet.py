"""Papers for a class: their answers are those of what ships and need a key, and they need nothing from elsewhere."""

import html
import re
from collections.abc import Callable, Sequence
from functools import partial
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from abn.errors import ABNError
from abn.explanations.explainer import explain
from abn.explanations.explanation import Explanation
from abn.images import samples
from abn.images.decode import open_picture
from abn.plots import numbers
from abn.teaching import class_questions, exercises, set_keys, worksheet
from abn.teaching.class_questions import ClassQuestion
from abn.teaching.lessons import STEPS
from abn.ui.layout import PAGES
from abn.variants.store import list_variants

CARDS = [card for card in list_variants() if card.family == class_questions.FAMILY]
PHOTOS = [photo for photo in samples.gallery().values() if photo.kind == "photograph"]
KEY = "K7PM-2QX9"
ANSWER = "An answer that no student may read."
QUESTIONS = [
    ClassQuestion(key, f"<b>{key} & 2</b>?", (ANSWER, "<script>alert()</script>")) for key in class_questions.KEYS
]


def link(page: str, query: dict[str, str]) -> str:
    return f"http://host:8501/{page}?{'&'.join(f'{name}={value}' for name, value in query.items())}"


@pytest.fixture(scope="module")
def by_hash(runner) -> dict[str, list[Explanation]]:
    """The hash of each photograph → its explanations, in the photographs' order."""
    images = [open_picture(photo.path.read_bytes()) for photo in PHOTOS]
    return {image.sha256: explain(image, CARDS, load=runner) for image in images}


@pytest.fixture
def shown(by_hash) -> list[list[Explanation]]:
    return list(by_hash.values())


@pytest.fixture
def questions(by_hash) -> Callable[..., list[ClassQuestion]]:
    """What makes the questions from these explanations."""
    return partial(class_questions.class_questions, lambda image, cards: by_hash[image.sha256])


def answers(questions: Callable[..., list[ClassQuestion]], key: str) -> Sequence[str]:
    return next(item.answers for item in questions() if item.key == key)


# ---- the questions ----


def test_the_first_question_has_the_predictions(shown, questions):
    for sentence, card, item in zip(answers(questions, "first"), CARDS, shown[0], strict=True):
        best = item.top("perception", 1)[0]
        assert sentence.startswith(card.title)
        assert f"{numbers.short_label(best.label)} ({numbers.percent(best.probability)}, perception head)" in sentence


def test_heads_that_disagree_are_counted_and_named(shown, questions):
    for place, sentence in enumerate(answers(questions, "heads")):
        disagreeing = [photo.title for photo, row in zip(PHOTOS, shown, strict=True) if not row[place].heads_agree]
        assert f"on {len(disagreeing)} of {len(PHOTOS)}" in sentence and all(title in sentence for title in disagreeing)


def test_ranges_are_those_of_the_first_photograph(shown, questions):
    for explanation, card, sentence in zip(shown[0], CARDS, answers(questions, "range"), strict=False):
        assert f"{explanation.attention.min():.2f} to {explanation.attention.max():.2f}" in sentence
        assert sentence.startswith(card.title)


def test_the_inverted_variant_comes_with_its_numbers_and_is_called_engineered(questions):
    (question,) = [question for question in questions() if question.key == "inverted"]
    correlation = re.search(r"−?[01]\.\d\d", question.answers[0])
    assert correlation and correlation[0].startswith("−") and "engineered" in question.text
    assert f"of {len(PHOTOS)} photographs" in question.answers[1]


def test_pointing_is_that_of_the_cards(questions):
    for sentence, card in zip(answers(questions, "pointing"), CARDS, strict=True):
        assert f"{100 * card.measured['masked']['pointing']:.0f} % of {card.measured['masked']['count']}" in sentence


def test_the_study_answers_the_last_question(questions):
    asked = questions(["Higher by 1 point."], {"imagenet-lite0-additive-unfolded": ["It turns."]})
    assert next(question for question in asked if question.key == "taught").answers == ["It turns."]
    assert asked[-1].answers == ["Higher by 1 point."] and [question.key for question in asked] == list(
        class_questions.KEYS
    )
    without = [key for key in class_questions.KEYS if key not in ("taught", "study")]
    assert [question.key for question in questions()] == without


# ---- the plans ----


@pytest.mark.parametrize("minutes", worksheet.DURATIONS)
def test_a_plan_takes_its_minutes_without_a_gap(minutes):
    spans = [tuple(map(int, activity.minutes.split("–"))) for activity in worksheet.PLANS[minutes]]
    assert spans[0][0] == 0 and spans[-1][1] == minutes
    assert all(item[1] == other[0] for item, other in pairwise(spans))


@pytest.mark.parametrize("minutes", worksheet.DURATIONS)
def test_a_plan_names_pages_steps_and_questions_that_there_are(minutes):
    activities = worksheet.PLANS[minutes]
    assert worksheet.DURATIONS == (45, 90) and sum(activity.set for activity in activities) == 1
    for activity in activities:
        assert activity.page in PAGES and set(activity.questions) <= set(class_questions.KEYS)
        assert set(activity.steps) <= set(range(1, len(STEPS) + 1))
        if activity.steps:
            assert activity.query.get("step", "1") == str(activity.steps[0])
    assert len({key for activity in activities for key in activity.questions}) >= 4


def test_the_plan_of_90_minutes_has_every_step():
    assert {step for activity in worksheet.PLANS[90] for step in activity.steps} == set(range(1, len(STEPS) + 1))


def test_the_plan_of_45_minutes_begins_with_why_an_attention_branch_and_its_parts():
    steps = [step for activity in worksheet.PLANS[45] for step in activity.steps]
    assert steps[:2] == [1, 2]


# ---- the papers ----


def papers() -> dict[str, str]:
    return {
        "plan": worksheet.plan(90, 7, QUESTIONS, link),
        "handout": worksheet.handout(90, 7, QUESTIONS, link),
        "answers": worksheet.answers(KEY, QUESTIONS),
    }


@pytest.mark.parametrize("paper", ["plan", "handout", "answers"])
def test_a_paper_is_whole_and_asks_for_nothing_elsewhere(paper):
    document, seen = papers()[paper], []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            seen.append((tag, dict(attrs)))

    Reader().feed(document)
    assert document.startswith("<!doctype html>") and "&lt;b&gt;first &amp; 2" in document
    assert not any(tag == "script" or "src" in attrs or "href" in attrs for tag, attrs in seen)


@pytest.mark.parametrize("paper", ["plan", "handout"])
@pytest.mark.parametrize("minutes", worksheet.DURATIONS)
def test_what_students_may_get_has_no_answers(paper, minutes):
    document = html.unescape(getattr(worksheet, paper)(minutes, 7, QUESTIONS, link))
    material = exercises.read_material()
    drawn = exercises.draw_questions(7, material=material)
    assert ANSWER not in document and not any(step.notice in document for step in STEPS)
    assert not any(question.explanation in document or f">{question.right}<" in document for question in drawn)
    assert not any(material.items[question.image].title in document for question in drawn)
    assert "set=7" in document and "step=3" in document


def test_the_handout_has_a_code_for_each_activity_and_every_task():
    document = worksheet.handout(90, 7, QUESTIONS, link)
    assert document.count("<svg") == len(worksheet.PLANS[90])
    assert all(step.task in html.unescape(document) for step in STEPS)


def test_the_answers_are_those_of_the_key():
    document = html.unescape(worksheet.answers(KEY, QUESTIONS))
    material = exercises.read_material()
    drawn = exercises.draw_questions(set_keys.set_of_key(KEY), material=material)
    assert all(f"<b>{question.right}</b>" in document and question.explanation in document for question in drawn)
    assert ANSWER in document and all(step.notice in document for step in STEPS)
    with pytest.raises(ABNError):
        worksheet.answers("7", QUESTIONS)


# ---- keys of sets ----


def test_a_key_always_gives_the_same_set_however_it_is_typed():
    assert set_keys.set_of_key(KEY) == set_keys.set_of_key(" k7pm 2qx9 ") == 1873
    assert set_keys.read_key("k7pm2qx9") == KEY


def test_new_keys_differ_and_their_sets_are_spread():
    keys = {set_keys.make_key() for _ in range(500)}
    assert len(keys) == 500 and {set_keys.read_key(key) for key in keys} == keys
    sets = {set_keys.set_of_key(key) for key in keys}
    assert len(sets) > 450 and sets <= set(exercises.SETS)


@pytest.mark.parametrize(
    "text", ["", "7", "K7PM-2QX", "K7PM-2QX9X", "K7PM-2QXO", "K7PM-2QX!", "K" * 10_000, "K7PM２QX9"]
)
def test_what_is_no_key_is_refused(text):
    with pytest.raises(ABNError, match="8 letters"):
        set_keys.set_of_key(text)
