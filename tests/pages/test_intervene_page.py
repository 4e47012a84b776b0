"""The Intervene page through AppTest: presets really run, undo and redo, each variant for itself."""

import csv
import io
from pathlib import Path

import exporting
import numpy as np
import pytest
from reading import captions, components, effects, keys, map_values, mentions, tables
from streamlit.testing.v1 import AppTest

from abn import vocabulary
from abn.evaluation import map_ablation
from abn.explanations import interventions
from abn.explanations.explainer import explain
from abn.export import edited_map
from abn.export.figures import MapStyle
from abn.images import samples
from abn.images.decode import open_picture
from abn.plots import numbers, overlay
from abn.ui.controls.view_settings import CELLS
from abn.ui.intervene import effect_panel, words
from abn.ui.predictions import describe_mechanisms
from abn.variants.store import find_variant

ROOT = Path(__file__).parents[2]
ADDITIVE, MULTIPLICATIVE, NONE = (f"imagenet-lite0-{name}" for name in ("additive", "multiplicative", "none"))
PHOTOS = list(samples.gallery().values())
PICTURE = open_picture(PHOTOS[0].path.read_bytes())


@pytest.fixture
def page(ready) -> AppTest:
    return ready.switch_page("pages/Intervene.py")


def open_tab(at: AppTest, tab: str) -> AppTest:
    at.session_state["intervene_tab"] = tab
    return at.run()


@pytest.fixture
def subject(runner) -> interventions.AttendedImage:
    return interventions.attend_image(PICTURE, find_variant(ADDITIVE), load=runner)


def shown_change(at: AppTest) -> str:
    """Δp of the class predicted before, as the page shows it, in points."""
    return effects(at)[0][0]


def expected(subject: interventions.AttendedImage, attention: np.ndarray, mechanism: str | None = None) -> str:
    own = subject.predict(subject.attention, mechanism)
    return numbers.points(float(subject.predict(attention, mechanism)[own.argmax()] - own.max()))


def board(at: AppTest) -> dict:
    return components(at, "abn_painter")["painter"]


def test_it_begins_with_the_own_map_and_nothing_changed(page, subject):
    at = page.run()
    assert not at.exception and shown_change(at) == numbers.points(0)
    assert board(at)["map"] == pytest.approx(subject.attention.ravel(), abs=1e-4)
    assert at.button(key="undo").disabled and at.button(key="redo").disabled and at.button(key="reset").disabled


@pytest.mark.parametrize("preset", ("shuffled", "zeros"))
def test_a_preset_really_runs(page, subject, preset):
    page.run()
    at = page.button(key=f"preset-{preset}").click().run()
    made = interventions.PRESETS[preset](subject.attention)
    assert not at.exception and shown_change(at) == expected(subject, made)
    assert board(at)["map"] == pytest.approx(made.ravel(), abs=1e-4)


def test_undo_redo_reset_and_the_strip(page, subject):
    page.run()
    page.button(key="preset-zeros").click().run()
    at = page.button(key="preset-inverted").click().run()
    inverted = shown_change(at)
    at = page.button(key="undo").click().run()
    assert shown_change(at) == expected(subject, np.zeros_like(subject.attention)) != inverted
    at = page.button(key="redo").click().run()
    assert shown_change(at) == inverted and at.button(key="redo").disabled
    at = page.button(key="reset").click().run()
    assert shown_change(at) == numbers.points(0) and at.button(key="reset").disabled
    steps = components(at, "abn_strip")["history"]
    assert [item["caption"].rsplit(": ", 1)[0] for item in steps["items"]] == [
        words.OWN_MAP,
        "zeros",
        "inverted",
        words.OWN_MAP,
    ]
    assert steps["chosen"] == "3"
    at = page.button(key="undo").click().run()
    assert shown_change(at) == inverted  # a reset loses nothing


def test_an_edit_draws_its_own_thumbnail_and_sends_no_pixels_again(page, monkeypatch):
    page.run()
    page.button(key="preset-zeros").click().run()
    drawn, real = [], overlay.overlay
    monkeypatch.setattr(overlay, "overlay", lambda *given, **how: drawn.append(given) or real(*given, **how))
    at = page.button(key="preset-inverted").click().run()
    assert len(components(at, "abn_strip")["history"]["items"]) == 3 and len(drawn) == 1
    assert board(at)["image"].startswith("/mock/media/")


@pytest.mark.parametrize("press", ("undo", "reset"))
def test_a_press_loses_no_stroke_that_came_since_the_buttons_were_drawn(page, press):
    page.run()
    at = page.button(key="preset-zeros").click().run()
    ((key, history),) = at.session_state["edits"].items()
    stroke = np.ones_like(history.current.attention)
    at.session_state["edits"][key] = history.add("Brush +", stroke, painted=True)
    at = at.button(key=press).click().run()
    history = at.session_state["edits"][key]
    assert [edit.name for edit in history.edits[:3]] == [words.OWN_MAP, "zeros", "Brush +"]
    assert history.current.name == {"undo": "zeros", "reset": words.OWN_MAP}[press]


