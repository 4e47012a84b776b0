"""What a teacher takes along when a room ends: the answers as CSV, the class maps as PNG and npy, and one HTML sheet.

Students are numbered in the order in which they came; nicknames are only in it where the teacher asks for them.
"""

import base64
import html
import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from abn.export.figures import npy_bytes, png_bytes
from abn.export.tables import csv_bytes, escape_formula
from abn.images.fit import upsample
from abn.plots.numbers import fixed
from abn.plots.overlay import overlay
from abn.teaching.exercises.wording import cell
from abn.teaching.live_class.question import NO_OPTION, Question
from abn.teaching.live_class.room import Answer, Room, Student, score
from abn.teaching.live_class.room_image import SIDE
from abn.teaching.live_class.views import Result, summarize

COLUMNS = ("question", "kind", "text", "student", "answer", "correct answer", "score")
STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
GAP = 16  # pixels between the two maps of a figure


def answers_csv(room: Room, *, names: bool = False) -> bytes:
    """One line for each answer; the nicknames in a column of their own with `names`."""
    rows: list[list[object]] = []
    for number, question in enumerate(room.questions, 1):
        kind, text = question.kind, escape_formula(question.text)
        given = room.answers_to(question)
        for name, student in sorted(room.students.items(), key=lambda entry: entry[1].number):
            if name not in given:
                continue
            points = score(question, given[name])
            answer, right = escape_formula(answer_in_words(question, given[name])), escape_formula(_right(question))
            row = [number, kind, text, _label(student), answer, right, "" if points is None else f"{points:.3f}"]
            rows.append([*row, escape_formula(student.nickname)] if names else row)
    return csv_bytes((*COLUMNS, "nickname") if names else COLUMNS, rows)


def answer_in_words(question: Question, answer: Answer) -> str:
    """An option, or a cell as people count it."""
    return cell((answer[0], answer[1])) if question.picks_cell else question.options[answer[0]]


def record_zip(room: Room, images: Mapping[str, bytes], *, names: bool = False) -> bytes:
    """The CSV, the sheet, and for each question with clicks the class map and M as npy and as one PNG. `images`: the
    room's images by name."""
    members = {"answers.csv": answers_csv(room, names=names), "sheet.html": sheet(room, images).encode()}
    for number, question, result in _revealed(room):
        if result.class_map and result.count:
            stem = f"question-{number:02d}"
            members[f"{stem}-class-map.npy"] = npy_bytes(result.class_map.attention)
            members[f"{stem}-M.npy"] = npy_bytes(question.maps[0].attention)
            members[f"{stem}.png"] = png_bytes(_draw_pair(question, result, images))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def sheet(room: Room, images: Mapping[str, bytes]) -> str:
    """One HTML file with the revealed questions and what the class predicted; it names nobody and needs no network."""
    parts = ""
    for number, question, result in _revealed(room):
        body = f"<p>{_text(question.text)}</p>"
        if result.class_map and result.count:
            body += _figure(_draw_pair(question, result, images), "The class attention map beside M.")
            body += f"<p>{_text(comparison_in_words(result))}</p>"
        else:
            body += _figure(_open(images, question.image), question.alt) if question.image else ""
            body += _votes(question, result)
        credit = f"<p class='credit'>{_text(question.credit)}</p>" if question.credit else ""
        parts += (
            f"<section><h2>{number}. {_text(question.heading or question.text)}</h2>{body}"
            f"<p>{_text(question.explanation)}</p>{credit}</section>"
        )
    title = f"Live class {_text(room.code)}"
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>ABN Explorer: {title}</title>"
        f"<meta name='viewport' content='width=device-width'><style>{STYLE}</style></head>"
        f"<body><h1>{title}</h1><p>{len(room.students)} students</p>{parts}</body></html>"
    )


def comparison_in_words(result: Result) -> str:
    """How the class map agrees with M, in sentences."""
    shown = result.class_map
    if shown is None or not result.count:
        return ""
    rho = "is undefined, as one map is constant" if np.isnan(shown.correlation) else f"is {fixed(shown.correlation)}"
    correlation = f" The rank correlation of the students' map with M {rho}." if shown.is_compared else ""
    places = f"Brightest cell of the students' map: {cell(shown.brightest)}; of M: {cell(shown.network_brightest)}."
    sentence = f"{result.count} predictions.{correlation} {places}"
    if shown.hit is None:
        return sentence
    hits = {True: "on the object", False: "not on the object"}
    return f"{sentence} Pointing: the students' map is {hits[shown.hit]}, M is {hits[bool(shown.network_hit)]}."


def _revealed(room: Room) -> Iterator[tuple[int, Question, Result]]:
    for number, question in enumerate(room.questions, 1):
        if room.is_revealed(question):
            yield number, question, summarize(room, question)


def _label(student: Student) -> str:
    return f"simulated {student.number}" if student.simulated else str(student.number)


def _right(question: Question) -> str:
    if question.picks_cell:
        attention = question.maps[0].attention
        row, column = np.unravel_index(int(attention.argmax()), attention.shape)
        return cell((int(row), int(column)))
    return "" if question.right == NO_OPTION else question.options[question.right]


def _draw_pair(question: Question, result: Result, images: Mapping[str, bytes]) -> Image.Image:
    """The class map and M over the image, side by side; both from 0 to their maximum."""
    image = _open(images, question.image)
    class_map = result.class_map.attention if result.class_map else question.maps[0].attention
    drawn = Image.new("RGB", (2 * SIDE + GAP, SIDE), "white")
    for place, values in enumerate((class_map, question.maps[0].attention)):
        shown = overlay(image, upsample(values, (SIDE, SIDE)), opacity=0.6)
        drawn.paste(shown, (place * (SIDE + GAP), 0))
    return drawn


def _open(images: Mapping[str, bytes], name: str) -> Image.Image:
    """An image of the room, or a gray square in its place."""
    if name not in images:
        return Image.new("RGB", (SIDE, SIDE), "gray")
    return Image.open(io.BytesIO(images[name]), formats=["JPEG"]).convert("RGB").resize((SIDE, SIDE))


def _figure(image: Image.Image, alt: str) -> str:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=88)
    data = base64.b64encode(stream.getvalue()).decode()
    return f"<img src='data:image/jpeg;base64,{data}' alt='{_text(alt)}'>"


def _votes(question: Question, result: Result) -> str:
    rows = ""
    for k, (option, votes) in enumerate(zip(question.options, result.votes, strict=True)):
        share = 100 * votes / result.count if result.count else 0
        mark = " ✓ correct" if k == question.right else ""
        rows += (
            f"<tr><th scope='row'>{_text(option)}{mark}</th>"
            f"<td><span class='bar' style='width: {share:.0f}%'></span></td><td>{votes}</td></tr>"
        )
    return f"<table>{rows}</table>"


def _text(text: str) -> str:
    return html.escape(text)
