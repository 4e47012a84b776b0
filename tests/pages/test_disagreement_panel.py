"""The section that goes through many pictures, state by state, through AppTest: what it shows is what the library
finds, nothing is computed twice, and no old outcome looks current."""

import hashlib
import io
import re
import zipfile

import pytest
import streamlit
from PIL import Image
from streamlit.testing.v1 import AppTest

from abn.explanations import disagreement
from abn.explanations.disagreement import ORDERS
from abn.images import samples
from abn.images.decode import open_picture
from abn.ui.ablation import disagreement_panel, disagreement_rows
from abn.ui.controls import uploads
from abn.ui.layout import escape_markdown
from abn.ui.runtime import jobs, models
from abn.ui.runtime.engine import get_engine
from abn.variants.store import find_variant

ADDITIVE, MULTIPLICATIVE = (f"imagenet-lite0-{name}" for name in ("additive", "multiplicative"))
CLOTHING = "fashion-resnet20-additive"
PHOTOS = [photo for photo in samples.gallery().values() if photo.kind == "photograph"]


def page() -> None:
    import streamlit as st

    from abn.ui.ablation import disagreement_panel
    from abn.variants.store import find_variant

    if st.session_state.get("elsewhere"):
        st.write("another page")
        return
    names = st.session_state.get("asked", ["imagenet-lite0-additive", "imagenet-lite0-multiplicative"])
    disagreement_panel.show([find_variant(name) for name in names], st.session_state.get("asked_fit", "crop"))


@pytest.fixture
def app(loading_engine) -> AppTest:
    """The section while the models still load, which they here never finish."""
    return AppTest.from_function(page, default_timeout=60)


@pytest.fixture
def live_app(app, ready_engine) -> AppTest:
    """The section once the models are there."""
    return app


@pytest.fixture
def looks(monkeypatch) -> list[str]:
    """The names of the pictures that were looked at."""
    seen, look = [], disagreement.compare_predictions

    def counted(picture, *given, **options):
        seen.append(picture.name)
        return look(picture, *given, **options)

    monkeypatch.setattr(disagreement, "compare_predictions", counted)
    return seen


@pytest.fixture
def three(monkeypatch) -> list[samples.Photo]:
    """A gallery of three, for tests that are about something else."""
    few = {hashlib.sha256(photo.path.read_bytes()).hexdigest(): photo for photo in PHOTOS[:3]}
    monkeypatch.setattr(disagreement_panel, "_gallery", lambda: few)
    return PHOTOS[:3]


def press(at: AppTest, label: str, nth: int = 0) -> AppTest:
    [button for button in at.button if button.label == label][nth].click().run()
    assert not at.exception
    return at


def labels(at: AppTest) -> list[str]:
    return [button.label for button in at.button]


def said(at: AppTest) -> str:
    return "\n".join(element.value for element in [*at.markdown, *at.caption, *at.info, *at.error, *at.warning])


def shown(at: AppTest) -> list[str]:
    """The titles of the pictures in their order."""
    found = [re.match(r"\*\*(.*)\*\*  \n:", element.value) for element in at.markdown]
    return [match[1] for match in found if match]


def expected(network, photos=PHOTOS, ids=(ADDITIVE, MULTIPLICATIVE), **options):
    cards = [find_variant(name) for name in ids]
    return list(
        disagreement.find_disagreements(
            [(p.title, p.path.read_bytes()) for p in photos], cards, load=network, **options
        )
    )


def give(at: AppTest, *files: tuple[str, bytes]) -> AppTest:
    at.button_group(key="survey_source").set_value(disagreement_panel.OWN).run()
    at.file_uploader(key="survey_files").set_value([(name, data, "") for name, data in files]).run()
    assert not at.exception
    return at


def small(k: int) -> bytes:
    stream = io.BytesIO()
    Image.open(PHOTOS[k].path).convert("RGB").resize((160, 120)).save(stream, "PNG")
    return stream.getvalue()


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


# ---- before ----


def test_while_the_networks_load_it_says_so(app):
    at = app.run()
    assert not at.exception and "networks are loading" in at.info[0].value and "survey_go" not in labels(at)


def test_empty_states_say_what_to_do(live_app):
    at = live_app.run()
    assert labels(at) == ["Go through them"]
    at.session_state["asked"] = []
    assert "Choose at least one network" in at.run().info[0].value
    at.button_group(key="survey_source").set_value(disagreement_panel.OWN).run()
    assert "Choose up to 50 pictures, or a zip of them" in at.info[0].value and not at.button


# ---- the gallery ----