@pytest.mark.slow
def test_another_variants_and_another_pictures_map(page, subject, runner):
    page.run()
    at = page.button(key=f"borrow-{MULTIPLICATIVE}").click().run()
    other = explain(PICTURE, [MULTIPLICATIVE], load=runner)[0].attention
    assert shown_change(at) == expected(subject, other)
    at = page.button(key=f"borrow-{PHOTOS[3].id}").click().run()
    other = explain(open_picture(PHOTOS[3].path.read_bytes()), [ADDITIVE], load=runner)[0].attention
    assert not at.exception and shown_change(at) == expected(subject, other)


@pytest.mark.slow
def test_a_map_of_other_cells_is_brought_to_these(page, subject, runner):
    page.run()
    at = page.button(key="borrow-imagenet-lite2-additive").click().run()
    other = explain(PICTURE, ["imagenet-lite2-additive"], load=runner)[0].attention
    assert other.shape != subject.attention.shape
    assert shown_change(at) == expected(subject, interventions.resize_map(other, subject.attention.shape))


def test_the_mechanism_that_applies_the_map_is_a_choice_and_named(page, subject):
    page.run()
    page.button(key="preset-inverted").click().run()
    at = page.button_group(key="apply").set_value("multiplicative").run()
    inverted = interventions.PRESETS["inverted"](subject.attention)
    assert shown_change(at) == expected(subject, inverted, "multiplicative")
    assert describe_mechanisms(find_variant(ADDITIVE), "multiplicative", " · ") in captions(at)
    at = page.button_group(key="apply").set_value("none").run()
    assert shown_change(at) == numbers.points(0) and len(at.info) == 1


@pytest.mark.slow
def test_each_picture_and_variant_has_its_own_history(page, subject):
    page.run()
    page.button(key="preset-zeros").click().run()
    at = page.button_group(key="one_variant").set_value(MULTIPLICATIVE).run()
    assert shown_change(at) == numbers.points(0) and at.button(key="undo").disabled
    at = page.button_group(key="one_variant").set_value(ADDITIVE).run()
    assert shown_change(at) == expected(subject, np.zeros_like(subject.attention))


def test_the_dependence_on_the_map_is_that_of_the_library(page, subject, runner):
    at = open_tab(page, words.SENSITIVITY)
    rows, cards = tables(at)[0], [find_variant(name) for name in (ADDITIVE, MULTIPLICATIVE, NONE)]
    means = {card.id: map_ablation.ablate_in_picture(PICTURE, card, load=runner) for card in cards}
    for row, edit in zip(rows[3:], map_ablation.EDITS, strict=True):
        for cell, card in zip(row[1:], cards, strict=True):
            mean = means[card.id][edit]
            assert cell.endswith(f"{numbers.points(mean.change)} points")
            assert ("→" in cell or "changed" in cell) == (mean.change_rate > 0)
    gain = interventions.gain(subject.attention, "additive")
    assert rows[2][1] == words.GAIN.format(low=gain.min(), high=gain.max())
    divergences = {card.title: map_ablation.fair_control_divergence(means[card.id]) for card in cards}
    first = max(divergences, key=divergences.get)
    assert mentions(at, words.RANKING.format(title=first, where=words.THIS_IMAGE))
    assert mentions(at, words.RANKING_LIMITS)


def test_only_the_open_tab_is_computed(page, monkeypatch):
    at = page.run()
    assert not tables(at) and list(components(at, "abn_painter")) == ["painter"]
    monkeypatch.setattr(map_ablation, "ablate_map", lambda *_, **__: pytest.fail("computed for a closed tab"))
    at = open_tab(page, words.COVER)
    assert not at.exception and list(components(at, "abn_painter")) == ["cover"]


@pytest.mark.slow
def test_over_the_gallery_on_request(page, runner, monkeypatch):
    two_photos = dict(list(samples.gallery().items())[:2])
    monkeypatch.setattr(samples, "gallery", lambda: two_photos)
    open_tab(page, words.SENSITIVITY)
    page.multiselect(key="variant_ids").set_value([MULTIPLICATIVE]).run()
    at = page.button(key="map-ablation-job").click().run()
    assert not at.exception
    card, pictures = (
        find_variant(MULTIPLICATIVE),
        [open_picture(photo.path.read_bytes()) for photo in two_photos.values()],
    )
    means = map_ablation.mean_over_pictures(
        [map_ablation.ablate_in_picture(picture, card, load=runner) for picture in pictures]
    )
    cell = tables(at)[1][1][1]
    assert cell.endswith(f"%, {numbers.points(means['constant mean'].change)} points")
    monkeypatch.setattr(map_ablation, "ablate_in_picture", lambda *_, **__: pytest.fail("run again"))
    at = page.run()
    assert not at.exception and tables(at)[1][1][1] == cell
    assert "map-ablation-job" not in keys(at)


