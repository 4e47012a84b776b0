"""The Study page through AppTest: each question has its answer and its figure, from whatever files there are."""

import json
import re
from pathlib import Path

import pytest
from reading import mentions, texts
from streamlit.testing.v1 import AppTest
from study_results import change, make_results, set_comparison

from abn.study import figures, findings
from abn.study.figures import forest
from abn.ui.layout import escape_markdown
from abn.ui.runtime.turns import get_queue
from abn.ui.study import words
from abn.ui.study.questions import all_questions
from abn.variants import store
from abn.vocabulary import ARMS

ROOT = Path(__file__).parents[2]
ANCHORS = ["help", "parameters", "auxiliary", "mechanism", "calibration", "bright", "polarity", "object", "cam"]
MAX_WORDS = 1500


@pytest.fixture
def results(tmp_path, monkeypatch) -> Path:
    made = make_results(tmp_path, effects={("cifar100", "additive", "accuracy"): 0.05})
    monkeypatch.setattr(findings.result_files, "RESULTS", made)
    return made


@pytest.fixture
def page(ready) -> AppTest:
    return ready.switch_page("pages/Study.py")


def markdown(at: AppTest) -> str:
    return "\n".join(element.value for element in at.markdown)


def drawn(at: AppTest) -> dict[str, dict]:
    """What a chart says in words → the chart."""
    return {chart.proto.alt: json.loads(chart.proto.spec) for chart in at.get("plotly_chart")}


def numbers(values) -> list[float]:
    """Plotly's numbers, packed or plain."""
    import base64

    import numpy as np

    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()
    return list(values)


def matrix(at: AppTest) -> list[str]:
    """The rows of the matrix, as HTML."""
    return [text for element in at.get("html") if (text := element.proto.body).startswith('<div class="abn-forest" ')]


def rows(at: AppTest) -> list[str]:
    """The anchors of the questions on the page."""
    return [button.key.removeprefix("open-") for button in at.button if button.key.startswith("open-")]


def opened(at: AppTest) -> AppTest:
    """The page with cost and published figures opened."""
    for key in ("cost-opened", "published-opened"):
        at.session_state[key] = True
    return at.run()


def open_row(at: AppTest, anchor: str) -> AppTest:
    return at.button(key=f"open-{anchor}").click().run()


def test_the_matrix_holds_every_question_and_data_set(page, results):
    at = page.run()
    assert not at.exception and not at.error and rows(at) == ANCHORS
    study = findings.read_study()
    questions, seeds = all_questions(study), {findings.title(dataset): 5 for dataset in study.datasets}
    expected = [figures.forest_row(next(iter(question.findings.values())), seeds) for question in questions]
    assert matrix(at) == expected
    excluded, total = findings.count_intervals(next(iter(q.findings.values())) for q in questions)
    assert words.HEADLINE.format(excluded=excluded, total=total) in markdown(at)


def test_what_is_closed_is_not_computed(page, results):
    assert not drawn(page.run())
    at = opened(page)
    assert not at.exception and len(drawn(at)) == 1 + 2  # cost; two data sets that were published


def test_a_row_opens_to_its_figure_its_sentences_and_its_numbers(page, results):
    at, study = page.run(), findings.read_study()
    for question in all_questions(study):
        finding = next(iter(question.findings.values()))
        before = len(at.dataframe)
        at = open_row(at, question.anchor)
        assert not at.exception and len(at.dataframe) == before + 1
        assert all(escape_markdown(sentence) in markdown(at) for sentence in finding.sentences.values())
        assert any(frame.value.to_dict("records") == findings.number_table(finding) for frame in at.dataframe)
        charts = drawn(at)
        for panel in finding.rows:
            shown = charts[figures.alt(finding, panel)]["data"]
            points = [x for trace in shown if trace["name"] == "one seed" for x in numbers(trace["x"])]
            assert sorted(points) == pytest.approx(
                sorted(x for row in finding.rows[panel] for x in row.by_seed.values())
            )
        at = open_row(at, question.anchor)
        assert not any(figures.alt(finding, panel) in drawn(at) for panel in finding.rows)  # closed again


def test_the_page_is_short(page):
    at = page.run()
    shown = [*(element.value for element in (*at.markdown, *at.caption)), *(button.label for button in at.button)]
    shown += [re.sub("<[^>]+>", " ", row) for row in matrix(at)] + [expander.label for expander in at.expander]
    assert len(" ".join(shown).split()) < MAX_WORDS


