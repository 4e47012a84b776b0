"""The Exercises page through AppTest: a whole set, right and wrong answers, its link, its file."""

import csv
import re
from pathlib import Path

import pytest
from reading import captions, components, map_values, mentions, pictures, ticks
from streamlit.testing.v1 import AppTest

from abn import vocabulary
from abn.plots import numbers
from abn.teaching import exercises
from abn.teaching.exercises import KINDS, read_material, score_answer, wording
from abn.teaching.progress import KeptSet
from abn.ui.exercises import session_attempts, summary, words
from abn.ui.layout import PAGES, escape_markdown
from abn.ui.runtime import models
from abn.vocabulary import MECHANISMS

ROOT = Path(__file__).parents[2]
PAGE = "pages/Exercises.py"
MATERIAL = read_material()


@pytest.fixture
def page(ready) -> AppTest:
    return ready.switch_page(PAGE)


def draw_questions(seed: int) -> tuple[exercises.Question, ...]:
    return exercises.draw_questions(seed, material=MATERIAL)


def key(seed: int, question: exercises.Question, what: str) -> str:
    return f"exercise-{seed}-{question.number}-{what}"


def answer(at: AppTest, seed: int, question: exercises.Question, given: str | tuple[int, int]) -> AppTest:
    if question.options:
        at.button(key=key(seed, question, f"option {given}")).click().run()
    else:
        at.session_state["attempts"][seed].cell = given  # what the component's pick does
        at.run()
        at.button(key=key(seed, question, "show")).click().run()
    assert not at.exception
    return at


def go_on(at: AppTest, seed: int, question: exercises.Question) -> AppTest:
    at.button(key=key(seed, question, "next")).click().run()
    assert not at.exception
    return at


def brightest(question: exercises.Question) -> tuple[int, int]:
    return wording.brightest(MATERIAL.predictions[question.image, question.variant].attention)


def wrong(question: exercises.Question) -> str:
    return next(option for option in question.options if option != question.right)


def text(at: AppTest) -> str:
    elements = [*at.markdown, *at.subheader, *at.info, *at.success, *at.warning]
    return "\n".join([*(element.value for element in elements), captions(at)])


def progress(at: AppTest) -> list[float]:
    """The numbers above the bar: the set, the question of how many, and points of how many."""
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", at.get("progress")[0].proto.text)]


def predictions(at: AppTest) -> str:
    return shown[-1] if (shown := all_predictions(at)) else ""


def all_predictions(at: AppTest) -> list[str]:
    """The predictions above the image, which a phone shows, and those beside it."""
    return [element.value for element in at.html if 'class="abn-prediction"' in element.value]


def test_another_set_is_chosen_by_its_number_and_the_list_holds_the_points(page):
    at = page.run()
    assert at.number_input(key="exercise-number-1").value == 1
    first = draw_questions(1)[0]
    at = answer(at, 1, first, brightest(first))
    assert words.ITEM_POINTS.format(points=1) in captions(at)
    at = at.number_input(key="exercise-number-1").set_value(7).run()
    assert not at.exception and at.session_state["exercise_set"] == 7 and progress(at)[0] == 7
    assert at.query_params["set"] == "7" and words.ITEM_POINTS.format(points=1) not in captions(at)
    at = at.number_input(key="exercise-number-7").set_value(1).run()  # where it was left
    assert words.ITEM_POINTS.format(points=1) in captions(at) and captions(at).count(KINDS["where"]) > 1


def test_the_first_question_hides_its_map(page):
    at, first = page.run(), draw_questions(1)[0]
    assert not at.exception and at.subheader[0].value == KINDS["where"]
    assert escape_markdown(first.text) in text(at) and progress(at) == [1, 1, 8]
    data = components(at, "abn_map_view")[key(1, first, "pick")]
    h, w = MATERIAL.predictions[first.image, first.variant].attention.shape
    assert data["values"] is None and (data["height"], data["width"]) == (h, w) and data["picks"]
    assert data["alt"] == MATERIAL.items[first.image].alt and data["hint"]
    assert data["best"] is None and data["picked"] is None
    assert at.button(key=key(1, first, "show")).disabled and escape_markdown(first.explanation) not in text(at)
    assert ticks(at) == []


def test_a_picked_cell_is_framed_and_then_shown_on_the_map_beside_the_brightest(page):
    at, first = page.run(), draw_questions(1)[0]
    at.session_state["attempts"][1].cell = (2, 3)
    at.run()
    assert components(at, "abn_map_view")[key(1, first, "pick")]["picked"] == [2, 3]
    assert not at.button(key=key(1, first, "show")).disabled
    at.button(key=key(1, first, "show")).click().run()
    data = components(at, "abn_map_view")[key(1, first, f"map {first.variant}")]
    attention = MATERIAL.predictions[first.image, first.variant].attention
    assert data["picked"] == [2, 3] and data["values"] == map_values(attention)
    assert data["best"] == list(brightest(first)) and mentions(at, wording.cell(brightest(first)), "row 3, column 4")
    given = score_answer(first, (2, 3), material=MATERIAL)
    assert mentions(at, f"{given.score:.2f}", given.remark)
    assert escape_markdown(first.explanation) in text(at) and words.LIMITS in captions(at)
    assert progress(at) == [1, 1, 8, pytest.approx(given.score, abs=0.0051), 1]