def test_variants_trained_on_different_images_are_not_ranked_over_the_gallery(page):
    open_tab(page, words.SENSITIVITY)
    at = page.multiselect(key="variant_ids").set_value([ADDITIVE, "cluttered-resnet20-additive"]).run()
    assert not at.exception and "map-ablation-job" not in keys(at)


def test_a_covered_image_is_followed_by_maps_and_heads(page, runner):
    at = open_tab(page, words.COVER)
    assert effects(at) == [[numbers.points(0)]] * 6 and at.button(key="uncover").disabled
    cells = np.zeros((14, 14), np.float32)
    cells[4:10, 3:9] = 1
    fitted = explain(PICTURE, [ADDITIVE], load=runner)[0].fitted
    at.session_state["covered"] = (f"{PICTURE.sha256} crop {cells.shape}", cells, 0)
    at = at.run()
    covered = interventions.cover_cells(PICTURE, fitted, cells > 0.5)
    before, after = (explain(image, [ADDITIVE], load=runner)[0] for image in (PICTURE, covered))
    for shown, head in zip(effects(at), vocabulary.HEADS, strict=False):
        old, new = getattr(before, head), getattr(after, head)
        classes = dict.fromkeys((int(old.argmax()), int(new.argmax())))
        assert shown == [numbers.points(float(new[k] - old[k])) for k in classes]
    assert components(at, "abn_map_view")[f"map-{ADDITIVE}"]["values"] == map_values(after.attention)
    share = numbers.percent(interventions.changed_pixel_share(PICTURE, covered))
    assert mentions(at, share)
    at = page.button(key="uncover").click().run()
    assert not mentions(at, share) and at.button(key="uncover").disabled


# ---- files of an edit ----


def latest_file(offered: dict, ending: str) -> tuple[str, bytes]:
    """Name and content of the file of that ending that the page offers now, the last of those it has offered."""
    name = [name for name in offered if name.endswith(ending)][-1]
    return name, offered[name]()


def test_the_files_hold_the_edit_as_it_is_applied(page, offered, subject):
    page.query_params.update({"opacity": "20", "cells": CELLS[1]})
    page.run()
    page.button_group(key="apply").set_value("multiplicative").run()
    at = page.button(key="preset-inverted").click().run()
    inverted, card = interventions.PRESETS["inverted"](subject.attention), find_variant(ADDITIVE)
    stem = f"abn-{PHOTOS[0].id}--{ADDITIVE}--inverted"
    before, after = subject.predict(np.stack([subject.attention, inverted]), "multiplicative")
    effect = interventions.Effect("inverted", inverted, before, after)
    edited = edited_map.EditedMap(
        card=card,
        fitted=subject.fitted,
        own_map=subject.attention,
        effect=effect,
        applied="multiplicative",
        style=MapStyle(0.2, smooth=False),
    )
    assert not at.exception and latest_file(offered, ".png") == (f"{stem}.png", edited_map.figure_png(edited))
    name, data = latest_file(offered, ".npy")
    assert name == f"{stem}.npy" and np.array_equal(np.load(io.BytesIO(data), allow_pickle=False), inverted)
    name, data = latest_file(offered, ".csv")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert name == f"{stem}.csv" and {row["applied"] for row in rows} == {"multiplicative"}
    (first,) = (row for row in rows if row["rank_before"] == "1")
    assert numbers.points(float(first["change"])) == shown_change(at)
    assert shown_change(at) == expected(subject, inverted, "multiplicative")


def test_without_an_edit_no_file_is_offered(page):
    def disabled() -> list[bool]:
        return [button.proto.disabled for button in at.get("download_button") if "keep-" in button.proto.id]

    at = page.run()
    assert disabled() == [True] * 3
    assert words.NO_EDIT in captions(at)
    at = page.button(key="preset-zeros").click().run()
    assert not any(disabled())
    assert words.NO_EDIT not in captions(at)


def test_no_file_of_an_edit_is_made_before_its_button_is_pressed(page, monkeypatch):
    for name in ("figure_png", "npy_bytes", "before_after_csv"):
        monkeypatch.setattr(effect_panel, name, lambda *_: pytest.fail("made before its button is pressed"))
    page.run()
    assert not page.button(key="preset-zeros").click().run().exception


@pytest.mark.slow
def test_nothing_of_an_uploaded_file_leaves_with_an_edit(page, offered):
    page.run()
    page.file_uploader(key="files").set_value(
        [("../../home/me/mine.jpg", exporting.photograph_with_metadata(), "image/jpeg")]
    ).run()
    page.button(key="preset-zeros").click().run()
    for ending in (".png", ".npy", ".csv"):
        name, data = latest_file(offered, ending)
        assert name == f"abn-mine--{ADDITIVE}--zeros{ending}"
        assert not any(word in data for word in (*exporting.METADATA, b"home", b"mine"))
