"""For teachers: what a link holds is what opens, unknown values fall back, controls can be hidden and shown; papers, of
which the answers need the key of a set."""

import base64
import html
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import streamlit as st
from reading import captions, components, keys, look, mentions, pictures, texts
from streamlit.testing.v1 import AppTest

from abn.images import samples
from abn.plots.color_maps import COLOR_MAPS
from abn.study import findings
from abn.teaching import exercises
from abn.teaching.qr_code import qr_svg
from abn.teaching.set_keys import set_of_key
from abn.ui.controls.view_settings import CELLS, SCALES
from abn.ui.for_teachers import links, words
from abn.ui.for_teachers.links import make_link
from abn.ui.learn import words as lesson_words
from abn.ui.predictions import describe_mechanisms
from abn.ui.runtime import models
from abn.ui.study import findings_panels
from abn.variants.store import find_variant

ROOT = Path(__file__).parents[2]
ADDITIVE, MULTIPLICATIVE = "imagenet-lite0-additive", "imagenet-lite0-multiplicative"
PHOTO = list(samples.gallery().values())[3]


def draw(seed: int) -> tuple[exercises.Question, ...]:
    return exercises.draw_questions(seed, material=exercises.read_material())


def link_parameters(at: AppTest) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(at.code[0].value).query).items()}


def test_links_by_hand():
    assert make_link("http://host:1/For_teachers?x=1", "app.py", photo="", fit="pad") == "http://host:1/?fit=pad"
    assert make_link("http://host:1", "pages/Learn.py", step="3") == "http://host:1/Learn?step=3"
    assert make_link("https://host/abn/For_teachers", "pages/Learn.py", step="2") == "https://host/abn/Learn?step=2"
    assert make_link("https://host/", "app.py", variants="a,b") == "https://host/?variants=a,b"


def test_what_is_chosen_is_in_the_link_and_what_a_page_shows_by_itself_is_not(ready):
    at = ready.switch_page("pages/For_teachers.py").run()
    assert not at.exception and link_parameters(at) == {}
    at.selectbox(key="link_photo").set_value(PHOTO.id)
    at.multiselect(key="link_variants").set_value([MULTIPLICATIVE])
    at.selectbox(key="link_mechanism").set_value("none")
    at = at.run()
    at.toggle(key="link_same").set_value(True)
    at = at.toggle(key="link_hide").set_value(True).run()
    assert link_parameters(at) == {
        "photo": PHOTO.id,
        "variants": MULTIPLICATIVE,
        "mechanism": "none",
        "same_weights": "true",
        "hide": "controls",
    }
    at = at.selectbox(key="link_page").set_value("pages/Inside.py").run()
    at.selectbox(key="link_stage").set_value("g′")
    at.selectbox(key="link_colors").set_value(list(COLOR_MAPS)[-1])
    at.selectbox(key="link_scale").set_value(list(SCALES)[1])
    at.selectbox(key="link_cells").set_value(CELLS[1])
    at.slider(key="link_opacity").set_value(80)
    at = at.slider(key="link_top").set_value(20).run()
    parameters = link_parameters(at)
    assert {name: parameters[name] for name in ("stage", "colors", "scale", "cells", "opacity", "top")} == {
        "stage": "g′",
        "colors": list(COLOR_MAPS)[-1],
        "scale": list(SCALES)[1],
        "cells": CELLS[1],
        "opacity": "80",
        "top": "20",
    }
    at = at.selectbox(key="link_page").set_value("pages/Learn.py").run()
    at = at.selectbox(key="link_step").set_value(4).run()
    assert link_parameters(at) == {"step": "4"} and urlsplit(at.code[0].value).path == "/Learn"
    at = at.selectbox(key="link_page").set_value("pages/Exercises.py").run()
    at = at.number_input(key="link_set-1").set_value(12).run()
    assert link_parameters(at) == {"set": "12"}


def test_a_link_opens_what_it_holds_with_its_controls_hidden(ready):
    ready.query_params["photo"], ready.query_params["variants"] = PHOTO.id, MULTIPLICATIVE
    ready.query_params["mechanism"], ready.query_params["same_weights"] = "additive", "true"
    ready.query_params["hide"] = "controls"
    at = ready.run()
    assert not at.exception and PHOTO.title in captions(at)
    assert describe_mechanisms(find_variant(MULTIPLICATIVE), "additive") in captions(at)
    assert not at.multiselect and "fit" not in [group.key for group in at.button_group]
    assert not components(at, "abn_look")
    assert not at.get("file_uploader")
    at = at.switch_page("pages/Intervene.py").run()  # and so on the next page
    assert at.query_params["variants"] == MULTIPLICATIVE and at.query_params["hide"] == "controls"
    assert not at.exception and not at.multiselect and "show_controls" in keys(at)
    at = at.button(key="show_controls").click().run()
    assert at.multiselect(key="variant_ids").value == [MULTIPLICATIVE] and "hide" not in at.query_params


def test_a_broken_variant_is_a_warning_in_the_lesson(ready, monkeypatch):
    from abn.errors import VariantError

    def broken(card):
        raise VariantError("The weights are broken: fetch them again.")

    monkeypatch.setattr(models, "load_runner", broken)
    at = ready.switch_page("pages/Learn.py").run()
    assert not at.exception and set(texts(at.warning)) == {"The weights are broken: fetch them again."}  # of each