def test_a_whole_set_with_right_answers_and_without_a_network(page, monkeypatch):
    monkeypatch.setattr(models, "load_runner", lambda card: pytest.fail("a network was loaded"))
    page.query_params["set"] = "7"
    at = page.run()
    for question in draw_questions(7):
        assert at.subheader[0].value == KINDS[question.kind] and escape_markdown(question.text) in text(at)
        at = answer(at, 7, question, question.right if question.options else brightest(question))
        assert (at.success if question.options else at.info) and not at.warning
        assert escape_markdown(question.explanation) in text(at)
        at = go_on(at, 7, question)
    assert not at.get("progress") and words.PLACE.format(seed=7, place=words.SCORES, score="") in text(at)
    total, *of_kinds = [element.value for element in at.subheader]
    assert total == words.TOTAL.format(score=8, count=8)
    assert of_kinds == [words.KIND_TOTAL.format(score=2, count=2)] * len(KINDS)
    titles = [PAGES[page][0] for page in summary.PAGE_OF_KIND.values()]
    links = [link.proto.label for link in at.get("page_link")][-4:]
    assert [link.endswith(title) for link, title in zip(links, titles, strict=True)] == [True] * 4
    assert summary.PAGE_OF_KIND.keys() == words.REVIEW.keys() == KINDS.keys()


@pytest.mark.slow
def test_wrong_answers_score_nothing_and_show_what_is_right(page):
    at = page.run()
    for question in draw_questions(1)[:4]:
        at = answer(at, 1, question, wrong(question) if question.options else brightest(question))
        if question.options:
            label = vocabulary.HEADS.get(question.right, question.right)
            assert f"**{escape_markdown(label)}**" in at.warning[0].value and not at.success
        at = go_on(at, 1, question)
    assert progress(at) == [1, 5, 8, 1, 4]


def test_the_heads_first_predictions_come_before_and_the_rest_after(page):
    question = draw_questions(1)[1]
    at = go_on(answer(page.run(), 1, draw_questions(1)[0], (0, 0)), 1, draw_questions(1)[0])
    record = MATERIAL.predictions[question.image, question.variant]
    assert predictions(at).count("<dd") == 4 and numbers.short_label(record.auxiliary[0].label) in predictions(at)
    assert pictures(at)[0][0] == MATERIAL.items[question.image].alt and not components(at, "abn_map_view")
    assert all_predictions(at) == [predictions(at)] * 2
    at = answer(at, 1, question, "auxiliary")
    assert [shown.count("<dd") for shown in all_predictions(at)] == [4, 12] and len(components(at, "abn_map_view")) == 1


def test_m_and_both_features_come_before_the_answer(page):
    at, (first, second, third, _) = page.run(), draw_questions(1)[:4]
    at = go_on(answer(at, 1, first, (0, 0)), 1, first)
    at = go_on(answer(at, 1, second, "auxiliary"), 1, second)
    record = MATERIAL.predictions[third.image, third.variant]
    headings = [element.value for element in at.markdown if element.value.startswith("#####")]
    assert headings == ["##### Map M", "##### Features g", "##### Features g′"]
    assert not any(name in data["alt"] for data in components(at, "abn_map_view").values() for name in MECHANISMS)
    high = max(record.features.max(), record.reweight_features(third.right).max())
    (zero, one), *others = [(bar[0], bar[-1]) for bar in ticks(at)]
    assert (zero, one) == ("0.00", "1.00") and others == [("0.00", f"{high:.2f}")] * 2
    assert [data["best"] for data in components(at, "abn_map_view").values()] == [None] * 3
    at = answer(at, 1, third, third.right)
    assert escape_markdown(third.explanation) in text(at)
    assert [data["best"] for data in components(at, "abn_map_view").values()] == [list(brightest(third))] * 3


def test_an_edit_shows_both_maps_and_the_prediction_after_only_once_answered(page):
    at = page.run()
    for question in draw_questions(1)[:3]:
        at = answer(at, 1, question, question.options[0] if question.options else (0, 0))
        at = go_on(at, 1, question)
    question = draw_questions(1)[3]
    record = MATERIAL.predictions[question.image, question.variant]
    maps = components(at, "abn_map_view")
    edited = maps[key(1, question, "edited")]["values"]
    assert edited == map_values(record.edits[question.edit].attention)
    assert f"##### Edited: {question.edit}" in text(at) and "After" not in "".join(all_predictions(at))
    at = answer(at, 1, question, question.right)
    after = record.edits[question.edit].after
    label, probability = numbers.short_label(after.label), numbers.percent(after.probability)
    assert f'After</dt><dd title="{after.label}">{label}</dd><dd>{probability}' in predictions(at)


