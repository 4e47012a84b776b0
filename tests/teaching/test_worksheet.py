"""The instructor's sheet: its answers are those of what ships, and it needs nothing from elsewhere."""

import html
from collections.abc import Callable, Sequence
from functools import partial
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from abn.explanations.explainer import explain
from abn.explanations.explanation import Explanation
from abn.images import samples
from abn.images.decode import open_picture
from abn.plots import numbers
from abn.teaching import exercises, worksheet
from abn.teaching.lessons import STEPS
from abn.variants.store import list_variants

CARDS = [card for card in list_variants() if card.family == worksheet.FAMILY]
PHOTOS = [photo for photo in samples.gallery().values() if photo.kind == "photograph"]


@pytest.fixture(scope="module")
def by_hash(runner) -> dict[str, list[Explanation]]:
    """The hash of each photograph → its explanations, in the photographs' order."""
    pictures = [open_picture(photo.path.read_bytes()) for photo in PHOTOS]
    return {picture.sha256: explain(picture, CARDS, load=runner) for picture in pictures}


@pytest.fixture
def shown(by_hash) -> list[list[Explanation]]:
    return list(by_hash.values())


@pytest.fixture
def questions(by_hash) -> Callable[..., list[worksheet.Question]]:
    """What makes the worksheet's questions from these explanations."""
    return partial(worksheet.questions, lambda picture, cards: by_hash[picture.sha256])


def answers(questions: Callable[..., list[worksheet.Question]], asks: str) -> Sequence[str]:
    return next(item.answers for item in questions() if asks in item.text)


def test_what_the_networks_say_is_what_they_predict(shown, questions):
    text, result = answers(questions, "what do the networks say of it"), shown[0]
    for sentence, card, item in zip(text, CARDS, result, strict=True):
        best = item.top("perception", 1)[0]
        assert sentence.startswith(card.title)
        assert f"{numbers.short_label(best.label)} ({numbers.percent(best.probability)}, perception head)" in sentence


def test_heads_that_disagree_are_counted_and_named(shown, questions):
    for place, sentence in enumerate(answers(questions, "two heads name different things")):
        apart = [photo.title for photo, row in zip(PHOTOS, shown, strict=True) if not row[place].heads_agree]
        assert f"on {len(apart)} of {len(PHOTOS)}" in sentence and all(title in sentence for title in apart)


def test_levels_are_means_over_the_gallery(shown, questions):
    for place, card in enumerate(CARDS):
        high = np.mean([row[place].attention.max() for row in shown])
        assert answers(questions, "How dark and how bright")[place].endswith(f"to {high:.2f}.") and card.title in str(
            answers(questions, "How dark and how bright")[place]
        )


def test_the_upside_down_variant_is_told_of_with_its_numbers(questions):
    text = " ".join(answers(questions, "do their maps agree"))
    assert "Rank correlation of their maps: −0." in text and f"of {len(PHOTOS)} photographs" in text


def test_pointing_is_that_of_the_cards(questions):
    for sentence, card in zip(answers(questions, "brightest cell lie on the object"), CARDS, strict=True):
        assert f"{100 * card.measured['scenes']['pointing']:.0f} %" in sentence


def test_the_study_answers_the_last_question(questions):
    assert questions(["Higher by 1 point."])[-1].answers == ["Higher by 1 point."]
    assert all("applied" not in question.text for question in questions())


def test_the_plan_takes_45_minutes_without_a_gap():
    ends = [tuple(map(int, minutes.split("–"))) for minutes, *_ in worksheet.PLAN]
    assert ends[0][0] == 0 and ends[-1][1] == 45
    assert all(item[1] == other[0] for item, other in pairwise(ends))


def test_the_document_is_whole_and_asks_for_nothing_elsewhere(questions):
    request = [*questions(), worksheet.Question("<b>1 & 2</b>?", ("<script>alert()</script>",))]
    document, seen = worksheet.document(request), []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            seen.append((tag, dict(attrs)))

    Reader().feed(document)
    assert document.startswith("<!doctype html>") and "&lt;script&gt;" in document
    assert not any(tag == "script" or "src" in attrs or "href" in attrs for tag, attrs in seen)
    questions = document.partition("abn-questions")[2].partition("</ol>")[0]
    assert questions.count("<li>") == len(request)


def test_the_tasks_and_the_set_of_the_plan_come_with_their_answers(questions):
    body = html.unescape(worksheet.body([]))
    for step in STEPS:
        assert step.title in body and step.task in body and step.notice in body
    request = exercises.draw_questions(worksheet.SET, material=exercises.read_material())
    assert all(f"<b>{item.right}</b>" in body for item in request) and f"Exercises, set {worksheet.SET}" in str(
        worksheet.PLAN
    )
    numbers = {int(n) for *_, text in worksheet.PLAN for n in text.split(", ") if n.isdigit()}
    assert numbers == set(range(1, len(questions(["Higher by 1 point."])) + 1))  # every question has its minutes
