"""The exercises in a real browser: no value of a map is shown before the answer, and the reveal moves no image."""

import pytest
from browsing import LOADED, button, open_loaded, readings, rerun, settle, widget
from playwright.sync_api import expect

from abn.teaching.exercises import draw_questions, read_material

pytestmark = pytest.mark.slow


def test_a_cell_is_picked_without_its_value(page, server):
    material = read_material()
    question = draw_questions(7, material=material)[0]
    h, w = material.predictions[question.image, question.variant].attention.shape
    show, forward = (button(page, f"exercise-7-{question.number}-{name}") for name in ("show", "next"))
    open_loaded(page, f"{server}Exercises?set=7")
    image = page.locator(".view canvas")
    image.wait_for(timeout=LOADED)
    box = image.bounding_box()
    page.mouse.move(box["x"] + 4.5 / w * box["width"], box["y"] + 6.5 / h * box["height"])
    expect(page.locator(".said")).to_have_text("row 7, column 5", timeout=LOADED)
    assert readings(page) == [[7, 5]] and show.is_disabled()
    page.locator(".view").focus()  # by keyboard from here on
    for press in ("ArrowUp", "ArrowUp"):
        page.keyboard.press(press)
    rerun(page, lambda: page.keyboard.press(" "))
    expect(show).to_be_enabled(timeout=LOADED)
    show.click()
    expect(forward).to_be_enabled(timeout=LOADED)


SQUARES = "[class*=st-key-exercise-square] :is(canvas, img)"
LAPTOP = {"viewport": {"width": 1280, "height": 720}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


def tops(page) -> list[int]:
    """Where the images of the question begin, in pixels."""
    return [round(image.bounding_box()["y"]) for image in page.locator(SQUARES).all()]


@pytest.mark.parametrize("page", [LAPTOP, PHONE], indirect=True, ids=["laptop", "phone"])
@pytest.mark.parametrize("address", ["Exercises?set=1", "Exercises?set=1&present=1"], ids=["page", "projector"])
def test_the_outcome_is_in_sight_and_the_images_stay_where_they_were(page, server, address):
    page.goto(f"{server}{address}")
    for question in draw_questions(1, material=read_material())[:4]:
        page.get_by_text(question.text[:30]).first.wait_for(timeout=LOADED)
        settle(page)
        page.locator(SQUARES).first.wait_for(timeout=LOADED)
        if question.options:
            wrong = next(option for option in question.options if option != question.right)  # its outcome is longer
            answer = button(page, f"exercise-1-{question.number}-option {wrong}")
        else:
            rerun(page, lambda: page.locator(".view canvas").click(position={"x": 60, "y": 60}))
            answer = button(page, "exercise-1-1-show")
        before = tops(page)
        assert len(set(before)) == 1  # side by side, whatever their titles
        rerun(page, answer.click)
        forward = button(page, f"exercise-1-{question.number}-next")
        forward.wait_for(timeout=LOADED)
        outcome = widget(page, "exercise-row").bounding_box()
        assert outcome["y"] >= 0 and outcome["y"] + outcome["height"] < tops(page)[0] < page.viewport_size["height"]
        assert tops(page) == before
        assert forward.bounding_box()["x"] > page.viewport_size["width"] / 3  # beside the outcome, not below it
        rerun(page, forward.click)