def test_an_altered_file_alters_the_page(page, results):
    def sentences() -> list[str]:
        return list(findings.compared(findings.read_study(), "baseline").sentences.values())

    before, at = sentences(), open_row(page.run(), "help")
    assert all(mentions(at, sentence) for sentence in before)
    cells = matrix(at)[0]
    change(results, set_comparison("additive", "baseline", "accuracy", "cifar100", ci_low=-0.01))
    after, at = sentences(), page.run()
    assert after != before and all(mentions(at, sentence) for sentence in after) and matrix(at)[0] != cells
    assert not all(mentions(at, sentence) for sentence in before)


@pytest.mark.parametrize(
    ("key", "choice", "ask"),
    [
        ("bright", "insertion", lambda study: findings.bright_first(study, "insertion")),
        ("object", "ROC-AUC", lambda study: findings.finds_object(study, "roc_auc")),
        ("object", "energy ÷ area", lambda study: findings.finds_object(study, "energy_over_area")),
        ("cam", "ROC-AUC", lambda study: findings.finds_object(study, "roc_auc", findings.CONTROLS[-1])),
    ],
)  # fmt: skip
def test_a_question_can_be_asked_of_another_metric(page, results, key, choice, ask):
    open_row(page.run(), key)
    at = page.button_group(key=key).set_value(choice).run()
    finding = ask(findings.read_study())
    assert not at.exception
    assert all(escape_markdown(sentence) in markdown(at) for sentence in finding.sentences.values())
    assert all(figures.alt(finding, panel) in drawn(at) for panel in finding.rows)


def test_the_address_can_ask_of_another_metric(page, results):
    page.query_params["object"] = "ROC-AUC"
    at = open_row(page.run(), "object")
    assert all(
        escape_markdown(text) in markdown(at)
        for text in findings.finds_object(findings.read_study(), "roc_auc").sentences.values()
    )
    page.query_params["object"] = "nonsense"
    assert not page.run().exception


def test_the_runs_can_be_read_and_kept(page, results):
    at = page.run()
    assert len(at.dataframe[-1].value) == 50 and len(at.get("download_button")) == 1
    assert mentions(at, "python -m abn study run") and mentions(at, "12,000") and mentions(at, "baseline 1,000")


# ---- files that are missing or broken ----


@pytest.mark.parametrize("file", ["summary.json", "cost.json", "published.json"])
@pytest.mark.parametrize("text", [None, "{", "[]", '{"runs": 3}'])
def test_a_missing_or_broken_file_is_one_sentence_and_the_rest_stands(page, results, file, text):
    if text is None:
        (results / file).unlink()
    else:
        (results / file).write_text(text)
    at = opened(page)
    assert not at.exception and not at.error
    (sentence,) = [info for info in texts(at.info) if file in info]
    assert "Traceback" not in sentence and "\n" not in sentence
    assert bool(rows(at)) == (file != "summary.json")
    assert (words.PUBLISHED_NOTE in texts(at.caption)) == (file != "published.json")


def test_no_file_at_all(page, tmp_path, monkeypatch):
    monkeypatch.setattr(findings.result_files, "RESULTS", tmp_path / "nowhere")
    at = opened(page)
    named = [info for info in texts(at.info) if re.search(r"\(\w+\.json\)", info)]
    assert not at.exception and len(named) == 3


def test_an_early_study_is_shown_as_far_as_it_goes(page, results):
    def early(summary: dict) -> None:
        kept = [run for run in summary["runs"] if run["seed"] == 1 and run["arm"] != "multiplicative"]
        for run in kept:
            del run["metrics"]["deletion"]
        summary.update(runs=kept, comparisons=[])

    change(results, early)
    at = page.run()
    assert not at.exception and rows(at) == ANCHORS
    for anchor in ANCHORS:
        at = open_row(at, anchor)
        assert not at.exception
    study = findings.read_study()
    for finding in (findings.compared(study, "baseline"), findings.polarity(study)):
        assert finding.sentences and all(mentions(at, sentence) for sentence in finding.sentences.values())


