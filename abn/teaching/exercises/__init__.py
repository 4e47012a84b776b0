"""Exercises, predict then reveal: their material, the draw, and the scores (no torch).

The material is stored beside the photographs, so a set of questions costs no network, whoever opens it and how often.
"""

from abn.teaching.exercises.attempt import Attempt
from abn.teaching.exercises.draw import COUNT, KINDS, SETS, Question, draw_questions, fingerprint
from abn.teaching.exercises.question_material import QuestionMaterial, read_material
from abn.teaching.exercises.scores import ScoredAnswer, Total, as_csv, chance, score_answer, totals
