"""Learn through AppTest: every step shows what it computes, its task is done by doing it, and progress is kept."""

import numpy as np
import pytest
from reading import component, components, mentions, tables
from streamlit.testing.v1 import AppTest
from study_results import make_results

from abn.evaluation.deletion_insertion import CurveComparison
from abn.explanations.class_map import METHODS
from abn.explanations.explainer import explain
from abn.images import samples
from abn.images.decode import open_picture
from abn.study import findings
from abn.teaching.lessons import CLOSE, STATEMENTS, STEPS
from abn.teaching.progress import KeptProgress, KeptSet
from abn.ui.intervene.words import OWN_MAP
from abn.ui.layout import escape_markdown
from abn.ui.learn import lesson_basis, lesson_experiments, words
from abn.ui.progress import kept_progress
from abn.variants.store import find_variant
from abn.vocabulary import MECHANISMS

PAGE = "pages/Learn.py"


@pytest.fixture
def page(ready) -> AppTest:
    return ready.switch_page(PAGE)


@pytest.fixture
def attention(runner) -> np.ndarray:
    image = open_picture(samples.gallery()[lesson_basis.PHOTO].path.read_bytes())
    return explain(image, [lesson_basis.UPRIGHT], load=runner)[0].attention


def open_step(page: AppTest, key: str) -> AppTest:
    page.session_state["lesson_step"] = [step.key for step in STEPS].index(key) + 1
    at = page.run()
    assert not at.exception
    return at


def done(at: AppTest) -> set[str]:
    return set(at.session_state["lessons_done"]) if "lessons_done" in at.session_state else set()


def store(at: AppTest) -> dict:
    """The data of the component that the browser keeps progress with."""
    elements = [e for e in at.get("bidi_component") if e.proto.component_name == "abn_browser_store"]
    return component(elements[0])


@pytest.mark.parametrize("number", range(1, len(STEPS) + 1))
def test_every_step_shows_its_text_and_its_task(page, number):
    page.query_params["step"] = str(number)
    at, step = page.run(), STEPS[number - 1]
    assert not at.exception and at.subheader[0].value == step.title and mentions(at, step.task)
    assert not done(at) and not mentions(at, step.notice)


def test_each_answer_to_which_maps_change_gets_a_hint(page):
    at = open_step(page, "why")
    at = at.button_group(key="lesson-changed").set_value(list(METHODS)).run()
    assert not done(at) and mentions(at, words.PREDICTED.format(label="drum", hint=words.CHOOSE_OTHER))
    at = at.button_group(key="lesson-changed").set_value([]).run()
    at = at.selectbox(key="lesson-class").set_value(0).run()
    assert mentions(at, words.MARK)
    for answer, hint in (
        ([METHODS[0]], words.MARK_MORE),
        ([words.MAP, *METHODS], words.CHOOSE_AGAIN),
    ):
        at = at.button_group(key="lesson-changed").set_value(answer).run()
        assert not at.exception and not done(at) and mentions(at, hint)
    at = at.button_group(key="lesson-changed").set_value(list(METHODS)).run()
    assert done(at) == {"why"} and mentions(at, words.ALL_MARKED) and mentions(at, STEPS[0].notice)


def test_the_maps_of_all_classes_have_one_scale(page):
    at = open_step(page, "why")
    limits = {method: components(at, "abn_map_view")[f"lesson-{method}"]["limits"] for method in METHODS}
    at = at.selectbox(key="lesson-class").set_value(0).run()
    assert {method: components(at, "abn_map_view")[f"lesson-{method}"]["limits"] for method in METHODS} == limits


def test_a_choice_is_kept_for_the_way_back(page):
    at = open_step(page, "why")
    at = at.selectbox(key="lesson-class").set_value(7).run()
    at = at.button(key="next").click().run()
    at = at.button(key="back").click().run()
    assert at.selectbox(key="lesson-class").value == 7