def test_a_data_set_without_masks_is_left_out_where_the_map_is_measured(page, results):
    def drop(summary: dict) -> None:
        for run in summary["runs"]:
            if run["dataset"] == "cifar100":
                for key in ("pointing", "roc_auc", "energy_over_area", "polarity"):
                    run["metrics"].pop(key), run["metrics"].pop(f"{key}_untrained")

    change(results, drop)
    at = page.run()
    assert not at.exception and rows(at) == ANCHORS
    at = open_row(open_row(at, "object"), "polarity")
    study, charts = findings.read_study(), drawn(at)
    for finding in (findings.finds_object(study), findings.polarity(study)):
        (panel,) = finding.rows
        assert panel == findings.title("cluttered-fashion") and figures.alt(finding, panel) in charts
        assert all(mentions(at, sentence) for sentence in finding.sentences.values())
    assert sum(forest.NOT_MEASURED in row for row in matrix(at)) == 3


def test_every_data_set_and_arm_is_described(page, results):
    assert words.DATASETS.keys() == findings.DATASETS.keys() and set(words.ARMS) == set(ARMS)
    text = markdown(page.run())
    assert sum(meaning in text for meaning in words.DATASETS.values()) == 2
    assert all(meaning in text for meaning in words.ARMS.values())


def test_the_real_results_are_shown_and_hang_together(page):
    at = page.run()
    assert not at.exception and rows(at) == ANCHORS
    assert not any(escape_markdown("summary.json") in info.value for info in at.info)
    study = findings.read_study()
    for stored in study.comparisons:
        row = study.difference(stored.dataset, stored.arm, stored.against, stored.metric)
        mean = sum(row.by_seed.values()) / len(row.by_seed)
        assert mean == pytest.approx(findings.METRICS[stored.metric].factor * stored.mean_difference, abs=1e-6)
        assert stored.ci_low <= stored.mean_difference <= stored.ci_high


# ---- cost, measured here ----


@pytest.fixture
def measured(monkeypatch) -> list[tuple]:
    """The measurement replaced by one that takes no time and gives 2 · batch milliseconds; what it was asked."""
    from abn.evaluation import cost

    calls = []

    def measure(network, size, *, batches, progress):
        calls.append((network, size, tuple(batches), get_queue().free))
        progress(0.5)
        progress(1.0)
        seconds = {batch: 0.002 * batch for batch in batches}
        return [cost.PartCost(part, 10, 20, seconds, dict.fromkeys(batches, 30)) for part in findings.PARTS]

    monkeypatch.setattr(cost, "measure", measure)
    monkeypatch.setattr(store, "load_variant", lambda card, folder=None: card.id)
    return calls


@pytest.mark.slow
def test_cost_is_measured_here_on_request_and_holds_a_turn(page, results, measured):
    at = opened(page)
    button = at.button(key="measure-cost")
    assert not button.disabled and not measured
    free = get_queue().free
    at = button.click().run()
    card = store.list_variants()[0]
    assert not at.exception and measured == [(card.id, card.input.size, (1,), free - 1)]
    assert get_queue().free == free
    tables = _tables(at)
    assert len(tables) == 2 and "2 ms" in tables[1]
    assert f"Cost of {card.title}, whole network." in "".join(drawn(at))
    at = page.button_group(key="cost_batches").set_value("1 and 32").run()
    assert len(_tables(at)) == 1  # no old result beside new choices
    button = at.button(key="measure-cost")
    at = button.click().run()
    assert measured[-1][2] == (1, 32) and "64 ms" in _tables(at)[1]


def _tables(at: AppTest) -> list[str]:
    return [frame.value.to_csv() for frame in at.dataframe if "part" in frame.value]


def test_a_measurement_that_fails_is_one_sentence_and_gives_its_turn_back(page, results, measured, monkeypatch):
    from abn.errors import ABNError
    from abn.evaluation import cost

    def fail(*given, **options):
        raise ABNError("There is nothing to *measure*.")

    monkeypatch.setattr(cost, "measure", fail)
    at = opened(page)
    free = get_queue().free
    button = at.button(key="measure-cost")
    at = button.click().run()
    assert at.error[0].value == escape_markdown("There is nothing to *measure*.") and get_queue().free == free


def test_how_long_it_takes_is_said_before(page, results):
    card = store.list_variants()[0]
    change(results, lambda found: found["families"][0].update(family=card.family), "cost.json")
    at = opened(page)
    assert mentions(at, " 1 s ")
    at = page.button_group(key="cost_batches").set_value("1 and 32").run()
    assert mentions(at, " 12 s ")
