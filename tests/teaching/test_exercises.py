"""Exercises: the same number draws the same set, every question is fair, scores are right by hand, and nothing stored
outlives the images and the weights that it came from."""

import csv
import re
from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import abn
from abn.errors import ABNError
from abn.evaluation import localization
from abn.explanations import interventions
from abn.explanations.explanation import Prediction
from abn.images import samples
from abn.images.decode import open_picture
from abn.plots import map_words
from abn.teaching import exercises
from abn.teaching.exercises import (
    KINDS,
    as_csv,
    draw,
    draw_questions,
    question_material,
    read_material,
    score_answer,
    scores,
    totals,
    wording,
)
from abn.teaching.exercises.question_material import EditRecord, Item, PredictionRecord, QuestionMaterial
from abn.variants.store import find_variant, list_variants
from abn.vocabulary import HEADS

ROOT = Path(__file__).parents[2]
MATERIAL = read_material()
DRAWN_SETS = {seed: draw_questions(seed, material=MATERIAL) for seed in range(1, 51)}
DRAWN = [question for drawn in DRAWN_SETS.values() for question in drawn]
CARD = find_variant("imagenet-lite0-additive")
LABELS = ("tench", "goldfish, Carassius auratus", "great white shark")


def of(kind: str) -> list[exercises.Question]:
    return [question for question in DRAWN if question.kind == kind]


def record_of(question: exercises.Question) -> PredictionRecord:
    return MATERIAL.predictions[question.image, question.variant]


def predictions_of(*probabilities: float) -> tuple[Prediction, ...]:
    order = np.argsort(probabilities)[::-1]
    return tuple(Prediction(int(k), LABELS[k], probabilities[k]) for k in order)


def small_material(attention: np.ndarray, **others) -> QuestionMaterial:
    """One image, one network."""
    item = Item("fish", "fish.jpg", "", "A fish", "A fish in a glass", "somebody", "crop", (1,))
    features = np.full(np.shape(attention), 0.2, np.float32)
    record = PredictionRecord(
        np.asarray(attention, np.float32), features, **{"auxiliary": predictions_of(0.2, 0.5, 0.3), **others}
    )
    return QuestionMaterial({"fish": item}, {CARD.id: CARD}, {("fish", CARD.id): record})


# ---- what is stored ----


def test_all_of_the_gallery_and_all_scenes_are_there_and_up_to_date():
    assert not MATERIAL.stale, "exercises.npz is out of date: run `python -m abn gallery`"
    photos = {photo.id: photo for photo in samples.photographs()}
    gallery = {photo.id for photo in photos.values() if photo.gallery and photo.kind == "photograph"}
    scenes = {f"scene-{scene.id}": scene for scene in localization.scenes()}
    assert MATERIAL.items.keys() >= gallery | scenes.keys()
    for item in MATERIAL.items.values():
        source = scenes.get(item.id) or photos[item.id]
        right = source.classes if item.id in photos else (() if source.index is None else (source.index,))
        assert (item.title, item.alt, item.right) == (source.title, source.alt, right)
        assert item.fit == ("crop" if item.id in photos else "squash") and item.credit
        if item.id not in gallery | scenes.keys():  # they are there for the heads
            assert any(sum(MATERIAL.right(item.id, variant).values()) == 1 for variant in MATERIAL.cards)
    assert question_material.FILE.stat().st_size < 1_000_000