def test_the_link_opens_the_set_and_the_address_holds_it(page):
    page.query_params["set"] = "7"
    at = page.run()
    assert escape_markdown(draw_questions(7)[0].text) in text(at) and progress(at)[0] == 7
    assert at.query_params["set"] == "7"


@pytest.mark.parametrize("given", ["0", "10000", "seven", "1,2", "७"])
def test_what_is_no_set_is_the_first(page, given):
    page.query_params["set"] = given
    at = page.run()
    assert not at.exception and progress(at)[0] == 1 and at.query_params["set"] == "1"


@pytest.mark.slow
def test_answers_stay_over_pages_and_sets(page):
    at, first = page.run(), draw_questions(1)[0]
    at = go_on(answer(at, 1, first, (2, 3)), 1, first)
    at = at.switch_page("pages/Study.py").run().switch_page(PAGE).run()
    assert progress(at)[:3] == [1, 2, 8]
    at.session_state["exercise_set"] = 2
    assert progress(at.run()) == [2, 1, 8] and at.query_params["set"] == "2"
    at.session_state["exercise_set"] = 1
    assert progress(at.run())[:3] == [1, 2, 8]


def complete_set(at: AppTest, seed: int) -> AppTest:
    at.query_params["set"] = str(seed)
    at.run()
    for question in draw_questions(seed):
        at = answer(at, seed, question, question.options[0] if question.options else (3, 4))
        at = go_on(at, seed, question)
    return at


def test_the_end_has_a_file_a_link_and_ways_on(page, monkeypatch):
    files = []

    def keep(label: str, data: str, name: str, *_, **__) -> None:
        files.append((name, data))

    monkeypatch.setattr(summary.st, "download_button", keep)
    at = complete_set(page, 7)
    name, data = files[-1]
    rows = list(csv.DictReader(data.splitlines()))
    assert name == "abn-exercises-set-7.csv" and [row["kind"] for row in rows] == list(KINDS) * 2
    assert {row["set"] for row in rows} == {"7"}
    assert sum(float(row["score"]) for row in rows) == pytest.approx(at.session_state["attempts"][7].score, abs=5e-3)
    assert at.code[0].value.endswith("?set=7")
    assert len(at.table[0].value) == 8
    at.button(key="exercise-other").click().run()
    assert progress(at) == [8, 1, 8] and at.query_params["set"] == "8"
    at.session_state["exercise_set"] = 7
    at.run()
    at.button(key="exercise-again").click().run()
    assert progress(at) == [7, 1, 8]


@pytest.mark.slow
def test_after_the_last_set_comes_the_first(page):
    at = complete_set(page, exercises.SETS[-1])
    at.button(key="exercise-other").click().run()
    assert progress(at)[0] == 1


@pytest.mark.slow
def test_a_session_keeps_the_latest_sets(page):
    at = page.run()
    for seed in range(1, session_attempts.MAX_ATTEMPTS + 4):
        at.session_state["exercise_set"] = seed
        at.run()
    assert list(at.session_state["attempts"]) == list(range(4, session_attempts.MAX_ATTEMPTS + 4))


def test_a_stale_bank_is_a_warning_and_an_empty_one_ends_the_page(page, monkeypatch):
    stale = exercises.QuestionMaterial(MATERIAL.items, MATERIAL.cards, MATERIAL.predictions, ("toucan.jpg",))
    monkeypatch.setattr(exercises, "read_material", lambda: stale)
    at = page.run()
    assert mentions(at, "python -m abn gallery") and len(at.warning) == 1 and at.subheader[0].value == KINDS["where"]
    monkeypatch.setattr(exercises, "read_material", lambda: exercises.QuestionMaterial({}, {}, {}, ("exercises.npz",)))
    at.run()
    assert not at.exception and len(at.error) == 1 and not at.subheader


def test_what_the_browser_kept_opens_where_it_was_left(page):
    """`kept_sets` is what the browser's report becomes."""
    questions = draw_questions(7)
    answers = {question.number: question.options[0] if question.options else (3, 4) for question in questions[:3]}
    fingerprint = exercises.fingerprint(questions, material=MATERIAL)
    page.session_state["kept_sets"] = {
        7: KeptSet(fingerprint, 2, answers),
        8: KeptSet("of other weights", 1, {1: (0, 0)}),
    }
    page.query_params["set"] = "7"
    at = page.run()
    assert not at.exception and progress(at)[:3] == [7, 3, 8] and len(at.session_state["attempts"][7].answers) == 3
    at.session_state["exercise_set"] = 8
    assert progress(at.run()) == [8, 1, 8]  # whose questions are others by now
