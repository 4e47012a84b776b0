"""The record of a room: nobody's name unless it is asked for, maps that are those shown, and a sheet that escapes."""

import csv
import io
import zipfile

import numpy as np
import pytest
from live_class import ATTENTION, choice, open_room, where
from PIL import Image

from abn.teaching.live_class import room as rules
from abn.teaching.live_class.record import answers_csv, comparison_in_words, record_zip, sheet
from abn.teaching.live_class.rehearsal import add_simulated, answer_some
from abn.teaching.live_class.views import summarize


@pytest.fixture
def room():
    made = open_room(where(), choice(text="=1+1 <b>"), students=2)
    made = rules.join(made, "ann", "=Ann <b>")
    made = rules.give_answer(rules.give_answer(made, "ann", "1", (2, 3)), "s0", "1", (0, 0))
    made = rules.go_next(rules.reveal(made))
    return rules.reveal(rules.give_answer(made, "s0", "2", (0,)))


@pytest.fixture
def images():
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(stream, "JPEG")
    return {"cat": stream.getvalue()}


def read(data: bytes) -> list[dict]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def test_the_csv_has_a_line_for_each_answer_without_names(room):
    rows = read(answers_csv(room))
    assert [(row["question"], row["student"], row["answer"], row["score"]) for row in rows] == [
        ("1", "1", "row 1, column 1", "0.000"),
        ("1", "3", "row 3, column 4", "1.000"),
        ("2", "1", "first", "0.000"),
    ]
    assert "Ann" not in answers_csv(room).decode("utf-8-sig") and rows[2]["correct answer"] == "second"
    assert rows[2]["text"].startswith("'=")  # no formula


def test_nicknames_come_only_on_request_and_are_no_formulas(room):
    rows = read(answers_csv(room, names=True))
    assert [row["nickname"] for row in rows] == ["", "'=Ann <b>", ""]


def test_simulated_students_are_called_so():
    room = answer_some(add_simulated(open_room(where())), 1)
    assert {row["student"].split()[0] for row in read(answers_csv(room))} == {"simulated"}


def test_the_zip_holds_the_maps_as_they_were_shown(room, images):
    with zipfile.ZipFile(io.BytesIO(record_zip(room, images))) as archive:
        assert sorted(archive.namelist()) == [
            "answers.csv", "question-01-M.npy", "question-01-class-map.npy", "question-01.png", "sheet.html",
        ]  # fmt: skip
        shown = np.load(io.BytesIO(archive.read("question-01-class-map.npy")), allow_pickle=False)
        np.testing.assert_array_equal(shown, summarize(room, room.questions[0]).class_map.attention)
        np.testing.assert_array_equal(np.load(io.BytesIO(archive.read("question-01-M.npy"))), ATTENTION)
        assert Image.open(io.BytesIO(archive.read("question-01.png"))).size == (2 * 640 + 16, 640)


def test_the_sheet_is_one_file_that_names_nobody_and_escapes(room, images):
    text = sheet(room, images)
    assert "Ann" not in text and "<b>" not in text and "=1+1 &lt;b&gt;" in text
    assert text.count("<section>") == 2 and "✓ correct" in text and "http" not in text
    assert "Pointing" in text
    assert "<section>" not in sheet(open_room(where()), images)  # what wasn't revealed stays out
    assert sheet(room, {}).count("<img") == 2  # gray in place of an image that is lost


@pytest.mark.parametrize("students", [4, 5])
def test_a_rank_correlation_needs_five_predictions(students):
    played = open_room(where(), students=students)
    for number in range(students):
        played = rules.give_answer(played, f"s{number}", "1", (2, number % 4))
    text = comparison_in_words(summarize(played, played.questions[0]))
    assert ("rank correlation" in text) == (students == 5)