def test_the_gallery_comes_in_the_orders_of_the_library(live_app, network, looks):
    at = press(live_app.run(), "Go through them")
    assert looks == [photo.title for photo in PHOTOS] and len(PHOTOS) == 18
    found = expected(network)
    looks.clear()
    counts = [sum(not key(one)[0] for one in found) for key in ORDERS.values()]
    assert (
        f"**Of 18 pictures, heads disagree on {counts[0]}, the variants disagree on {counts[1]}, and the mechanism "
        f"flips the answer on {counts[2]}.**"
    ) in said(at)
    for order, key in ORDERS.items():
        at.button_group(key="survey_order").set_value(order).run()
        assert shown(at) == [escape_markdown(one.name) for one in sorted(found, key=key)][:12]
    assert labels(at).count("Open") == 12 and "Show 6 more" in labels(at)
    at = press(at, "Show 6 more")
    assert len(shown(at)) == 18 and not any(label.startswith("Show") for label in labels(at))
    assert looks == [] and "Go through them" not in labels(at)


def test_each_picture_says_what_heads_variants_and_mechanisms_say(live_app, network, three):
    at = press(live_app.run(), "Go through them")
    ordered = sorted(expected(network, three), key=ORDERS["heads disagree"])
    tables = [element.value for element in at.html if 'class="abn-card"' in element.value]
    numbers = [caption.value for caption in at.caption if " bit apart" in caption.value]
    titles = [element.value for element in at.markdown if re.match(r"\*\*.*\*\*  \n:", element.value)]
    alts = {photo.title: photo.alt for photo in three}
    assert [i.alt for e in at.get("image") for i in e.proto.imgs] == [alts[one.name] for one in ordered]
    for one, table, line, title in zip(ordered, tables, numbers, titles, strict=True):
        for answer in one.predictions:
            assert find_variant(answer.variant).title in table
            for top in (
                answer.auxiliary,
                answer.perception,
                *(answer.mechanisms[name] for name in answer.changes_prediction),
            ):
                share = numbers.percent(top.probability).replace(" ", "\u00a0").replace("<", "&lt;")
                assert f"{numbers.short_label(top.label)}</span> {share}" in table
        assert table.count("<b>") == sum(len(a.changes_prediction) + (not a.heads_agree) for a in one.predictions)
        assert f"Heads {max(a.js_divergence for a in one.predictions):.2f} bit apart" in line
        assert f"variants {one.js_divergence:.2f} bit apart" in line
        change = max((a.change for a in one.predictions), key=abs)
        assert f"{abs(100 * change):.1f} points" in line and ("−" in line) == (round(1000 * change) < 0)
        marks = {
            "heads disagree": one.heads_disagree,
            "variants disagree": one.variants_disagree,
            "mechanism flips": one.changes_prediction,
        }
        assert {mark: mark in title for mark in marks} == marks
        assert ("all agree" in title) == (not any(marks.values()))


def test_what_a_swap_changes_beside_the_map_is_told(live_app, three):
    at = press(live_app.run(), "Go through them")
    assert "this alone can flip an answer" not in said(at)
    at.button_group(key="survey_order").set_value(disagreement_rows.MECHANISM).run()
    assert "this alone can flip an answer" in said(at)


def test_opened_is_the_picture_of_all_pages(live_app, three):
    at = press(press(live_app.run(), "Go through them"), "Open", 1)
    picked = shown(at)[1]
    assert escape_markdown(samples.gallery()[at.session_state["photo"]].title) == picked
    assert labels(at).count("Opened") == 1 and labels(at).count("Open") == 2


def test_leaving_and_returning_and_ordering_compute_nothing(live_app, looks, three):
    at = press(live_app.run(), "Go through them")
    before = shown(at)
    at.session_state["elsewhere"] = True
    assert shown(at.run()) == []
    at.session_state["elsewhere"] = False
    assert shown(at.run()) == before and len(looks) == 3


@pytest.mark.parametrize(("name", "value"), [("asked", [MULTIPLICATIVE]), ("asked_fit", "pad")])
def test_other_variants_or_another_fit_show_no_old_outcome(live_app, looks, three, name, value):
    at = press(live_app.run(), "Go through them")
    before = shown(at)
    at.session_state[name] = value
    at.run()
    assert shown(at) == [] and "for other variants, or another fit" in at.info[0].value
    at = press(at, "Go through them")
    assert len(shown(at)) == 3 and len(looks) == 6
    del at.session_state[name]
    assert shown(at.run()) == before and len(looks) == 6


def test_only_so_many_outcomes_are_kept(live_app, looks, three):
    at = live_app
    for fit in ("crop", "squash", "pad"):
        for names in ([ADDITIVE], [MULTIPLICATIVE]):
            at.session_state["asked"], at.session_state["asked_fit"] = names, fit
            press(at.run(), "Go through them")
    assert len(at.session_state["survey_rounds"]) == disagreement_panel.ROUNDS and len(looks) == 18


