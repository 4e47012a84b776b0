"""Questions of a room: a set of the exercises, an image in a variant, a free choice; each only where it is fair."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from abn.errors import RoomError
from abn.explanations.explainer import explain
from abn.explanations.interventions import attend_image
from abn.images import samples
from abn.images.decode import open_picture
from abn.teaching import exercises
from abn.teaching.live_class import new_questions
from abn.teaching.live_class.experiment import EDITS, run_experiment
from abn.teaching.live_class.new_questions import BRIGHT, OUTCOMES, Source, free_choice, question_on_image
from abn.teaching.live_class.question import hide_solution
from abn.teaching.live_class.room_image import FIT, SIDE, RoomImage, make_room_image, open_room_image
from abn.variants.card import class_names
from abn.variants.store import find_variant

MATERIAL = exercises.read_material()
ADDITIVE, NONE = "imagenet-lite0-additive", "imagenet-lite0-none"


@pytest.fixture(scope="module")
def new() -> new_questions.NewQuestions:
    return new_questions.questions_of_set(7, MATERIAL)


def test_a_set_has_the_questions_of_the_exercises_with_their_images(new):
    drawn = exercises.draw_questions(7, material=MATERIAL)
    assert [question.kind for question in new.questions] == [question.kind for question in drawn]
    images = {image.name: image.data for image in new.images}
    for question, exercise in zip(new.questions, drawn, strict=True):
        with Image.open(io.BytesIO(images[question.image])) as image:
            assert image.size == (SIDE, SIDE) and image.format == "JPEG" and not image.getexif()
        assert (question.text, question.explanation) == (exercise.text, exercise.explanation)
        if question.picks_cell:
            record = MATERIAL.predictions[exercise.image, exercise.variant]
            np.testing.assert_array_equal(question.maps[0].attention, record.attention)
            assert question.cells == record.attention.shape
        else:
            assert exercise.options[question.right] == exercise.right


def test_where_the_object_is_known_its_cells_are(new):
    drawn = exercises.draw_questions(7, material=MATERIAL)
    scenes = [exercise.image.startswith("scene-") for exercise in drawn]
    assert [bool(question.objects.size) for question in new.questions] == scenes
    assert all(question.objects.any() for question in new.questions if question.objects.size)


def test_nothing_tells_the_mechanism_or_the_prediction_after_an_edit_before_the_reveal(new):
    for question in map(hide_solution, new.questions):
        if question.kind == "mechanism":
            assert [panel.title for panel in question.maps] == ["Map M", "Features g", "Features g′"]
            assert not question.variant
        assert "After" not in {line.name for line in question.lines}
        assert question.kind != "head" or not question.title


# ---- about an image ----


@pytest.fixture(scope="module")
def image() -> RoomImage:
    photo = samples.gallery()["toucan"] if "toucan" in samples.gallery() else next(iter(samples.gallery().values()))
    return make_room_image(open_picture(photo.path.read_bytes()), find_variant(ADDITIVE).input, "crop")


def ask(kind: str, image: RoomImage, runner, *, variant: str = ADDITIVE, classes: tuple[int, ...] = (), **options):
    picture, card = open_room_image(image.data), find_variant(variant)
    (explanation,) = explain(picture, [card], fit=FIT, load=runner)
    attended = attend_image(picture, card, fit=FIT, load=runner)
    source = Source("An image", "An image", classes=classes)
    (question,) = question_on_image(kind, image, source, card, explanation, attended, **options).questions
    return question, explanation


def test_where_on_an_image(image, runner):
    question, explanation = ask("where", image, runner)
    np.testing.assert_array_equal(question.maps[0].attention, explanation.attention)
    assert question.picks_cell and question.variant == ADDITIVE and question.image == image.name


def test_which_mechanism_on_an_image(image, runner):
    asked = [ask("mechanism", image, runner, seed=seed)[0] for seed in range(6)]
    assert {question.right for question in asked} == {0, 1, 2}
    for question in asked:
        own, before, after = (panel.attention for panel in question.maps)
        gain = {"additive": 1 + own, "multiplicative": own, "none": 1.0}[question.options[question.right]]
        np.testing.assert_allclose(after, gain * before, rtol=1e-6)
        assert {panel.high for panel in question.maps[1:]} == {max(before.max(), after.max())}


def test_a_map_of_ones_tells_no_mechanism(image, runner):
    picture, card = open_room_image(image.data), find_variant(ADDITIVE)
    (explanation,) = explain(picture, [card], fit=FIT, load=runner)
    attended = attend_image(picture, card, fit=FIT, load=runner)
    bright = replace(explanation, attention=np.full_like(explanation.attention, 0.95))
    with pytest.raises(RoomError, match="told apart"):
        question_on_image("mechanism", image, Source("An image", "An image"), card, bright, attended)


def test_an_edit_on_an_image(image, runner):
    question, explanation = ask("flip", image, runner, edit="zeros")
    assert not question.maps[1].attention.any()
    after = next(line for line in question.lines if line.hidden)
    changed = after.label != explanation.top("perception", 1)[0].label
    assert question.right == (0 if changed else 1)


def test_does_bright_mean_important_ends_as_the_experiment_does(image, runner):
    question, _ = ask(BRIGHT, image, runner)
    card = find_variant(ADDITIVE)
    subject = attend_image(open_room_image(image.data), card, fit=FIT, load=runner)
    experiment = run_experiment(subject, class_names(card), card.id)
    assert [trial.edit for trial in experiment.trials] == list(EDITS)
    own, inverted, shuffled = experiment.trials
    np.testing.assert_array_equal(own.attention, subject.attention)
    assert not own.changes_prediction and own.change == 0
    outcome = inverted.changes_prediction, shuffled.changes_prediction
    assert question.options[question.right] == OUTCOMES[outcome]
    assert inverted.label in question.explanation and shuffled.label in question.explanation


def test_which_head_on_an_image_only_where_exactly_one_is_correct(image, runner):
    with pytest.raises(RoomError, match="Exactly one head"):
        ask("head", image, runner)
    _, explanation = ask("where", image, runner)
    first = {head: explanation.top(head, 1)[0].index for head in ("auxiliary", "perception")}
    if first["auxiliary"] == first["perception"]:
        with pytest.raises(RoomError, match="Exactly one head"):
            ask("head", image, runner, classes=(first["auxiliary"],))


@pytest.mark.parametrize("kind", ["flip", BRIGHT])
def test_a_variant_that_applies_no_map_has_no_edits(image, runner, kind):
    with pytest.raises(RoomError, match="applies no map"):
        ask(kind, image, runner, variant=NONE)


def test_a_lost_image_is_one_sentence():
    with pytest.raises(RoomError, match="not in the room"):
        open_room_image(None)


# ---- a free choice ----


def test_a_free_choice():
    (question,) = free_choice("  What is\nM? ", ["a  map", "a class"], 0).questions
    assert (question.text, question.options, question.right) == ("What is M?", ("a map", "a class"), 0)
    assert free_choice("What?", ["1", "2"]).questions[0].right == -1
    made = free_choice("What?", ["1", "2"], image=RoomImage("cat", b""), source=Source("Cat", "A cat"))
    assert made.images[0].name == made.questions[0].image == "cat" and made.questions[0].alt == "A cat"


@pytest.mark.parametrize(
    ("text", "options", "right"),
    [
        (" ", ["1", "2"], 0),
        ("What?", ["1"], 0),
        ("What?", list("123456"), 0),
        ("What?", ["a", "A"], 0),
        ("What?", ["a", ""], 0),
        ("What?", ["a", "b" * 61], 0),
        ("What?", ["a", "b"], 2),
    ],
)
def test_what_is_no_free_choice_is_one_sentence(text, options, right):
    with pytest.raises(RoomError):
        free_choice(text, options, right)
