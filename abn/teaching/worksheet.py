"""Papers for a class as HTML files that print and need no network: the teacher's plan, the students' handout, and the
answers to a set of exercises, which need the set's key (`set_keys`).
"""

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from abn.teaching import exercises
from abn.teaching.class_questions import ClassQuestion
from abn.teaching.lessons import STATEMENTS, STEPS, Step, read_texts
from abn.teaching.qr_code import qr_svg
from abn.teaching.set_keys import set_of_key

TEXTS = read_texts(Path(__file__).with_suffix(".toml"))
GOALS, BEFORE = TEXTS["goals"], TEXTS["before"]
STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
SMALL = 96  # pixels of a QR code on a paper
LINES = 2  # to write on, below a question of the handout
TRUE = {True: "True", False: "False"}

MakeLink = Callable[[str, Mapping[str, str]], str]  # a page and its query parameters → its address


@dataclass(frozen=True)
class Activity:
    """A row of a plan."""

    minutes: str  # from–to
    what: str
    page: str  # a key of layout.PAGES
    query: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[int] = ()  # of the lesson
    questions: Sequence[str] = ()  # keys of class questions
    set: bool = False  # the set of exercises is answered


PLANS = {int(minutes): [Activity(**row) for row in rows] for minutes, rows in TEXTS["plans"].items()}
DURATIONS = tuple(PLANS)  # minutes


def plan(minutes: int, seed: int, questions: Sequence[ClassQuestion], link: MakeLink) -> str:
    """The teacher's plan: what is done when, where, and which questions belong to it; without answers."""
    numbers = _numbers(minutes, questions)
    rows = ""
    for activity in PLANS[minutes]:
        asked = ", ".join(str(numbers[key]) for key in activity.questions if key in numbers)
        rows += (
            f"<tr><td>{activity.minutes}</td><td>{_text(activity.what)}</td>"
            f"<td>{_text(_place(activity, seed))}<br>{_address(_link(activity, seed, link))}</td><td>{asked}</td></tr>"
        )
    header = "".join(f"<th scope='col'>{name}</th>" for name in ("Minutes", "Activity", "Where", "Questions"))
    return _document(
        f"Teacher's plan, {minutes} minutes",
        f"<h2>What the class learns</h2>{_list(GOALS)}<h2>Before the lesson</h2>{_list(BEFORE)}"
        f"<h2>{minutes} minutes</h2><table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table>"
        f"<h2>Questions for the class</h2><ol>{_items(_text(q.text) for q in _asked(minutes, questions))}</ol>",
    )


def handout(minutes: int, seed: int, questions: Sequence[ClassQuestion], link: MakeLink) -> str:
    """The students' paper: goals, links as QR codes, tasks and questions with room to write; without answers."""
    rules, parts = '<div class="rule"></div>' * LINES, ""
    by_key = {question.key: question for question in questions}
    for number, activity in enumerate(PLANS[minutes], 1):
        address = _link(activity, seed, link)
        tasks = [
            f"<b>{_text(STEPS[step - 1].lead)}</b> {_text(STEPS[step - 1].task)}{rules}" for step in activity.steps
        ]
        tasks += [f"{_text(by_key[key].text)}{rules}" for key in activity.questions if key in by_key]
        body = f"<ul>{_items(tasks)}</ul>" if tasks else ""
        body += _answer_table() if activity.set else ""
        parts += (
            f'<h2>{number}. {_text(activity.what)}</h2><div class="code">{qr_svg(address, SMALL)}</div>'
            f"<p>{_text(_place(activity, seed))}<br>{_address(address)}</p>{body}"
        )
    name = '<p>Name <span class="name">&nbsp;</span></p>'
    return _document("Attention Branch Networks: handout", f"{name}<h2>Goals</h2>{_list(GOALS)}{parts}")


def answers(key: str, questions: Sequence[ClassQuestion]) -> str:
    """The teacher's answers: to the class questions, to the tasks of the lesson, and to the set of a key.

    Raises `ABNError` for what is no key, and where there is no material for a set.
    """
    seed, material = set_of_key(key), exercises.read_material()
    drawn = exercises.draw_questions(seed, material=material)
    of_set = (
        f"<b>{_text(exercises.KINDS[question.kind])}</b> {_text(material.items[question.image].title)}: "
        f"<b>{_text(question.right)}</b><br>{_text(question.explanation)}"
        for question in drawn
    )
    of_class = (
        f"<b>{_text(question.text)}</b><br>{'<br>'.join(map(_text, question.answers))}" for question in questions
    )
    of_lesson = (f"<b>{_text(step.lead)}</b> {_text(step.task)}<br>{_result(step)}" for step in STEPS)
    return _document(
        f"Answers to set {seed} (key {key})",
        f"<h2>Exercises, set {seed}</h2><ol>{_items(of_set)}</ol>"
        f"<h2>Questions for the class, computed from the shipped variants</h2><ol>{_items(of_class)}</ol>"
        f"<h2>Learn: tasks and results</h2><ol>{_items(of_lesson)}</ol>"
        "<p>A map shows how strongly each cell is weighed, not why the network predicts a class.</p>",
    )


# ---- parts of the papers ----


def _result(step: Step) -> str:
    """What a class finds in a step of the lesson; of the last one, which statements are true."""
    result = _text(f"{step.notice} {step.answer}".strip())
    if step is not STEPS[-1]:
        return result
    return result + _list([f"{statement.sentence} {TRUE[statement.true]}: {statement.why}" for statement in STATEMENTS])


def _asked(minutes: int, questions: Sequence[ClassQuestion]) -> list[ClassQuestion]:
    """The questions that belong to a plan, in its order."""
    keys = [key for activity in PLANS[minutes] for key in activity.questions]
    by_key = {question.key: question for question in questions}
    return [by_key[key] for key in keys if key in by_key]


def _numbers(minutes: int, questions: Sequence[ClassQuestion]) -> dict[str, int]:
    return {question.key: number for number, question in enumerate(_asked(minutes, questions), 1)}


def _place(activity: Activity, seed: int) -> str:
    """The page, and the steps or the set on it."""
    name = "Compare" if activity.page == "app.py" else Path(activity.page).stem
    if activity.set:
        return f"{name}, set {seed}"
    steps = " and ".join(map(str, activity.steps))
    return f"{name}, step{'s' * (len(activity.steps) > 1)} {steps}" if steps else name


def _link(activity: Activity, seed: int, link: MakeLink) -> str:
    return link(activity.page, {"set": str(seed)} if activity.set else activity.query)


def _answer_table() -> str:
    rows = "".join(f"<tr><td>{number}</td><td></td><td></td></tr>" for number in range(1, exercises.COUNT + 1))
    header = "".join(f"<th scope='col'>{name}</th>" for name in ("Question", "My answer, and why", "Points"))
    return f"<table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table>"


def _address(address: str) -> str:
    return f'<span class="address">{_text(address)}</span>'


def _text(text: Any) -> str:
    return html.escape(str(text))


def _items(items: Iterable[str]) -> str:
    return "".join(f"<li>{item}</li>" for item in items)


def _list(sentences: Sequence[str]) -> str:
    return f"<ul>{_items(map(_text, sentences))}</ul>"


def _document(title: str, body: str) -> str:
    """A paper as one file that prints and needs no network."""
    name = _text(title)
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>ABN Explorer: {name}</title>"
        f"<meta name='viewport' content='width=device-width'><style>{STYLE}</style></head>"
        f"<body><h1>{name}</h1>{body}</body></html>"
    )