def test_the_equations_are_drawn_on_one_scale_and_bright_cells_do_the_task(page, attention):
    row, column = np.unravel_index(int(attention.argmax()), attention.shape)
    page.session_state["lesson_cell"] = int(row), int(column)
    at = open_step(page, "map")
    maps = components(at, "abn_map_view")
    g, multiplied, added = (np.array(maps[f"lesson-panel-{name}"]["values"]) for name in words.PANELS)
    assert np.allclose(multiplied, attention.ravel() * g, atol=2e-3)
    assert np.allclose(added, (1 + attention.ravel()) * g, atol=2e-3)
    assert len({str(maps[f"lesson-panel-{name}"]["limits"]) for name in words.PANELS}) == 1
    assert done(at) == {"map"} and mentions(at, STEPS[2].notice) and mentions(at, "rank 1 of 196")


def test_all_mechanisms_have_to_be_applied_and_the_bars_have_a_legend(page):
    at = open_step(page, "mechanism")
    assert any(element.value.count("abn-key") == 2 for element in at.html if 'class="abn-bars"' in element.value)
    for mechanism in MECHANISMS:
        assert not done(at)
        at = at.button_group(key="lesson-mechanism").set_value(mechanism).run()
    assert done(at) == {"mechanism"}


def test_the_labels_decide_which_head_is_correct(page, runner):
    photo = next(photo for photo in lesson_basis.list_head_photos() if photo.classes)
    page.session_state["lesson_photo"] = photo.id
    at = open_step(page, "heads")
    shown = explain(open_picture(photo.path.read_bytes()), [lesson_basis.UPRIGHT], load=runner)[0]
    correct = [shown.top(head, 1)[0].index in photo.classes for head in ("auxiliary", "perception")]
    assert mentions(at, words.OUTCOMES[correct[0], correct[1]])


def test_the_heads_have_to_agree_on_one_image_and_disagree_on_another(page, runner):
    photos = [photo for photo in lesson_basis.list_head_photos() if photo.id != lesson_basis.PHOTO]
    agreeing = {
        explain(open_picture(photo.path.read_bytes()), [lesson_basis.UPRIGHT], load=runner)[0].heads_agree: photo.id
        for photo in photos
    }
    for count, agree in enumerate((True, True, False)):
        page.session_state["lesson_photo"] = agreeing[agree]
        at = open_step(page, "heads") if count == 0 else page.run()
        assert ("heads" in done(at)) == (not agree)


def test_brightest_darkest_and_random_fifths_are_compared(page):
    at = open_step(page, "bright")
    for row, cover in enumerate(words.COVERS[1:], 1):
        assert not done(at) and len(tables(at)[0]) == 4  # its rows are there from the start: nothing moves
        assert tables(at)[0][row][1:] == [words.NOT_TRIED] * 2
        at = at.button_group(key="lesson-cover").set_value(cover).run()
        assert words.NOT_TRIED not in tables(at)[0][row]
    assert done(at) == {"bright"} and f"mean of {lesson_experiments.ORDERS}" in tables(at)[0][-1][0]
    maps = components(at, "abn_map_view")
    assert len({str(data["limits"]) for key, data in maps.items() if key.startswith("lesson-bright")}) == 1
    assert mentions(at, words.ENGINEERED)


def test_the_deletion_curves_decide_the_answer(page):
    at = open_step(page, "faithful")
    card = find_variant(lesson_basis.UPRIGHT)
    right = lesson_experiments.faster_order(lesson_experiments.compare_deletion(card))
    for wrong in set(words.FASTER_OPTIONS) - {right}:
        at = at.radio(key="lesson-faster").set_value(wrong).run()
        assert len(at.warning) == 1 and not done(at)
    at = at.radio(key="lesson-faster").set_value(right).run()
    assert done(at) == {"faithful"} and not at.warning


def test_the_faster_order_is_decided_by_areas():
    def comparison(bright: float, *random: float) -> CurveComparison:
        from types import SimpleNamespace

        return CurveComparison(SimpleNamespace(area=bright), tuple(SimpleNamespace(area=area) for area in random))

    assert lesson_experiments.faster_order(comparison(0.1, 0.2, 0.3)) == words.MAP_ORDER
    assert lesson_experiments.faster_order(comparison(0.4, 0.2, 0.3)) == words.RANDOM_ORDERS
    assert lesson_experiments.faster_order(comparison(0.25, 0.2, 0.3)) == words.NO_DIFFERENCE