def test_the_lesson_counts_a_panel_without_multiplicative_as_no_difference(monkeypatch):
    def page():
        from abn.ui.learn import lesson_experiments

        lesson_experiments.show_study()

    by_seed = {1: 0.2, 2: 0.2, 3: 0.2}
    higher = [findings.spread(arm, by_seed, against="none") for arm in ("additive", "multiplicative")]
    finding = findings.compared(findings.read_study(), "none")
    for rows, right in (
        ({"CIFAR-100": [], "Clothing": higher[:1]}, [lesson_words.NO, lesson_words.NO]),
        ({"CIFAR-100": [], "Clothing": higher[::-1]}, [lesson_words.NO, lesson_words.YES]),
    ):
        monkeypatch.setattr(findings, "compared", lambda *_, rows=rows: replace(finding, rows=rows))
        monkeypatch.setattr(findings_panels, "show_figure", lambda finding, **_: st.columns(len(finding.rows)))
        at = AppTest.from_function(page).run()
        for number, answer in enumerate(right, 1):
            at = at.radio(key=f"lesson-seen-{number}").set_value(answer).run()
        assert not at.exception and not at.warning


def test_unknown_values_fall_back(ready):
    for name in ("photo", "variants", "mechanism", "fit", "hide", "top", "colors"):
        ready.query_params[name] = "no-such-thing"
    at = ready.run()
    assert not at.exception and len(at.multiselect(key="variant_ids").value) == 3
    assert at.button_group(key="fit").value == "crop" and look(at)["top"] == 0
    assert len(pictures(at)) == 4


def test_a_link_has_a_code_of_its_address(ready):
    at = ready.switch_page("pages/For_teachers.py").run()
    (code,) = [element.value for element in at.html if "<img" in element.value]
    address = at.code[0].value
    assert (
        base64.b64encode(qr_svg(address, links.SMALL).encode()).decode() in code
        and f'alt="QR code of {address}"' in code
    )


def test_default_view_of_a_link_is_that_of_the_pages(ready):
    at = ready.run()
    assert {name: look(at)[name] for name in ("colors", "cells", "opacity", "top")} == {
        name: links.VIEW_DEFAULTS[name] for name in ("colors", "cells", "opacity", "top")
    }


def open_papers(ready) -> AppTest:
    at = ready.switch_page("pages/For_teachers.py").run()
    return at.button_group(key="teach-section").set_value(words.PAPERS).run()


def test_plan_and_handout_are_offered_and_the_answers_need_a_key(ready, offered):
    at = open_papers(ready)
    assert not at.exception
    disabled = {button.proto.label: button.proto.disabled for button in at.get("download_button")}
    assert disabled == {label: paper == "answers" for paper, (*_, label) in words.PAPERS_OFFERED.items()}
    assert {"abn-plan-45-minutes.html", "abn-handout-45-minutes-set-1.html"} <= offered.keys()
    assert not any(question.right in text for text in offered.values() for question in draw(1) if not question.options)


def test_worksheets_too_say_that_only_this_computer_opens_their_links(ready):
    at = open_papers(ready)
    assert words.LOCAL in texts(at.info)


def test_a_new_set_has_a_key_that_opens_the_answers_and_enters_no_address(ready, offered):
    at = open_papers(ready)
    at = at.button_group(key="paper-minutes").set_value(90).run()
    at = at.button(key="set-new").click().run()
    key = at.session_state["set_key"]
    seed = set_of_key(key)
    assert not at.exception and mentions(at, key, str(seed))
    document = offered[f"abn-answers-set-{seed}.html"]
    assert key in document and all(html.escape(question.right) in document for question in draw(seed))
    for name in ("abn-plan-90-minutes.html", f"abn-handout-90-minutes-set-{seed}.html"):
        assert key not in offered[name] and f"set={seed}" in offered[name]
    assert key not in str(dict(at.query_params))
    at = at.button_group(key="teach-section").set_value(words.LINK).run()
    at = at.selectbox(key="link_page").set_value("pages/Exercises.py").run()
    assert link_parameters(at) == {"set": str(seed)} and key not in at.code[0].value


def test_a_key_can_be_typed_and_what_is_none_is_a_warning(ready, offered):
    at = open_papers(ready)
    at = at.text_input(key="set-key-").input("no key").run()
    assert not at.exception and len(at.warning) == 1 and "set_key" not in at.session_state
    at = at.text_input(key="set-key-").input("k7pm 2qx9").run()
    assert not at.warning and at.session_state["set_key"] == "K7PM-2QX9"
    assert f"abn-answers-set-{set_of_key('K7PM-2QX9')}.html" in offered
    at = at.switch_page("pages/Study.py").run().switch_page("pages/For_teachers.py").run()
    assert at.session_state["set_key"] == "K7PM-2QX9"  # stays for the session
    at = at.button_group(key="teach-section").set_value(words.PAPERS).run()
    at = at.text_input(key="set-key-K7PM-2QX9").input("").run()
    assert at.session_state["set_key"] == ""
