"""The page Room through AppTest: a teacher, a projector and phones in one room, through whole questions."""

import re

import pytest
from reading import captions, components, texts
from streamlit.testing.v1 import AppTest

from abn.teaching import exercises
from abn.teaching.live_class import class_map, codes
from abn.teaching.live_class import room as rules
from abn.teaching.live_class.rehearsal import COUNT
from abn.teaching.live_class.store import NO_ROOM, MemoryStore, StoreAwayError
from abn.ui.live_class import changes, rooms, words

PAGE, ROOT = "pages/Room.py", rooms.__file__.rsplit("/abn/", 1)[0]


def open_session(**parameters: str) -> AppTest:
    at = AppTest.from_file(f"{ROOT}/app.py", default_timeout=180)
    for name, value in parameters.items():
        at.query_params[name] = value
    return run(at.switch_page(PAGE))


def run(what) -> AppTest:
    """Run a session, or one of its widgets that was just used."""
    at = what.run()
    assert not at.exception
    return at


def press(at: AppTest, key: str) -> AppTest:
    return run(at.button(key=key).click())


def buttons(at: AppTest) -> list[str]:
    return [button.key for button in at.button]


def shown(at: AppTest) -> str:
    """All text of a page."""
    elements = [*at.markdown, *at.subheader, *at.info, *at.success, *at.warning, *at.error]
    return "\n".join([*texts(elements), captions(at), *_bodies(at)])


def _bodies(at: AppTest) -> list[str]:
    return [element.value for element in at.html if "<style>" not in element.value]


def counter(at: AppTest) -> str:
    return components(at, "abn_room_watch")["room-counter"]["counter"]


@pytest.fixture
def teacher(ready) -> AppTest:
    at = ready.switch_page("pages/For_teachers.py").run()
    at.segmented_control(key="teach-section").set_value("Live class").run()
    return run(press(at, "room-start").switch_page(PAGE))  # AppTest doesn't stay where `st.switch_page` leads


@pytest.fixture
def code(teacher) -> str:
    return teacher.session_state["room_code"]


@pytest.fixture
def key(teacher) -> str:
    return teacher.session_state["room_key"]


def join(code: str, nickname: str = "") -> AppTest:
    at = open_session(room=code)
    at.text_input(key="room-nickname").set_value(nickname)
    return press(at, "room-join-button")


def pick(at: AppTest, code: str, question: str, cell: tuple[int, int]) -> AppTest:
    """What the component's pick does: AppTest has no browser."""
    student = at.session_state["room_student"]
    rooms.get_store().update(code, lambda room: rules.give_answer(room, student, question, cell))
    return run(at)


def read(code: str) -> rules.Room:
    return rooms.get_store().read(code)