def test_one_variant_is_not_compared_and_strangers_are_named(live_app, three):
    live_app.session_state["asked"] = [CLOTHING]
    at = press(live_app.run(), "Go through them")
    assert "the variants disagree" not in said(at)
    title = find_variant(CLOTHING).title
    assert escape_markdown(f"Never learned photographs, so what it says of these means little: {title}.") in said(at)
    at.button_group(key="survey_order").set_value(disagreement_rows.VARIANTS).run()
    assert "choose two such variants" in said(at) and len(shown(at)) == 3


def test_broken_weights_are_one_sentence_and_the_others_are_asked(live_app, three, monkeypatch):
    from abn.errors import VariantError

    load = models.load_network

    def broken(card):
        if card.id == MULTIPLICATIVE:
            raise VariantError("These weights are broken.")
        return load(card)

    monkeypatch.setattr(models, "load_network", broken)
    at = press(live_app.run(), "Go through them")
    assert at.warning[0].value == escape_markdown("These weights are broken.") and len(shown(at)) == 3
    (_, asked, _), *others = at.session_state["survey_rounds"]
    assert [name for name, _ in asked] == [ADDITIVE] and not others


# ---- while it goes ----


def interrupt(monkeypatch, at_call: int, act) -> None:
    """What a person does while the picture of that number is looked at: call 1 opens the files."""
    work, calls = jobs.run_in_background, []

    def interrupted(job, tell):
        calls.append(job)
        if len(calls) == at_call:
            act()
            streamlit.rerun()
        return work(job, tell)

    monkeypatch.setattr(jobs, "run_beside", interrupted)


def test_whatever_is_pressed_meanwhile_it_goes_on_where_it_was(live_app, network, looks, monkeypatch):
    interrupt(monkeypatch, 8, lambda: None)
    at = press(live_app.run(), "Go through them")
    assert looks == [photo.title for photo in PHOTOS]
    assert (
        shown(at) == [escape_markdown(one.name) for one in sorted(expected(network), key=ORDERS["heads disagree"])][:12]
    )


def test_stopped_it_shows_what_it_found_and_can_go_on(live_app, looks, monkeypatch):
    def stop() -> None:
        assert [one.done for one in streamlit.session_state.survey_rounds.values()] == [4]
        next(iter(streamlit.session_state.survey_rounds.values())).stop()

    interrupt(monkeypatch, 6, stop)
    at = press(live_app.run(), "Go through them")
    assert "Stopped after 4 of 18 pictures." in said(at) and len(shown(at)) == 4 and len(looks) == 4
    assert "**Of 4 pictures, heads disagree" in said(at)
    at = press(at, "Go on")
    assert looks == [photo.title for photo in PHOTOS] and "Of 18 pictures" in said(at) and "Stopped" not in said(at)


def test_left_for_other_variants_it_waits_to_be_gone_on_with(live_app, looks, monkeypatch):
    interrupt(monkeypatch, 4, lambda: streamlit.session_state.update(asked=[ADDITIVE]))
    at = press(live_app.run(), "Go through them")
    assert len(looks) == 2 and shown(at) == [] and "Go through them" in labels(at)
    del at.session_state["asked"]
    assert "Stopped after 2 of 18 pictures." in said(at.run()) and len(looks) == 2


def test_progress_says_which_picture_it_is_and_a_turn_is_held_for_one(live_app, monkeypatch):
    told, free = [], []
    kept = streamlit.delta_generator.DeltaGenerator.progress

    def progress(self, value, text=None, *given, **options):
        told.append(text)
        free.append(get_engine().queue.free)
        return kept(self, value, text, *given, **options)

    monkeypatch.setattr(streamlit.delta_generator.DeltaGenerator, "progress", progress)
    press(live_app.run(), "Go through them")
    lines = [f"Picture {k} of 18" for k in range(1, 19)]
    assert list(dict.fromkeys(text for text in told if text.startswith("Picture"))) == lines
    assert [free[told.index(line)] for line in lines] == [get_engine().queue.count] * 18  # between pictures


def test_what_goes_wrong_is_one_sentence_and_can_be_tried_again(live_app, three, monkeypatch):
    from abn.errors import ABNError

    look, calls = disagreement.compare_predictions, []

    def failing(*given, **options):
        calls.append(1)
        if len(calls) == 2:
            raise ABNError("So it can't be.")
        return look(*given, **options)

    monkeypatch.setattr(disagreement, "compare_predictions", failing)
    at = press(live_app.run(), "Go through them")
    assert at.error[0].value == escape_markdown("So it can't be.") and len(shown(at)) == 1
    at = press(at, "Try again")
    assert not at.error and len(shown(at)) == 3 and len(calls) == 4


