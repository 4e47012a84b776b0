"""The instructor's sheet: a lesson of 45 minutes, and questions whose answers are computed from what ships.

Answers come from the stored first view, the cards and the study's sentences, so that they change with them.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from abn import vocabulary
from abn.errors import ABNError
from abn.evaluation.metrics import rank_correlation
from abn.explanations import first_view
from abn.explanations.explanation import Explanation
from abn.images import samples
from abn.images.decode import open_picture
from abn.plots import numbers
from abn.plots.numbers import fixed
from abn.teaching import exercises
from abn.teaching.lessons import STEPS
from abn.variants.card import Card
from abn.variants.store import list_variants

FAMILY = "imagenet-lite0"
PLAN = (  # minutes, what, where, which questions below
    ("0–5", "A first look: where do three networks look, and what do their two heads say?", "Compare", "1, 2"),
    ("5–15", "M and its two equations, and the toggle; steps 1 and 2 before the lesson", "Learn, steps 3 and 4", "3"),
    ("15–22", "Heads that disagree; is bright important?", "Learn, steps 5 and 6", "2, 4"),
    ("22–30", "Predict, then reveal: everybody the same set, alone or in pairs", "Exercises, set 1", "the set, below"),
    (
        "30–38",
        "Change the map: who changes the answer in fewest strokes?",
        "Learn, step 9; Intervene",
        "the task, below",
    ),
    (
        "38–45",
        "Is the map faithful, and what can't it tell? Step 7 may be left out",
        "Learn, steps 7 and 10",
        "5, 6",
    ),
)
GOALS = (
    "They can say what M is, where it comes from, and what each of the two equations does with it.",
    "They don't take bright for important, and know an experiment that tells.",
    "They ask for a control before they believe a map.",
)
BEFORE = (
    "They know what a CNN, a class and a probability are.",
    "Start the app so that they reach it (--server.address=0.0.0.0), and open it yourself by that address: links made "
    "on the page Teach then hold it.",
    "A link that hides the controls hides the page Teach too; who knows its address can still read this sheet.",
)
SET = 1  # of exercises


ByPhoto = dict[str, dict[str, Explanation]]  # title of a photograph → ID of a variant → its explanation


@dataclass(frozen=True)
class Question:
    """A question for the class, and its answer as computed now."""

    text: str
    answers: tuple[str, ...]  # sentences


def questions(accuracy: Sequence[str] = ()) -> list[Question]:
    """The questions with their answers; one that can't be answered from what ships is left out.

    `accuracy`: sentences of the study that compare the mechanisms with a map that is never applied.
    """
    cards = [card for card in list_variants() if card.family == FAMILY]
    photos = [photo for photo in samples.gallery().values() if photo.kind == "photograph"]
    explanations: ByPhoto = {}
    for photo in photos:
        shown = first_view.shipped(open_picture(photo.path.read_bytes(), name=photo.file), cards)
        if shown is not None:
            explanations[photo.title] = dict(zip((card.id for card in cards), shown, strict=True))
    answerable = []
    if explanations:
        answerable += [
            _first_photograph(explanations, cards),
            _head_disagreement(explanations, cards),
            _map_range(explanations, cards),
            *_inverted_maps(explanations, cards),
        ]
    return [*answerable, *_pointing(cards), *_accuracy(accuracy)]


def _first_photograph(explanations: ByPhoto, cards: Sequence[Card]) -> Question:
    title, by_variant = next(iter(explanations.items()))
    answers = []
    for card in cards:
        heads = " and ".join(
            f"{numbers.short_label(by_variant[card.id].top(head, 1)[0].label)} "
            f"({numbers.percent(by_variant[card.id].top(head, 1)[0].probability)}, {name.split()[0].lower()} head)"
            for head, name in vocabulary.HEADS.items()
        )
        answers.append(f"{card.title}: {heads}.")
    return Question(f"“{title}”: what do the networks say of it?", tuple(answers))


def _head_disagreement(explanations: ByPhoto, cards: Sequence[Card]) -> Question:
    answers = []
    for card in cards:
        titles = [title for title, by_variant in explanations.items() if not by_variant[card.id].heads_agree]
        listed = ": " + "; ".join(titles) if titles else ""
        answers.append(f"{card.title}: on {len(titles)} of {len(explanations)}{listed}.")
    return Question("On which photographs do the two heads name different things first?", tuple(answers))


def _map_range(explanations: ByPhoto, cards: Sequence[Card]) -> Question:
    answers = [
        f"{card.title}: M from {np.mean([s[card.id].attention.min() for s in explanations.values()]):.2f} to "
        f"{np.mean([s[card.id].attention.max() for s in explanations.values()]):.2f}."
        for card in cards
    ]
    return Question(
        "How dark and how bright do the maps get, on average? What does the color scale “min–max per map” hide?",
        (
            *answers,
            "“Min–max per map” hides how bright each map gets: additive, multiplicative and none look alike on it. A "
            "faint map, as of “upside down”, is only seen on it; on the raw scale it is black.",
        ),
    )


def _inverted_maps(explanations: ByPhoto, cards: Sequence[Card]) -> list[Question]:
    pairs = [
        (lesson, plain)
        for lesson in cards
        if lesson.lesson
        for plain in cards
        if not plain.lesson and plain.mechanism == lesson.mechanism
    ]
    questions = []
    for lesson, plain in pairs:
        alike = np.mean(
            [rank_correlation(s[lesson.id].attention, s[plain.id].attention) for s in explanations.values()]
        )
        same = sum(s[lesson.id].perception.argmax() == s[plain.id].perception.argmax() for s in explanations.values())
        questions.append(
            Question(
                f"“{lesson.title}” and “{plain.title}”: do their maps agree, and do their answers?",
                (
                    f"Rank correlation of their maps: {fixed(float(alike))} on average; 1 is the same order of cells, "
                    "−1 the very opposite.",
                    f"They name the same class first on {same} of {len(explanations)} photographs. So bright need not "
                    "be important: nothing in the losses asks for it.",
                ),
            )
        )
    return questions


def _pointing(cards: Sequence[Card]) -> list[Question]:
    measured = {card.title: card.measured.get("scenes", {}) for card in cards}
    answers = [
        f"{title}: on {100 * figures['pointing']:.0f} % of {figures['count']} scenes."
        for title, figures in measured.items()
        if "pointing" in figures
    ]
    return [Question("How often does the brightest cell lie on the object?", tuple(answers))] if answers else []


def _accuracy(sentences: Sequence[str]) -> list[Question]:
    text = "Is a network right more often when its map is applied than when the same network ignores it?"
    return [Question(text, tuple(sentences))] if sentences else []


def body(questions: Sequence[Question]) -> str:
    """The sheet as HTML, to be put into a page."""
    rows = "".join(
        f"<tr><td>{minutes}</td>" + "".join(f"<td>{html.escape(text)}</td>" for text in columns) + "</tr>"
        for minutes, *columns in PLAN
    )
    items = "".join(
        f"<li><b>{html.escape(question.text)}</b><br>{'<br>'.join(map(html.escape, question.answers))}</li>"
        for question in questions
    )
    return (
        f"<h3>What they take away</h3>{_list(GOALS)}<h3>Before the lesson</h3>{_list(BEFORE)}"
        "<h3>45 minutes</h3><table class='abn-card'><thead><tr><th scope='col'>Minutes</th><th scope='col'>What</th>"
        f"<th scope='col'>Where</th><th scope='col'>Questions</th></tr></thead><tbody>{rows}</tbody></table>"
        "<h3>Questions, with answers computed from the variants that ship</h3>"
        f"<ol class='abn-questions'>{items}</ol>"
        f"<h3>Learn: the tasks, and what to notice</h3>{_tasks()}"
        f"<h3>Exercises, set {SET}: the answers</h3>{_exercises()}"
        "<p>A map is evidence of what the network weighs, not proof of why it answers. “Trained with” is not "
        "“applied”: the app says both.</p>"
    )


def _list(sentences: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{html.escape(sentence)}</li>' for sentence in sentences)}</ul>"


def _tasks() -> str:
    """Every step's task with what it shows."""
    items = (f"<li><b>{html.escape(s.title)}</b> {html.escape(s.task)}<br>{html.escape(s.notice)}</li>" for s in STEPS)
    return f"<ol>{''.join(items)}</ol>"


def _exercises() -> str:
    """The right answers of the set that the plan names."""
    try:
        material = exercises.read_material()
        drawn = exercises.draw_questions(SET, material=material)
    except ABNError as error:
        return f"<p>{html.escape(str(error))}</p>"
    items = (
        f"<li>{html.escape(exercises.KINDS[question.kind])} {html.escape(material.items[question.picture].title)}: "
        f"<b>{html.escape(question.right)}</b></li>"
        for question in drawn
    )
    return f"<ol>{''.join(items)}</ol>"


def document(questions: Sequence[Question]) -> str:
    """The sheet as one file that prints on paper and needs no network."""
    style = (
        "body{font:11pt/1.45 sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}"
        "table{border-collapse:collapse;width:100%}"
        "th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-bottom:1px solid #999}"
        "td:first-child{white-space:nowrap}li{margin:.6rem 0;break-inside:avoid}"
        "@page{margin:16mm}@media print{body{margin:0;max-width:none}}"
    )
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>ABN Explorer: instructor's sheet</title>"
        f"<meta name='viewport' content='width=device-width'><style>{style}</style></head>"
        f"<body><h1>ABN Explorer: instructor's sheet</h1>{body(questions)}</body></html>"
    )
