"""Teacher's links: what they hold is what opens, unknown values fall back, and controls can be hidden and shown."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from reading import captions, components, keys, look, pictures, texts
from streamlit.testing.v1 import AppTest

from abn.explanations.explainer import explain
from abn.images import samples
from abn.study import findings
from abn.teaching import worksheet
from abn.ui.learn import lesson_steps
from abn.ui.predictions import describe_mechanisms
from abn.ui.runtime import models
from abn.ui.study import findings_panels
from abn.ui.teach.links import make_link
from abn.variants.store import find_variant

ROOT = Path(__file__).parents[2]
ADDITIVE, MULTIPLICATIVE = "imagenet-lite0-additive", "imagenet-lite0-multiplicative"
PHOTO = list(samples.gallery().values())[3]


def link_parameters(at: AppTest) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(at.code[0].value).query).items()}


def test_links_by_hand():
    assert make_link("http://host:1/Teach?x=1", "app.py", photo="", fit="pad") == "http://host:1/?fit=pad"
    assert make_link("http://host:1", "pages/Learn.py", step="3") == "http://host:1/Learn?step=3"
    assert make_link("https://host/abn/Teach", "pages/Learn.py", step="2") == "https://host/abn/Learn?step=2"
    assert make_link("https://host/", "app.py", variants="a,b") == "https://host/?variants=a,b"


def test_what_is_chosen_is_in_the_link_and_what_a_page_shows_by_itself_is_not(ready):
    at = ready.switch_page("pages/Teach.py").run()
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
    at = at.selectbox(key="link_page").set_value("pages/Learn.py").run()
    at = at.selectbox(key="link_step").set_value(4).run()
    assert link_parameters(at) == {"step": "4"} and urlsplit(at.code[0].value).path == "/Learn"
    at = at.selectbox(key="link_page").set_value("pages/Exercises.py").run()
    at = at.number_input(key="link_set").set_value(12).run()
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


def test_the_lesson_counts_a_panel_without_additive_as_no_difference(monkeypatch):
    def page():
        from abn.ui.learn import lesson_steps

        lesson_steps.show_study()

    by_seed = {1: 0.2, 2: 0.2, 3: 0.2}
    higher = [findings.spread(arm, by_seed, against="none") for arm in ("additive", "multiplicative")]
    finding = findings.compared(findings.read_study(), "none")
    for rows, right in (
        ({"CIFAR-100": [], "Clothing": higher[1:]}, [lesson_steps.NOWHERE]),
        ({"CIFAR-100": [], "Clothing": higher[::-1]}, ["Clothing"]),
    ):
        monkeypatch.setattr(findings, "compared", lambda *_, rows=rows: replace(finding, rows=rows))
        monkeypatch.setattr(findings_panels, "show_figure", lambda *_, **__: None)
        at = AppTest.from_function(page).run()
        at = at.button_group(key="lesson-seen").set_value(right).run()
        assert not at.exception and not at.warning


def test_unknown_values_fall_back(ready):
    for name in ("photo", "variants", "mechanism", "fit", "hide", "top", "colors"):
        ready.query_params[name] = "no-such-thing"
    at = ready.run()
    assert not at.exception and len(at.multiselect(key="variant_ids").value) == 3
    assert at.button_group(key="fit").value == "crop" and look(at)["top"] == 0
    assert len(pictures(at)) == 9


def test_the_sheet_is_offered(ready, runner):
    at = ready.switch_page("pages/Teach.py").run()
    (button,) = at.get("download_button")
    assert not button.proto.disabled
    accuracy = findings.compared(findings.read_study(), "none").sentences
    questions = worksheet.questions(partial(explain, load=runner), accuracy)
    assert worksheet.body(questions) in [element.value for element in at.html]
