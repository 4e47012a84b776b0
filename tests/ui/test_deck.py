"""A deck of views: which links it reads, and how it is walked through."""

import pytest
from reading import predictions
from streamlit.testing.v1 import AppTest

from abn.images import samples
from abn.ui.for_teachers import words as teach_words
from abn.ui.intervene import words as intervene_words
from abn.ui.present import deck
from abn.ui.present.deck import MAX_VIEWS, View, read_link, read_links

PHOTOS = list(samples.gallery())


@pytest.mark.parametrize(
    ("link", "page", "parameters"),
    [
        ("http://10.0.0.1:8501/?photo=camel&fit=pad", "app.py", (("photo", "camel"), ("fit", "pad"))),
        ("https://class.example/abn/Inside?stage=g", "pages/Inside.py", (("stage", "g"),)),
        ("/Learn?step=3", "pages/Learn.py", (("step", "3"),)),
        ("Measure", "pages/Measure.py", ()),
        ("?photo=camel", "app.py", (("photo", "camel"),)),
    ],
)
def test_a_link_is_a_page_and_what_it_shows(link, page, parameters):
    assert read_link(link) == View(page, parameters)


@pytest.mark.parametrize("link", ["/Nothing", "http://[", "../../etc/passwd", "/Inside/../secret", "?" + "a=1&" * 99])
def test_what_links_to_no_page_is_said_and_the_rest_is_read(link):
    views, wrong = read_links(f"{link}\n\n  /Study  \n")
    assert views == [View("pages/Study.py", ())] and wrong == [link[:80]]


def test_a_deck_has_an_end():
    assert len(read_links("/Study\n" * 1000)[0]) == MAX_VIEWS


def test_the_remote_walks_through_the_deck_and_each_view_is_what_its_link_says(ready):
    at = ready.run()
    at.session_state["deck"] = read_links(f"/?photo={PHOTOS[2]}&fit=pad\n/?photo={PHOTOS[1]}")[0]
    at.session_state["presenting"] = True
    at.query_params["view"] = "1"
    at = at.run()
    assert at.button(key="view_before").disabled and not at.button(key="view_after").disabled
    assert len(predictions(at)) == 3 and not at.get("download_button"), "the maps, the predictions, and no more"
    at = at.button(key="view_after").click().run()
    assert not at.exception
    assert (at.session_state["photo"], at.session_state["fit"]) == (PHOTOS[1], "crop")
    at = at.button(key="view_before").click().run()
    assert (at.session_state["photo"], at.session_state["fit"]) == (PHOTOS[2], "pad")
    at = at.button(key="leave_present").click().run()
    assert not at.exception and at.session_state["page"] == teach_words.TITLE and "present" not in at.query_params


def test_one_presented_page_is_left_where_it_is(ready):
    ready.query_params["present"] = "1"
    at = ready.run()
    assert [element.value for element in at.markdown][:2] == ["# Compare", samples.gallery()[PHOTOS[0]].title]
    at = at.button(key="leave_present").click().run()
    assert not at.exception and at.get("tab") and "present" not in at.query_params


def test_one_key_enters_and_leaves(ready):
    at = ready.run().button(key="present").click().run()
    assert at.query_params["present"] == "1" and "mechanism" in [widget.key for widget in at.button_group]
    at = at.button(key="present").click().run()
    assert not at.exception and at.get("tab") and "present" not in at.query_params


def test_the_lesson_keeps_its_place(ready):
    ready.query_params.update({"present": "1", "step": "2"})
    at = ready.switch_page("pages/Learn.py").run()
    assert not at.exception and "2 / 10" in [element.value for element in at.markdown]


def test_a_view_opens_its_own_tab_and_not_the_one_chosen_last(ready):
    at = ready.run().switch_page("pages/Intervene.py").run()
    at.session_state["intervene_tab"] = intervene_words.SENSITIVITY
    at = at.run()
    links = ["/Intervene", f"/Intervene?intervene_tab={intervene_words.COVER}", "/Intervene"]
    at.session_state["deck"] = read_links("\n".join(links))[0]
    at.session_state["presenting"], at.query_params["view"] = True, "3"
    at = at.run()
    opened = []
    for key in ("view_before", "view_before", "view_after"):
        at = at.button(key=key).click().run()
        assert not at.exception
        opened.append(at.session_state["intervene_tab"])
    assert opened == [intervene_words.COVER, intervene_words.PAINT, intervene_words.COVER]


def test_the_deck_is_presented_from_teach_and_two_views_of_one_page_differ(ready):
    at = ready.run().switch_page("pages/For_teachers.py").run()
    at.button_group(key="teach-section").set_value(teach_words.DECK).run()
    at.text_area(key="deck_text").set_value("/Learn?step=2\n/Learn?step=5\n/Inside?stage=g").run()
    at = at.button(key="present_deck").click().run()
    assert not at.exception and at.session_state["presenting"] and at.query_params["present"] == "1"
    assert at.session_state["lesson_step"] == 2 and at.query_params["view"] == "1"
    at = at.button(key="view_after").click().run()
    assert at.session_state["lesson_step"] == 5
    at = at.button(key="view_after").click().run()
    assert at.session_state["stage"] == "g" and at.button(key="view_after").disabled
    at = at.button(key="leave_present").click().run()
    assert "view" not in at.query_params and at.session_state["page"] == teach_words.TITLE
    assert at.button_group(key="teach-section").value == teach_words.DECK
    assert at.text_area(key="deck_text").value.startswith("/Learn?step=2")


def test_one_presented_page_is_no_view_of_an_earlier_deck(ready):
    at = ready.run()
    at.session_state["deck"] = read_links("/Study\n/Learn")[0]
    at = at.button(key="present").click().run()
    assert at.session_state["presenting"] and not [button for button in at.button if button.key == "view_after"]


def test_views_are_added_to_the_deck_where_they_are_shown(ready):
    ready.query_params["photo"] = PHOTOS[2]
    at = ready.run().button(key="add_view").click().run()
    at = at.switch_page("pages/Intervene.py").run().button(key="add_view").click().run()
    at = at.switch_page("pages/For_teachers.py").run()
    at = at.button_group(key="teach-section").set_value(teach_words.DECK).run()
    assert not at.exception
    assert at.text_area(key="deck_text").value == f"/?photo={PHOTOS[2]}\n/Intervene?photo={PHOTOS[2]}"
    at = at.text_area(key="deck_text").set_value("/Study").run()
    at = at.switch_page("app.py").run().button(key="add_view").click().run()
    at = at.switch_page("pages/For_teachers.py").run()
    assert at.text_area(key="deck_text").value == f"/Study\n/?photo={PHOTOS[2]}"


def test_the_editor_names_the_lines_that_are_no_views():
    def script() -> None:
        from abn.ui.present import deck

        deck.show_deck_editor()

    at = AppTest.from_function(script).run()
    at = at.text_area(key="deck_text").set_value("/Study\n/Nowhere").run()
    assert "/Nowhere" in at.warning[0].value.replace("\\", "") and not at.button(key="present_deck").disabled
    assert deck.MAX_VIEWS >= 1