def test_a_whole_set_with_a_teacher_a_projector_and_two_phones(teacher, code, key):
    assert teacher.query_params["room"] == code and teacher.query_params["key"] == key
    press(teacher, "room-add-set")
    projector = open_session(room=code, key=key, view="projector")
    assert code in shown(projector) and buttons(projector) == ["full-screen", "view_after"]
    ann, ben = join(code, "Ann"), join(code)
    assert words.LOBBY in shown(ann) and [s.number for s in read(code).students.values()] == [1, 2]
    press(teacher, "room-next")
    for number, question in enumerate(read(code).questions, 1):
        for at in (teacher, projector, ann, ben):
            run(at)
            assert question.explanation not in shown(at) and "room-bars" not in shown(at)
        if question.picks_cell:
            data = components(ann, "abn_map_view")[f"room-pick-{question.id}"]
            assert data["values"] is None and data["picks"] and [data["height"], data["width"]] == list(question.cells)
            assert words.YOUR_CELL not in shown(ann)
            pick(ann, code, question.id, (1, 2))
            assert words.YOUR_CELL in shown(ann)
        else:
            press(ann, f"room-option-{question.id}-{question.right}")
            wrong = (question.right + 1) % len(question.options)
            press(ben, f"room-option-{question.id}-{wrong}")
        assert words.COUNTED in shown(ann)
        counted = words.COUNTER.format(answered=1 if question.picks_cell else 2, students=2)
        assert counter(run(teacher)) == counter(run(projector)) == counted
        press(projector, "view_after")
        assert read(code).phase == rules.REVEALED
        for at in (ann, ben, teacher, projector):
            run(at)
        assert question.explanation in shown(ann) and question.explanation in shown(teacher)
        if question.picks_cell:
            maps = components(projector, "abn_map_view")
            assert len([name for name in maps if name.startswith(f"room-result-{question.id}")]) == 2
            assert maps[f"room-result-{question.id}-0"]["best"] and "Rank correlation" not in shown(projector)
            assert words.NO_PREDICTION in shown(ben)
            assert words.YOUR_CELL in shown(ann) and words.YOUR_CELL not in shown(ben) + shown(projector)
        else:
            marked = {name for name, data in components(projector, "abn_map_view").items() if data["best"]}
            assert len(marked) == (3 if question.kind == "mechanism" else 0)
            assert shown(projector).count("abn-scale") == (2 if question.kind == "mechanism" else 0)
            assert shown(projector).count("room-right") == 1 and words.CORRECT in shown(projector)
            assert len(ann.success) == 1 and len(ben.warning) == 1
        press(projector, "view_after")
        assert read(code).place == number
    run(ann), run(ben)
    assert words.OVER in shown(ann) and read(code).phase == rules.OVER and buttons(run(projector)) == []
    view_total = re.search(r"Your points: \*\*(\d\.\d\d)\*\* of (\d)", shown(ann))
    assert float(view_total[1]) >= 6 and view_total[2] == "8"


def test_the_teacher_locks_reopens_and_goes_back(teacher, code):
    press(press(teacher, "room-add-set"), "room-next")
    phone = join(code)
    press(teacher, "room-lock")
    assert words.LOCKED in shown(run(phone)) and read(code).phase == rules.LOCKED
    press(teacher, "room-lock")
    assert read(code).phase == rules.OPEN
    press(press(teacher, "room-reveal"), "room-next")
    press(teacher, "room-back")
    assert (read(code).place, read(code).phase) == (0, rules.REVEALED)


def test_the_projectors_address_shows_no_key_and_its_window_steers_the_room(teacher, code, key):
    press(teacher, "room-add-set")
    run(teacher.segmented_control(key="room-tab").set_value(words.INVITE))
    (link,) = [link.proto.url for link in teacher.get("link_button")]
    assert f"room={code}" in link and "view=projector" in link and key not in link
    assert components(teacher, "abn_browser_store")["unseen-room-store"]["write"] == f"{code} {key}"
    watching = open_session(room=code, view="projector")
    assert buttons(watching) == []
    assert components(watching, "abn_browser_store")["unseen-room-store"]["name"] == rooms.KEPT_KEY
    watching.session_state["room_key"] = key  # what the browser's report becomes
    given = open_session(room=code, view="projector", key=key)  # on a second device
    for at in (run(watching), run(given)):
        assert "view_after" in buttons(at) and "key" not in at.query_params


def test_a_second_press_of_a_page_that_is_out_of_date_skips_nothing(teacher, code, key):
    press(teacher, "room-add-set")
    projector = open_session(room=code, key=key, view="projector")
    press(teacher, "room-next")
    press(projector, "view_after")  # it still showed "Start"
    assert (read(code).place, read(code).phase) == (0, rules.OPEN)


def test_students_have_no_controls_whatever_their_address_has(teacher, code):
    press(teacher, "room-add-set")
    for parameters in ({}, {"key": "guessed"}, {"key": "", "view": "projector"}, {"key": "x", "view": "projector"}):
        at = open_session(room=code, **parameters)
        assert not [key for key in buttons(at) if key != "room-join-button"]
    at.session_state["room_key"] = "x"
    rooms_before = read(code)
    at.session_state["room_code"] = code
    run(at)
    assert read(code) is rooms_before
    assert words.WRONG_KEY in shown(at)