@pytest.mark.parametrize("datasets", [1, 2, 3])
def test_each_data_set_of_the_study_has_its_own_question(page, monkeypatch, tmp_path, datasets):
    names = (*findings.DATASETS,)[:datasets]
    results = make_results(tmp_path, datasets=names, effects={(names[0], "multiplicative", "accuracy"): 0.05})
    study = findings.read_study(results)
    monkeypatch.setattr(findings, "read_study", lambda: study)
    at = open_step(page, "help")
    questions = [radio for radio in at.radio if radio.key.startswith("lesson-seen")]
    labels = [words.EXCLUDES_ZERO.format(dataset=escape_markdown(findings.title(name))) for name in names]
    assert [question.label for question in questions] == labels
    at = questions[0].set_value(words.NO).run()
    assert not done(at) and [warning.value for warning in at.warning] == [words.CHECK_AGAIN]
    for number in range(1, datasets + 1):
        assert not done(at)
        at = at.radio(key=f"lesson-seen-{number}").set_value(words.YES if number == 1 else words.NO).run()
    assert done(at) == {"help"} and not at.warning


def test_a_painted_map_needs_both_controls(page, attention):
    at = open_step(page, "change")
    owner, history = at.session_state["lesson_history"]
    assert np.allclose(history.current.attention, attention)
    painted = history.add(words.PAINTED, np.zeros_like(attention), painted=True)
    at.session_state["lesson_history"] = owner, painted
    at = at.run()
    for control in lesson_experiments.CONTROLS:
        assert not done(at)
        at = at.button(key=f"lesson-{control}").click().run()
    assert done(at) == {"change"}
    assert [row[0] for row in tables(at)[0][1:]] == [OWN_MAP, words.PAINTED, *lesson_experiments.CONTROLS]
    assert tables(at)[0][1][2] == "±0.0"
    at = at.button(key="lesson-reset").click().run()
    data = next(iter(components(at, "abn_painter").values()))
    assert data["map"] == np.round(attention, 4).ravel().tolist()


def test_a_control_fills_its_row_and_leaves_the_painted_map(page, attention):
    at = open_step(page, "change")
    owner, history = at.session_state["lesson_history"]
    painted = np.where(np.arange(attention.size).reshape(attention.shape) % 2, attention, 0)
    at.session_state["lesson_history"] = owner, history.add(words.PAINTED, painted, painted=True)
    at = at.run()
    before = tables(at)[0]
    for control in lesson_experiments.CONTROLS:
        at = at.button(key=f"lesson-{control}").click().run()
        data = next(iter(components(at, "abn_painter").values()))
        assert data["map"] == np.round(painted, 4).ravel().tolist()
    after = tables(at)[0]
    assert after[:3] == before[:3] and all(row[1] != words.NOT_TRIED for row in after[3:])
    at = at.button(key="lesson-undo").click().run()
    assert tables(at)[0][2][1] == words.NOT_TRIED and tables(at)[0][3:] == after[3:]


@pytest.mark.parametrize("press", ("undo", "reset", lesson_experiments.CONTROLS[0]))
def test_a_press_loses_no_stroke_that_came_since_the_buttons_were_drawn(page, attention, press):
    at = open_step(page, "change")
    owner, history = at.session_state["lesson_history"]
    first = history.add(words.PAINTED, np.ones_like(attention), painted=True)
    at.session_state["lesson_history"] = owner, first
    at = at.run()
    stroke = np.zeros_like(attention)
    at.session_state["lesson_history"] = owner, first.add(words.PAINTED, stroke, painted=True)
    at = at.button(key=f"lesson-{press}").click().run()
    edits = at.session_state["lesson_history"][1].edits
    assert any(np.array_equal(edit.attention, stroke) for edit in edits)


