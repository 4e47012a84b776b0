"""The instructor's worksheet: a lesson of 45 minutes, and questions with answers computed from the shipped variants.

Answers come from the variants as they are run, the cards and the study's sentences, so that they change with them.
"""

import html
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from abn import vocabulary
from abn.errors import ABNError
from abn.evaluation.metrics import rank_correlation
from abn.explanations.explanation import Explanation
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.plots.numbers import fixed, percent, short_label
from abn.teaching import exercises
from abn.teaching.lessons import STEPS, read_texts
from abn.variants.card import Card
from abn.variants.store import list_variants

FAMILY = "imagenet-lite0"
SET = 1  # of exercises
TEXTS = read_texts(Path(__file__).with_suffix(".toml"))
PLAN, GOALS, BEFORE = TEXTS["plan"], TEXTS["goals"], TEXTS["before"]
STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")  # of the sheet on paper

Explain = Callable[[Picture, Sequence[Card]], Sequence[Explanation]]
ByPhoto = dict[str, dict[str, Explanation]]  # title of a photograph → ID of a variant → its explanation


@dataclass(frozen=True)
class Question:
    """A question for the class, and its answer as computed now."""

    text: str
    answers: Sequence[str]  # sentences


def questions(explain: Explain, accuracy: Sequence[str] = ()) -> list[Question]:
    """The questions with their answers; a question without an answer is left out.

    `explain` explains a picture by several variants. `accuracy`: sentences of the study that compare the mechanisms
    with a map that is never applied.
    """
    cards = [card for card in list_variants() if card.family == FAMILY]
    explanations: ByPhoto = {}
    for photo in samples.gallery().values():
        if photo.kind == "photograph":
            shown = explain(open_picture(photo.path.read_bytes(), name=photo.file), cards)
            explanations[photo.title] = {explanation.variant: explanation for explanation in shown}
    usable = [card for card in cards if all(card.id in row for row in explanations.values())]  # weights may be broken
    scenes = {card.title: card.measured["scenes"] for card in cards if "scenes" in card.measured}
    pointing = [
        f"{title}: on {100 * measured['pointing']:.0f} % of {measured['count']} scenes."
        for title, measured in scenes.items()
    ]
    return [
        question
        for question in (
            *(_on_photographs(explanations, usable) if explanations and usable else ()),
            Question("How often does the brightest cell lie on the object?", pointing),
            Question(
                "Is a network right more often when its map is applied than when the same network ignores it?", accuracy
            ),
        )
        if question.answers
    ]


def _on_photographs(explanations: ByPhoto, cards: Sequence[Card]) -> Iterator[Question]:
    """Questions on the maps and predictions for the photographs that ship."""
    by_card = {card.title: [row[card.id] for row in explanations.values()] for card in cards}
    first = next(iter(explanations))
    answers = [f"{title}: {' and '.join(_heads(shown[0]))}." for title, shown in by_card.items()]
    yield Question(f"“{first}”: what do the networks say of it?", answers)

    answers = []
    for title, shown in by_card.items():
        disagreeing = [name for name, e in zip(explanations, shown, strict=True) if not e.heads_agree]
        listed = ": " + "; ".join(disagreeing) if disagreeing else ""
        answers.append(f"{title}: on {len(disagreeing)} of {len(shown)}{listed}.")
    yield Question("On which photographs do the two heads name different things first?", answers)

    answers = [
        f"{title}: M from {np.mean([e.attention.min() for e in shown]):.2f} to "
        f"{np.mean([e.attention.max() for e in shown]):.2f}."
        for title, shown in by_card.items()
    ]
    answers.append(
        "“Min–max per map” hides how bright each map gets: additive, multiplicative and none look alike on it. A "
        "faint map, as of “upside down”, is only seen on it; on the raw scale it is black."
    )
    yield Question(
        "How dark and how bright do the maps get, on average? What does the color scale “min–max per map” hide?",
        answers,
    )

    for lesson, plain in itertools.product(cards, cards):
        if lesson.lesson and not plain.lesson and plain.mechanism == lesson.mechanism:
            pairs = list(zip(by_card[lesson.title], by_card[plain.title], strict=True))
            alike = np.mean([rank_correlation(a.attention, b.attention) for a, b in pairs])
            same = sum(a.perception.argmax() == b.perception.argmax() for a, b in pairs)
            yield Question(
                f"“{lesson.title}” and “{plain.title}”: do their maps agree, and do their answers?",
                (
                    f"Rank correlation of their maps: {fixed(float(alike))} on average; 1 is the same order of cells, "
                    "−1 the very opposite.",
                    f"They name the same class first on {same} of {len(pairs)} photographs. So bright need not "
                    "be important: nothing in the losses asks for it.",
                ),
            )


def _heads(explanation: Explanation) -> list[str]:
    """Each head's first class with its probability."""
    tops = {name: explanation.top(head, 1)[0] for head, name in vocabulary.HEADS.items()}
    return [
        f"{short_label(top.label)} ({percent(top.probability)}, {name.split()[0].lower()} head)"
        for name, top in tops.items()
    ]


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
    """The task of each step, and what to notice."""
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
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>ABN Explorer: instructor's sheet</title>"
        f"<meta name='viewport' content='width=device-width'><style>{STYLE}</style></head>"
        f"<body><h1>ABN Explorer: instructor's sheet</h1>{body(questions)}</body></html>"
    )