def test_a_reload_keeps_the_teacher_and_the_student(teacher, code, key):
    press(teacher, "room-add-set")
    again = open_session(room=code, key=key)
    assert "room-next" in buttons(again)
    phone = join(code, "Ann")
    student = phone.session_state["room_student"]
    reloaded = AppTest.from_file(f"{ROOT}/app.py", default_timeout=180)
    reloaded.query_params["room"] = code
    run(reloaded.switch_page(PAGE))
    assert "room-join-button" in buttons(reloaded)
    data = components(phone, "abn_browser_store")["unseen-room-store"]
    assert data["write"] == f"{code} {student}"
    reloaded.session_state["room_student"] = student  # what the browser's report becomes
    assert words.LOBBY in shown(run(reloaded)) and len(read(code).students) == 1


def test_a_nickname_is_plain_text_for_the_teacher(teacher, code):
    join(code, "**Ann** <b>")
    run(teacher.segmented_control(key="room-tab").set_value(words.INVITE))
    assert r"\*\*Ann\*\*" in "\n".join(element.value for element in teacher.markdown)


def test_a_wrong_code_is_one_sentence_and_too_many_are_refused(ready, monkeypatch):
    monkeypatch.setattr(rooms, "network_address", lambda: "192.0.2.7")
    at = run(ready.switch_page(PAGE))
    for typed, sentence in (("?", codes.NO_CODE), ("ZZZZZ", NO_ROOM.format(code="ZZZZZ"))):
        at.text_input(key="room-code").set_value(typed)
        press(at, "room-enter")
        assert sentence in texts(at.warning) and "room-enter" in buttons(at)
    monkeypatch.setattr(codes, "MAX_WRONG", 2)
    assert codes.TOO_OFTEN in texts(open_session(room="YYYYY").warning)


def test_without_a_room_the_address_keeps_nothing_of_a_link(ready):
    at = ready.switch_page(PAGE)
    at.query_params.update({"room": "", "key": "", "view": "nan"})
    run(at)
    assert not {"room", "key", "view"} & set(at.query_params)


def test_a_typed_code_opens_the_room(ready, teacher, code):
    at = AppTest.from_file(f"{ROOT}/app.py", default_timeout=180)
    run(at.switch_page(PAGE))
    at.text_input(key="room-code").set_value(code.lower())
    press(at, "room-enter")
    assert "room-join-button" in buttons(at) and at.query_params["room"] == code


def test_a_rehearsal_brings_simulated_students_and_removes_them(teacher, code):
    press(teacher, "room-add-set")
    run(teacher.segmented_control(key="room-tab").set_value(words.INVITE))
    press(press(teacher, "room-simulate"), "room-next")
    assert counter(teacher) == words.COUNTER.format(answered=0, students=COUNT)
    assert f"role={changes.TEACHER}" in components(teacher, "abn_room_watch")["room-counter"]["address"]
    press(teacher, "room-simulate-stop")
    assert not read(code).students


@pytest.mark.parametrize("count", [class_map.MIN_COMPARED - 1, class_map.MIN_COMPARED])
def test_a_rank_correlation_needs_five_students(teacher, code, count):
    press(press(teacher, "room-add-set"), "room-next")
    for number in range(count):
        rooms.get_store().update(code, lambda room, student=f"s{number}": rules.join(room, student))
        rooms.get_store().update(
            code, lambda room, student=f"s{number}", row=number: rules.give_answer(room, student, "1", (row, 2))
        )
    press(teacher, "room-reveal")
    assert words.OWN_RANGE in shown(teacher)
    assert ("Rank correlation" in shown(teacher)) == (count == class_map.MIN_COMPARED)


def test_does_bright_mean_important_ends_with_the_experiment(teacher, code):
    run(teacher.segmented_control(key="room-way").set_value(words.GALLERY))
    run(teacher.selectbox(key="room-kind").set_value("bright"))
    press(teacher, "room-add-image-question")
    assert not teacher.warning and len(read(code).questions) == 1
    phone = join(code)
    press(teacher, "room-next")
    press(run(phone), "room-option-1-0")
    assert "room-experiment" not in buttons(teacher)
    press(teacher, "room-reveal")
    press(teacher, "room-experiment")
    maps = components(run(phone), "abn_map_view")
    assert [name for name in maps if "trial" in name] == [
        f"room-trial-1-{edit}" for edit in ("own map", "inverted", "shuffled")
    ]
    assert read(code).experiments["1"].trials[0].change == 0