# ---- a person's own pictures ----


def test_own_pictures_and_zips_are_gone_through_and_bad_files_listed(live_app, network, looks):
    packed = zipped(**{"in/b.png": small(1), "*c*.png": small(2), "notes.txt": b"words"})
    cut = small(3)[:300]
    at = press(give(live_app.run(), ("a.png", small(0)), ("more.zip", packed), ("cut.png", cut)), "Go through them")
    cards = [find_variant(ADDITIVE), find_variant(MULTIPLICATIVE)]
    files = [("a.png", small(0)), ("b.png", small(1)), ("*c*.png", small(2))]
    found = sorted(disagreement.find_disagreements(files, cards, load=network), key=ORDERS["heads disagree"])
    assert shown(at) == [escape_markdown(one.name) for one in found]
    assert {i.alt for e in at.get("image") for i in e.proto.imgs} == {f"Your picture {name}" for name, _ in files}
    listed = next(element.value for element in at.markdown if "notes" in element.value).split("\n")
    assert [line.split(": ")[0] for line in listed] == [
        f"- **{escape_markdown(name)}**" for name in ("notes.txt", "cut.png")
    ]
    assert at.expander[0].label == "Files that were left out"


def test_an_own_picture_opened_joins_the_uploads(live_app):
    at = press(give(live_app.run(), ("more.zip", zipped(**{"in/a.png": small(0)}))), "Go through them")
    at = press(at, "Open")
    key = f"upload-{open_picture(small(0)).sha256}"
    upload = at.session_state["uploads"][key]
    assert at.session_state["photo"] == key and upload.data == small(0)
    assert (upload.name, upload.file) == ("a.png", uploads.ADOPTED) and "Opened" in labels(at)


def test_no_picture_among_them_says_what_to_do(live_app):
    at = press(give(live_app.run(), ("a.png", b"words"), ("b.zip", b"words")), "Go through them")
    assert "None of these files is a picture" in at.info[0].value and len(at.expander) == 1
    assert labels(at) == []


def test_other_files_show_no_old_outcome_and_none_are_kept_for_nothing(live_app):
    at = press(give(live_app.run(), ("a.png", small(0))), "Go through them")
    at = give(at, ("b.png", small(1)))
    assert shown(at) == [] and labels(at) == ["Go through them"]
    assert give(at, ("a.png", small(0))) and shown(at) == [escape_markdown("a.png")]
    at = give(at)
    assert at.session_state["survey_held"] == () and "Choose up to 50" in at.info[0].value


def test_own_files_and_their_outcome_are_still_there_after_another_page(live_app, looks):
    at = press(give(live_app.run(), ("a.png", small(0))), "Go through them")
    at.session_state["elsewhere"] = True
    at.run()
    at.session_state["elsewhere"] = False
    at.run()
    assert shown(at) == [escape_markdown("a.png")] and len(looks) == 1
    at = press(at, "Open")
    assert at.session_state["photo"].startswith("upload-")


def test_a_session_holds_only_so_many_bytes_of_files(live_app, monkeypatch):
    monkeypatch.setattr(disagreement_panel, "FILES_BYTES", len(small(0)) + 10)
    at = give(live_app.run(), ("a.png", small(0)), ("b_b.png", small(1)))
    assert [one.name for one in at.session_state["survey_held"]] == ["a.png"]
    assert at.error[0].value.startswith(escape_markdown("b_b.png"))


# ---- adopted pictures ----


def adopting() -> None:
    import streamlit as st

    from abn.ui.controls import image_picker, uploads

    for name, data in st.session_state.pop("to_adopt", ()):
        try:
            uploads.adopt_picture(name, data)
        except ValueError as error:
            st.info(str(error))
    image_picker.choose_image()
    uploads.show_uploaders()


def test_adopted_pictures_leave_where_others_need_the_room(clean_caches, monkeypatch):
    monkeypatch.setattr(uploads, "UPLOADS", 3)
    at = AppTest.from_function(adopting, default_timeout=60)
    at.session_state["to_adopt"] = [(f"{k}.png", small(k)) for k in range(4)]
    at.run()
    assert [one.name for one in at.session_state["uploads"].values()] == ["1.png", "2.png", "3.png"]
    assert at.session_state["photo"] == f"upload-{open_picture(small(3)).sha256}"
    at.file_uploader(key="files").set_value([(f"u{k}.png", small(k + 4), "") for k in range(4)]).run()
    assert [one.name for one in at.session_state["uploads"].values()] == ["u0.png", "u1.png", "u2.png"]
    assert "A session holds 3 pictures" in at.error[0].value and not at.exception
    at.session_state["to_adopt"] = [("5.png", small(9))]
    assert "A session holds 3 pictures" in at.run().info[0].value