def test_statements_have_their_reasons_and_the_control_its_measure(page):
    at = open_step(page, "limits")
    for i, (_, true, why) in enumerate(STATEMENTS):
        assert not done(at)
        at = at.radio(key=f"lesson-statement-{i}").set_value(words.TRUE if true else words.FALSE).run()
        assert mentions(at, why)
    assert done(at) == {"limits"} and mentions(at, lesson_experiments.describe_control())


def test_the_close_sums_up_and_leads_to_what_is_open(page):
    page.session_state["lessons_done"] = {step.key for step in STEPS[1:]}
    page.query_params["step"] = str(CLOSE)
    at = page.run()
    assert not at.exception and all(mentions(at, step.summary) for step in STEPS)
    at = at.button(key="to-open").click().run()
    assert at.subheader[0].value == STEPS[0].title
    at.session_state["lessons_done"] = {step.key for step in STEPS}
    at.session_state["lesson_step"] = CLOSE
    at = at.run()
    assert mentions(at, STEPS[1].lead) and STEPS[1].lead.endswith(".") and STEPS[0].lead == STEPS[0].title
    assert "to-open" not in [button.key for button in at.button] and mentions(at, str(len(STEPS)))


# ---- progress ----


def test_progress_is_written_once_the_browser_has_reported_what_it_keeps(page):
    at = page.run()
    assert store(at)["ask"] and store(at)["write"] is None
    at.session_state["progress_read"] = True
    at.session_state["lessons_done"] = {"why"}
    at = at.run()
    assert store(at)["ask"] == "" and '"why"' in store(at)["write"]
    at = at.button(key="progress-delete").click().run()
    assert store(at)["write"] == "" and not done(at)


def test_an_earlier_visits_progress_is_offered_and_not_written_over(page):
    kept = KeptProgress(frozenset({"why", "parts"}), {7: KeptSet("questions", 1, {1: (0, 0)})})
    page.session_state["progress_read"], page.session_state["progress_offered"] = True, kept
    at = page.run()
    assert not at.exception and not done(at) and store(at)["write"] is None
    at = at.button(key="progress-continue").click().run()
    assert done(at) == {"why", "parts"} and '"7"' in store(at)["write"]
    assert "progress-continue" not in [button.key for button in at.button]


def test_starting_over_deletes_what_an_earlier_visit_kept(page):
    page.session_state["progress_read"] = True
    page.session_state["progress_offered"] = KeptProgress(frozenset({"why"}))
    at = page.run().button(key="progress-start-over").click().run()
    assert not done(at) and store(at)["write"] == ""


def test_a_report_counts_once_and_only_the_same_tabs_is_taken_unasked(page, monkeypatch):
    from types import SimpleNamespace

    session = SimpleNamespace(
        progress_read=False, progress_offered=None, lessons_done=set(), attempts={}, kept_sets={}, progress_ask="x"
    )
    monkeypatch.setattr(kept_progress, "state", session)
    text = '{"version": 1, "lessons": ["why"], "sets": {}}'
    kept_progress._receive(text, True)
    assert session.lessons_done == {"why"} and session.progress_offered is None
    kept_progress._receive(text.replace("why", "parts"), True)  # a second report, or one that somebody made up
    assert session.lessons_done == {"why"}
    session.progress_read, session.lessons_done = False, set()
    kept_progress._receive(text, False)
    assert session.lessons_done == set() and session.progress_offered.lessons == {"why"}
    session.progress_read, session.progress_offered = False, None
    kept_progress._receive("<script>", True)
    assert session.progress_read and session.progress_offered is None and session.lessons_done == set()


def test_the_inverted_map_can_be_taught_from_its_step(page):
    at = open_step(page, "bright")
    at = at.button(key="lesson-experiment").click().run()
    inverted = lesson_basis.find_inverted().id
    assert not at.exception
    assert at.session_state["variant_ids"] == [inverted, lesson_basis.UPRIGHT]
    assert at.button_group(key="one_variant").value == inverted and at.button(key="add-example")