def test_families_come_without_lessons():
    mechanisms = {(card.family, card.mechanism) for card in MATERIAL.cards.values()}
    assert mechanisms >= set(product(["imagenet-lite0"], abn.MECHANISMS))
    assert not any(card.lesson for card in MATERIAL.cards.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cat-behind-mug", "scene-tiger"])
def test_what_is_stored_is_what_the_live_networks_say(name, runner):
    item = MATERIAL.items[name]
    image = open_picture(item.path.read_bytes())
    cards = [card for card in MATERIAL.cards.values() if card.family == "imagenet-lite0"]
    live = abn.explain(image, [card.id for card in cards], fit=item.fit)
    subjects = interventions.attend_variants(image, cards, fit=item.fit, load=runner)
    for explanation, subject in zip(live, subjects, strict=True):
        record = MATERIAL.predictions[name, explanation.variant]
        assert np.allclose(record.attention, explanation.attention, atol=2e-3)
        assert np.allclose(record.features, np.abs(subject.features[0]).mean(0), rtol=2e-3)
        for head in HEADS:
            stored, top = getattr(record, head), explanation.top(head, question_material.TOP)
            assert [(question.index, question.label) for question in stored] == [
                (question.index, question.label) for question in top
            ]
            assert [question.probability for question in stored] == pytest.approx(
                [question.probability for question in top], abs=2e-3
            )
        assert record.edits.keys() == (set() if explanation.applied == "none" else set(wording.EDITS))
        for edit, edited in record.edits.items():
            before, after = subject.predict(
                np.stack([subject.attention, interventions.PRESETS[edit](subject.attention)])
            )
            effect = interventions.Effect(edit, edited.attention, before, after)
            assert np.allclose(edited.attention, interventions.PRESETS[edit](subject.attention), atol=2e-3)
            assert edited.change == pytest.approx(effect.change, abs=2e-3)
            assert edited.after.probability == pytest.approx(after.max(), abs=2e-3)
            if edited.lead >= draw.MIN_LEAD:
                assert (
                    record.changes_prediction(edit) == effect.changes_prediction
                    and edited.after.index == after.argmax()
                )


def test_words_are_there_for_every_edit():
    assert wording.EDITS.keys() == wording.LOST.keys() == interventions.PRESETS.keys() - {"own map"}


def test_changed_weights_are_noticed_and_left_out():
    cards = [replace(card, sha256="0" * 64) if card.id == CARD.id else card for card in list_variants()]
    result = read_material(cards=cards)
    assert result.stale == (CARD.id,) and CARD.id not in result.cards
    assert not any(variant == CARD.id for _, variant in result.predictions)
    assert len(result.predictions) == len(MATERIAL.predictions) - len(MATERIAL.items)
    assert read_material(cards=[card for card in list_variants() if card.id != CARD.id]).stale == (CARD.id,)
    assert set(read_material(cards=[]).stale) == MATERIAL.cards.keys()


def test_changed_and_missing_pictures_are_noticed_and_left_out(monkeypatch, tmp_path):
    for item in MATERIAL.items.values():
        (tmp_path / item.file).parent.mkdir(exist_ok=True)
        (tmp_path / item.file).write_bytes(item.path.read_bytes())
    monkeypatch.setattr(question_material, "SAMPLES", tmp_path)
    assert read_material().stale == ()
    (tmp_path / "toucan.jpg").unlink()
    (tmp_path / "scenes/tiger.jpg").write_bytes(b"another tiger")
    result = read_material()
    assert set(result.stale) == {"toucan.jpg", "scenes/tiger.jpg"}
    assert result.items.keys() == MATERIAL.items.keys() - {"toucan", "scene-tiger"}
    assert {image for image, _ in result.predictions} == result.items.keys()
    assert len(draw_questions(1, material=result)) == 8


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 not an archive"])
def test_a_missing_or_broken_file_is_an_empty_bank(tmp_path, content):
    file = tmp_path / "exercises.npz"
    if content is not None:
        file.write_bytes(content)
    result = read_material(file)
    assert (result.items, result.predictions, result.stale) == ({}, {}, ("exercises.npz",))
    with pytest.raises(ABNError, match="too few"):
        draw_questions(1, material=result)


@pytest.mark.slow
def test_built_anew_it_reads_back(tmp_path, monkeypatch):
    chosen = ("cat-behind-mug", "piglet", "baseball", "scene-tiger")
    few = [source for source in question_material.sources() if source[0].id in chosen]
    monkeypatch.setattr(question_material, "sources", lambda: iter(few))
    cards = [find_variant(f"imagenet-lite0-{name}") for name in ("multiplicative", "none")]
    lines = []
    result = read_material(question_material.build(cards, tmp_path / "new.npz", progress=lines.append), cards)
    assert list(result.items) == ["cat-behind-mug", "piglet", "scene-tiger"]  # both heads know a baseball
    assert lines == [item.title for item in result.items.values()]
    for (image, variant), record in result.predictions.items():
        kept = MATERIAL.predictions[image, variant]
        assert np.allclose(record.attention, kept.attention, atol=2e-3)
        assert [top.index for top in record.perception] == [top.index for top in kept.perception]
        assert {edit: edited.after.index for edit, edited in record.edits.items()} == {
            edit: edited.after.index for edit, edited in kept.edits.items()
        }


# ---- the draw ----


def test_equal_numbers_draw_equal_sets_and_others_differ():
    assert draw_questions(7, material=MATERIAL) == draw_questions(7, material=read_material())
    assert len(set(DRAWN_SETS.values())) == len(DRAWN_SETS)


def test_kinds_come_in_turn_and_no_picture_twice():
    for drawn in DRAWN_SETS.values():
        assert [question.kind for question in drawn] == list(KINDS) * 2 and [
            question.number for question in drawn
        ] == list(range(1, 9))
        assert len({question.image for question in drawn}) == 8
    assert [question.kind for question in draw_questions(1, 6, material=MATERIAL)] == [*KINDS, "where", "head"]


def test_a_bank_too_small_says_so():
    with pytest.raises(ABNError, match=f"“{re.escape(KINDS['head'])}” has no more"):
        draw_questions(1, 200, material=MATERIAL)


def test_where_has_something_to_find():
    for question in of("where"):
        attention = record_of(question).attention
        assert not map_words.is_flat(attention) and np.ptp(attention) >= 0.3 and not question.options
        row, column = np.argwhere(attention == attention.max())[0]
        assert question.right == f"row {row + 1}, column {column + 1}"


def test_exactly_one_head_is_right_and_each_as_often():
    for question in of("head"):
        record, accepted = record_of(question), MATERIAL.items[question.image].right
        (right,) = [head for head in HEADS if getattr(record, head)[0].index in accepted]
        assert question.right == right and question.options == tuple(HEADS)
        assert (
            MATERIAL.cards[question.variant].title not in question.text
            and MATERIAL.cards[question.variant].title in question.explanation
        )
    assert min(Counter(question.right for question in of("head")).values()) >= 35  # as fair coins fall, of 100


@pytest.mark.parametrize("kind", ["head", "flip"])
def test_the_first_answer_of_a_kind_does_not_give_away_the_second(kind):
    pairs = [[question.right for question in drawn if question.kind == kind] for drawn in DRAWN_SETS.values()]
    assert 15 <= sum(first == second for first, second in pairs) <= 35  # as fair coins fall, of 50


def test_the_mechanism_follows_from_what_is_shown():
    for question in of("mechanism"):
        record = record_of(question)
        expected = {"additive": 1 + record.attention, "multiplicative": record.attention, "none": 1.0}[question.right]
        assert np.allclose(record.reweight_features(question.right), expected * record.features, rtol=1e-6)
        means = [record.reweight_features(name).mean() for name in abn.MECHANISMS]
        assert np.diff(np.sort(means)).min() >= 0.1 * record.features.mean()
        assert MATERIAL.cards[question.variant].title not in question.text and question.options == abn.MECHANISMS
    assert min(Counter(question.right for question in of("mechanism")).values()) >= 20  # of 100, as fair dice fall


def test_half_of_the_edits_flip_and_neither_network_nor_edit_gives_it_away():
    assert min(Counter(question.right for question in of("flip")).values()) >= 35  # as fair coins fall, of 100
    for question in of("flip"):
        record = record_of(question)
        flips = record.edits[question.edit].after.index != record.perception[0].index
        assert question.right == (wording.FLIPS if flips else wording.STAYS)
        sure = [
            b
            for (_, v), b in MATERIAL.predictions.items()
            if v == question.variant and b.edits[question.edit].lead >= 0.02
        ]
        assert any(b.changes_prediction(question.edit) for b in sure) and not all(
            b.changes_prediction(question.edit) for b in sure
        )
        assert record.edits[question.edit].lead >= 0.02


# ---- words ----


def test_explanations_are_made_from_the_numbers():
    edits = {
        "inverted": EditRecord(np.zeros((2, 2)), Prediction(2, LABELS[2], 0.6), -0.45, 0.3),
        "ones": EditRecord(np.zeros((2, 2)), Prediction(0, LABELS[0], 0.35), -0.25, 0.1),
    }
    result = small_material([[0.1, 0.4], [0.91, 0.2]], perception=predictions_of(0.6, 0.3, 0.1), edits=edits)
    record = result.predictions["fish", CARD.id]
    for sentence, numbers in (
        (wording.explain_where(record), ("0.91", "row 2, column 1", "0.10", "“tench” (60.0 %)")),
        (wording.explain_head(CARD, record, "auxiliary"), (CARD.title, "“goldfish” (50.0 %)", "“tench” (60.0 %)")),
        (wording.explain_flip(record, "inverted"), ("“great white shark” (60.0 %)", "−45.0 points", "30.0 points")),
        (wording.explain_flip(record, "inverted"), (wording.LOST["inverted"],)),
        (wording.explain_flip(record, "ones"), ("“tench” (35.0 %)", "−25.0 points", wording.LOST["ones"])),
    ):
        assert all(number in sentence for number in numbers)


@pytest.mark.parametrize(
    ("mechanism", "numbers"),
    [
        ("additive", ("M = 0.91", "g = 0.20", "g′ = 0.38", "(1 + M) · g", "factor of 1.91", "× 1.10 to × 1.91")),
        ("multiplicative", ("M = 0.91", "g = 0.20", "g′ = 0.18", "M · g", "factor of 0.91", "× 0.10 to × 0.91")),
        ("none", ("g = 0.20", "g′ = 0.20", "g′ = g")),
    ],
)
def test_the_mechanism_is_explained_in_the_brightest_cell(mechanism, numbers):
    result = small_material([[0.1, 0.4], [0.91, 0.2]], perception=predictions_of(0.6, 0.3, 0.1), edits={})
    explanation = wording.explain_mechanism(result.predictions["fish", CARD.id], mechanism)
    assert all(number in explanation for number in ("row 2, column 1", *numbers)), explanation


def test_all_cells_are_amplified_or_all_are_weakened_as_the_explanations_say():
    for question in of("mechanism"):
        gains = record_of(question).reweight_features(question.right) / record_of(question).features
        amplified, weakened = ("are amplified" in question.explanation, "are weakened" in question.explanation)
        assert amplified == (gains.min() > 1.001) and weakened == (gains.max() < 0.999)
        if question.right != "none":
            assert f"(× {gains.min():.2f} to × {gains.max():.2f})" in question.explanation


def test_a_fingerprint_belongs_to_the_questions_their_images_and_weights():
    first, second = (exercises.fingerprint(DRAWN_SETS[seed], material=MATERIAL) for seed in (1, 2))
    assert first != second and first == exercises.fingerprint(DRAWN_SETS[1], material=read_material())
    cards = {key: replace(card, sha256="0" * 64) for key, card in MATERIAL.cards.items()}
    items = {key: replace(item, sha256="0" * 64) for key, item in MATERIAL.items.items()}
    for changed in (replace(MATERIAL, cards=cards), replace(MATERIAL, items=items)):
        assert exercises.fingerprint(DRAWN_SETS[1], material=changed) != first


# ---- scores ----


def test_a_cell_is_worth_the_share_of_others_that_are_less_bright():
    attention = np.array([[0.1, 0.2, 0.3], [0.3, 0.9, 0.3]], np.float32)
    expected = np.array([[0.0, 0.2, 0.6], [0.6, 1.0, 0.6]])  # of five others: none, one, two and half of two, all
    result = [[scores.cell_score(attention, (row, column)) for column in range(3)] for row in range(2)]
    assert np.allclose(result, expected)


def test_chance_gets_half():
    generator = np.random.default_rng(0)
    for attention in (generator.random((14, 14)), generator.integers(0, 3, (5, 7)), np.full((4, 4), 0.5)):
        cells = list(product(*map(range, attention.shape)))
        assert np.mean([scores.cell_score(attention, at) for at in cells]) == pytest.approx(0.5)
    where, head, mechanism, flip = (of(kind)[0] for kind in KINDS)
    assert [scores.chance(question) for question in (where, head, mechanism, flip)] == [0.5, 0.5, 1 / 3, 0.5]


def test_options_are_worth_one_or_nothing():
    for question in DRAWN[:8]:
        for option in question.options:
            assert score_answer(question, option, material=MATERIAL).score == (1.0 if option == question.right else 0.0)


def test_a_cell_comes_with_a_remark():
    result = small_material([[0.1, 0.4], [0.91, 0.2]], perception=predictions_of(0.6, 0.3, 0.1), edits={})
    request = replace(of("where")[0], image="fish", variant=CARD.id)
    given = score_answer(request, (0, 1), material=result)
    assert given.score == pytest.approx(2 / 3) and given.in_words == "row 1, column 2"
    assert all(number in given.remark for number in ("M = 0.40", "66.7 %", "0.67 points"))


@pytest.mark.parametrize("answer", ["row 1, column 1", (14, 0), (0, -1)])
def test_what_is_no_cell_is_no_answer(answer):
    question = next(question for question in of("where") if "lite0" in question.variant)
    with pytest.raises(ABNError, match="a cell of 14 × 14"):
        score_answer(question, answer, material=MATERIAL)


def test_what_is_no_option_is_no_answer():
    with pytest.raises(ABNError, match="one of auxiliary, perception"):
        score_answer(of("head")[0], (0, 0), material=MATERIAL)


def filled(seed: int) -> list[exercises.ScoredAnswer]:
    return [
        score_answer(question, question.options[0] if question.options else (3, 4), material=MATERIAL)
        for question in draw_questions(seed, material=MATERIAL)
    ]


def test_totals_by_kind():
    given = filled(7)
    result = totals(given)
    assert list(result) == list(KINDS) and all(total.count == 2 for total in result.values())
    heads = [answer.question.right for answer in given if answer.question.kind == "head"]
    assert result["head"].score == heads.count("auxiliary")
    assert result["where"].score == pytest.approx(given[0].score + given[4].score)
    assert list(totals(given[:2])) == ["where", "head"] and totals([]) == {}


def test_the_csv_says_what_was_answered_and_no_more():
    given = filled(7)
    rows = list(csv.DictReader(as_csv(7, given).splitlines()))
    assert list(rows[0]) == "set,question,kind,image,variant,edit,answer,right answer,score".split(",")
    for row, answer in zip(rows, given, strict=True):
        question = answer.question
        assert row == {
            "set": "7",
            "question": str(question.number),
            "kind": question.kind,
            "image": question.image,
            "variant": question.variant,
            "edit": question.edit,
            "answer": answer.in_words,
            "right answer": question.right,
            "score": f"{answer.score:.3f}",
        }
    assert rows[0]["answer"] == "row 4, column 5"