def test_a_question_that_would_not_be_fair_is_one_sentence(teacher, code):
    run(teacher.segmented_control(key="room-way").set_value(words.GALLERY))
    run(teacher.selectbox(key="room-kind").set_value("flip"))
    run(teacher.selectbox(key="room-variant").set_value("imagenet-lite0-none"))
    press(teacher, "room-add-image-question")
    assert "applies no map" in texts(teacher.warning)[0] and not read(code).questions


def test_a_free_choice_without_a_correct_option(teacher, code):
    run(teacher.segmented_control(key="room-way").set_value(words.FREE))
    teacher.text_area(key="room-text").set_value("What is <b>M</b>?")
    teacher.text_input(key="room-A").set_value("a map")
    teacher.text_input(key="room-B").set_value("a class")
    press(teacher, "room-add-choice")
    phone = join(code)
    press(teacher, "room-next")
    press(run(phone), "room-option-1-1")
    press(teacher, "room-reveal")
    assert words.NOT_SCORED in shown(run(phone)) and "What is <b>M" not in "".join(_bodies(phone))


def test_an_own_image_enters_the_room_without_its_file(teacher, code):
    photo = next(iter(exercises.read_material().items.values()))
    run(teacher.segmented_control(key="room-way").set_value(words.UPLOAD))
    assert teacher.button(key="room-add-image-question").disabled
    teacher.file_uploader(key="room-upload").set_value([("secret.jpg", photo.path.read_bytes(), "image/jpeg")]).run()
    press(teacher, "room-add-image-question")
    (question,) = read(code).questions
    assert question.title == words.OWN_TITLE and "secret" not in repr(question)
    assert len(rooms.get_store().read_image(code, question.image)) < 200_000


def test_a_free_choice_carries_an_own_image(teacher, code):
    photo = next(iter(exercises.read_material().items.values()))
    run(teacher.segmented_control(key="room-way").set_value(words.FREE))
    teacher.text_area(key="room-text").set_value("Which animal?")
    teacher.text_input(key="room-A").set_value("a cat")
    teacher.text_input(key="room-B").set_value("a dog")
    run(teacher.selectbox(key="room-with").set_value("own"))
    assert teacher.button(key="room-add-choice").disabled
    file = ("secret.jpg", photo.path.read_bytes(), "image/jpeg")
    run(teacher.file_uploader(key="room-free-upload").set_value([file]))
    press(teacher, "room-add-choice")
    (question,) = read(code).questions
    assert question.title == words.OWN_TITLE and rooms.get_store().read_image(code, question.image)


def test_the_record_can_be_taken_and_the_room_be_ended(teacher, code, offered):
    press(press(teacher, "room-add-set"), "room-next")
    phone = join(code, "Ann")
    pick(phone, code, "1", (0, 0))
    run(teacher.segmented_control(key="room-tab").set_value(words.RECORD))
    assert set(offered) == {f"abn-room-{code}.{kind}" for kind in ("csv", "zip", "html")}
    assert b"Ann" not in offered[f"abn-room-{code}.csv"]()
    run(teacher.toggle(key="room-names").set_value(True))
    assert b"Ann" in offered[f"abn-room-{code}.csv"]()
    press(teacher, "room-end")
    assert words.ENDED in texts(teacher.warning) and "room-enter" in buttons(teacher)
    assert words.CLOSED in texts(run(phone).warning) and "room" not in phone.query_params


def test_a_store_that_is_away_is_one_sentence_until_it_is_back(teacher, code, monkeypatch):
    press(press(teacher, "room-add-set"), "room-next")
    phone = join(code)

    def away(*_):
        raise StoreAwayError("The store is away.")

    with monkeypatch.context() as patch:
        for name in ("read", "read_stamp", "update"):
            patch.setattr(MemoryStore, name, away)
        for at in (teacher, phone, open_session(room=code)):
            assert texts(run(at).error) == ["The store is away."]
    assert "room-next" in buttons(run(teacher)) and not run(phone).error
    assert words.TAP in shown(phone)
