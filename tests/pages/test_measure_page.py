"""The Measure page through AppTest: the library's numbers, what Stop keeps, and that nothing is done twice."""

import html
import re
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
import torch
from reading import alts, captions, components, mentions, pictures, texts
from streamlit.testing.v1 import AppTest

from abn.engine.inference import stack_images
from abn.errors import ABNError, VariantError
from abn.evaluation import deletion_insertion, localization, randomization
from abn.evaluation.metrics import rank_correlation
from abn.explanations import interventions
from abn.images import samples
from abn.images.decode import open_picture
from abn.images.fit import fit_picture
from abn.plots import numbers
from abn.ui import layout
from abn.ui import words as shared_words
from abn.ui.measure import deletion_insertion_panel, localization_panel, randomization_panel, words
from abn.ui.measure.randomization_panel import CASCADE, PICTURES
from abn.ui.runtime import cache, jobs, models
from abn.ui.runtime.turns import get_queue
from abn.variants import store
from abn.variants.card import class_names
from abn.variants.store import find_variant

ROOT = Path(__file__).parents[2]
IDS = ADDITIVE, NONE = "cluttered-resnet20-additive", "cluttered-resnet20-none"  # 32 × 32 pixels: quick
CARDS = [find_variant(variant) for variant in IDS]
PHOTOS = [photo for photo in samples.gallery().values() if photo.kind == "clothing"]
OPENED = [open_picture(photo.path.read_bytes(), name=photo.file) for photo in PHOTOS]
SCENES, ORDERS = 5, deletion_insertion.RANDOM_ORDERS  # scenes, and random orders


@pytest.fixture
def page(ready, monkeypatch, network) -> AppTest:
    monkeypatch.setattr(store, "load_variant", network)  # for the shuffled weights
    few = localization.scenes()[:SCENES]
    monkeypatch.setattr(localization, "scenes", lambda: few)
    monkeypatch.setattr(deletion_insertion_panel, "MAX_AUTOMATIC", -1)  # by its button
    at = ready.switch_page("pages/Measure.py")
    at.session_state["photo"] = PHOTOS[0].id
    at.session_state["variant_ids"] = list(IDS)
    at.session_state["steps"] = 14
    monkeypatch.setattr(jobs, "DOUBLE_CLICK", 0)
    return at


@pytest.fixture
def nothing_left(monkeypatch):
    """To be called when all is measured: from then on, measuring anything fails the test."""

    def forbid() -> None:
        for module, name in (
            (deletion_insertion, "compute_curve"),
            (randomization, "compare_randomized"),
            (randomization, "network_outputs"),
            (localization, "localize"),
        ):
            monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("measured again"))

    return forbid


def press(at: AppTest, job: str) -> AppTest:
    at = at.button(key=f"{job}-job").click().run()
    assert not at.exception
    return at


def offered(at: AppTest, job: str) -> str:
    """What the job's button says; empty where there is none."""
    return next((button.label for button in at.button if button.key == f"{job}-job"), "")


def tables(at: AppTest) -> list[list[list[str]]]:
    """The header and the rows of each of the page's tables, as plain text."""
    frames = [table.value for table in at.table]
    return [[[plain(cell) for cell in row] for row in (frame.columns, *frame.to_numpy())] for frame in frames]


def plain(cell: str) -> str:
    """A table's cell without what keeps it from being read as Markdown, or tells equal headers apart."""
    return re.sub(r"\\(.)", r"\1", cell).rstrip("\u200b")


def compute(runner, card, spec: deletion_insertion.CurveSpec, opened=OPENED[0]) -> deletion_insertion.CurveResult:
    return deletion_insertion.compute_curve(interventions.attend_image(opened, card, load=runner), card.input, spec)


def test_three_questions_each_with_its_estimated_time(page):
    at = page.run()
    assert not at.exception and [heading.anchor for heading in at.subheader] == ["cells", "learned", "object"]
    for job in ("curves", "randomization", "localization"):
        assert words.UNDER_A_SECOND in offered(at, job) or re.search(r"about \d+ (s|min)", offered(at, job))
    assert not tables(at) and at.subheader[0].value == words.QUESTION
    assert layout.PAGES["pages/Measure.py"] == ("Measure", ":material/monitoring:")


def test_before_a_result_the_page_tells_what_is_measured_and_how_long_it_takes(page):
    at = page.run()
    curves = words.CURVES_PLAN.split("{")[0]
    plan = next(m.value for m in at.markdown if m.value.startswith(curves))
    assert re.search(r"\d+ forward passes, (about \d+ s|under 1 s)", plan) and f" {ORDERS} random orders" in plan
    scenes = words.LOCALIZATION_PLAN.format(count=SCENES)
    assert mentions(at, words.RANDOMIZATION_PLAN) and mentions(at, scenes)
    for job in ("curves", "randomization", "localization"):
        at = press(at, job)
    assert not mentions(at, curves) and not mentions(at, words.RANDOMIZATION_PLAN) and not mentions(at, scenes)
    assert not {words.QUESTION, words.RANDOMIZATION, words.LOCALIZATION} & {h.value for h in at.subheader}


def test_the_estimate_of_the_randomization_is_that_of_a_timed_run(page):
    page.session_state["forget_seeds"] = 1
    at = press(page.run(), "randomization")
    server = cache.server_cache()
    keys = [key for key in server.entries if key[0] == randomization_panel._timing_key(CARDS[0])[0]]
    assert {key[1] for key in keys} == set(IDS)
    for key in keys:
        server.entries[key] = 10.0, 8
    at = at.button_group(key="fit").set_value("squash").run()
    batches = 1 + sum(map(randomization_panel._count_batches, CASCADE))
    assert words.duration(10.0 * batches * len(CARDS)) in offered(at, "randomization")


@pytest.fixture
def automatic(page, monkeypatch) -> AppTest:
    monkeypatch.setattr(deletion_insertion_panel, "MAX_AUTOMATIC", 1e9)
    return page


def test_the_curves_are_computed_without_a_button(automatic):
    at = automatic.run()
    assert not at.exception and not offered(at, "curves") and len(tables(at)[0]) == 1 + len(CARDS)
    assert len(at.get("plotly_chart")) == 2 * len(CARDS)
    assert mentions(at, words.CURVE_LIMITS)
    at.session_state["photo"] = PHOTOS[1].id
    assert not offered(at.run(), "curves") and len(tables(at)[0]) == 1 + len(CARDS)  # of another image too
    assert offered(at, "randomization") and offered(at, "localization")  # these take a button


def test_curves_that_were_stopped_or_failed_do_not_begin_by_themselves(automatic, monkeypatch):
    with monkeypatch.context() as patch:
        halted(patch, deletion_insertion, "compute_curve", after=2)
        assert offered(automatic.run(), "curves") == shared_words.STOP
        at = press(automatic, "curves")
    assert offered(at, "curves") == shared_words.RESUME == offered(at.run(), "curves")
    assert not offered(press(at, "curves"), "curves")  # by the button they do

    def fail(*_, **__):
        raise ABNError("There is no curve.")

    monkeypatch.setattr(deletion_insertion, "compute_curve", fail)
    at.session_state["photo"] = PHOTOS[1].id
    at = at.run()
    assert len(at.error) == 1 and offered(at.run(), "curves")


def test_another_session_computes_no_curve_of_shipped_images_again(automatic, nothing_left, ready):
    before = tables(automatic.run())
    state = {key: automatic.session_state[key] for key in ("photo", "variant_ids", "steps")}
    nothing_left()
    other = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180).switch_page("pages/Measure.py")
    for key, value in state.items():
        other.session_state[key] = value
    other = other.run()
    assert not other.exception and tables(other) == before


def test_the_curves_are_those_of_the_library(page, runner):
    at = press(page.run(), "curves")
    (rows,) = tables(at)
    for row, card in zip(rows[1:], CARDS, strict=True):
        expected, named = [], 0
        for kind in deletion_insertion.KINDS:
            specs = deletion_insertion.curve_specs(kind, steps=14, random_orders=ORDERS)
            result = deletion_insertion.compare_curves([compute(runner, card, w) for w in specs])
            within = "" if result.outside_random_range else " (within the random orders)"
            expected += [
                f"{result.bright.area:.3f}",
                f"{result.random_area:.3f}",
                f"{numbers.signed(result.difference, 3)}{within}",
            ]
            named = result.bright.predicted_class
        assert row == [card.title, numbers.short_label(class_names(card)[named]), *expected]
    charts = [element.proto.alt for element in at.get("plotly_chart")]
    assert len(charts) == 2 * len(CARDS)
    assert f"of {CARDS[0].title}, area" in charts[0] and f"first {rows[1][2]}, random order {rows[1][3]}" in charts[0]
    assert not offered(at, "curves")
    depends: dict[bool, list[str]] = {True: [], False: []}
    for card in CARDS:
        both = [
            deletion_insertion.compare_curves(
                [compute(runner, card, w) for w in deletion_insertion.curve_specs(kind, steps=14, random_orders=ORDERS)]
            )
            for kind in deletion_insertion.KINDS
        ]
        depends[
            both[0].outside_random_range
            and both[0].difference < 0
            and both[1].outside_random_range
            and both[1].difference > 0
        ].append(card.title)
    for sentence, titles in zip((words.BY_BOTH, words.NOT_BY_BOTH), depends.values(), strict=True):
        assert mentions(at, sentence.format(titles=", ".join(titles))) == bool(titles)
    headline = at.subheader[0]
    assert headline.value == words.HEADLINE.format(count=len(depends[True]), total=len(CARDS))
    assert (
        f"all {ORDERS} random orders" in headline.help and f"1 in {ORDERS + 1}" in headline.help
    )  # the chance of one more random order


def test_more_random_orders_lower_the_chance_in_the_help(page):
    page.session_state["randoms"] = 19
    assert "1 in 20" in page.run().subheader[0].help
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180).switch_page("pages/Measure.py")
    at.query_params["randoms"] = "3"  # an address of earlier days
    assert not at.run().exception and at.button_group(key="randoms").value == ORDERS


def test_nothing_is_followed_twice_and_nothing_old_stands_beside_new_choices(page, nothing_left):
    at = press(page.run(), "curves")
    before = tables(at)
    at.session_state["photo"] = PHOTOS[1].id
    at = at.run()
    assert not tables(at) and offered(at, "curves")  # another picture
    at.session_state["photo"] = PHOTOS[0].id
    at = at.button_group(key="paint").set_value("black").run()
    assert tables(at)[0][1][2:5] == ["–"] * 3  # deletion is to be done
    assert tables(at)[0][1][5:] == before[0][1][5:] and offered(at, "curves")  # insertion needs no paint
    nothing_left()
    at = at.button_group(key="paint").set_value("mean color").run()
    at.session_state["opacity"] = 20
    at = at.run()
    assert not at.exception and tables(at) == before and not offered(at, "curves")


def test_more_random_orders_and_darkest_first_add_to_what_is_known(page, runner, monkeypatch):
    at = press(page.run(), "curves")
    calls = []
    real = deletion_insertion.compute_curve
    monkeypatch.setattr(
        deletion_insertion, "compute_curve", lambda s, i, wanted, **k: calls.append(wanted) or real(s, i, wanted, **k)
    )
    at = at.toggle(key="darkest").set_value(True).run()
    at = press(at, "curves")
    assert {item.order for item in calls} == {deletion_insertion.DARK} and len(calls) == 4
    dark = compute(
        runner, CARDS[0], deletion_insertion.CurveSpec(deletion_insertion.DELETION, deletion_insertion.DARK, steps=14)
    )
    assert f"darkest first {dark.area:.3f}" in at.get("plotly_chart")[0].proto.alt


def halted(monkeypatch, module, name: str, after: int) -> None:
    """From so many calls on the script ends in the middle, as it does when a person presses something."""
    real, calls = getattr(module, name), []

    def called(*given, **options):
        calls.append(True)
        if len(calls) > after:
            with get_queue().turn():
                pass  # it is free between pieces
            st.stop()
        return real(*given, **options)

    monkeypatch.setattr(module, name, called)


def test_stop_keeps_what_was_found_and_the_page_whole(page, monkeypatch):
    free = get_queue().free
    with monkeypatch.context() as patch:
        halted(patch, deletion_insertion, "compute_curve", after=13)  # one variant and a curve of the next
        at = press(page.run(), "curves")
        assert offered(at, "curves") == shared_words.STOP and [h.anchor for h in at.subheader][-1] == "object"
        at = press(at, "curves")
    assert get_queue().free == free
    assert shared_words.KEPT.format(done=13, count=24) in captions(at) and offered(at, "curves") == shared_words.RESUME
    (rows,) = tables(at)
    assert [row[0] for row in rows[1:]] == [CARDS[0].title] and "–" not in rows[1]
    calls = []
    real = deletion_insertion.compute_curve
    monkeypatch.setattr(deletion_insertion, "compute_curve", lambda *a, **k: calls.append(a[2]) or real(*a, **k))
    at = press(at, "curves")
    assert len(calls) == 11 and len(tables(at)[0]) == 3  # only what was missing


def test_a_double_click_does_not_stop_what_it_began(page, monkeypatch):
    monkeypatch.setattr(jobs, "DOUBLE_CLICK", 60)
    with monkeypatch.context() as patch:
        halted(patch, deletion_insertion, "compute_curve", after=1)
        at = press(page.run(), "curves")
    at = press(at, "curves")  # the second click, on what has become "Stop"
    assert not offered(at, "curves") and len(tables(at)[0]) == 3


def test_another_picture_while_a_job_runs_ends_it(page, monkeypatch):
    halted(monkeypatch, deletion_insertion, "compute_curve", after=1)
    begin = offered(page.run(), "curves")
    at = press(page, "curves")
    at.session_state["photo"] = PHOTOS[1].id
    at = at.run()
    assert not at.exception and offered(at, "curves") == begin != shared_words.RESUME


def test_what_fails_is_one_sentence(page, monkeypatch):
    def fail(*_, **__):
        raise ABNError("There is no *curve*.")

    monkeypatch.setattr(deletion_insertion, "compute_curve", fail)
    at = press(page.run(), "curves")
    assert at.error[0].value == layout.escape_markdown("There is no *curve*.") and offered(at, "curves")
    assert not at.run().exception


def test_the_pictures_on_the_way_are_what_the_network_saw(page, runner):
    page.run()
    at = page.slider(key="share_changed").set_value(50).run()
    subject = interventions.attend_image(OPENED[0], CARDS[0], load=runner)
    own = subject.predict(subject.attention)
    for kind, paint in ((deletion_insertion.DELETION, "mean color"), (deletion_insertion.INSERTION, "blurred")):
        result = deletion_insertion.delete_cells(
            subject, CARDS[0].input, deletion_insertion.CurveSpec(kind, baseline=paint), 0.5
        )
        assert mentions(at, "50 %", numbers.percent(result.probabilities[own.argmax()]))
    assert sum(alt.startswith("50 %") for alt in alts(at)) == 2


def test_the_cascade_is_that_of_the_library(page, network):
    page.session_state["forget_seeds"] = 1
    at = press(page.run(), "randomization")
    (rows,) = tables(at)
    used = OPENED[:PICTURES]
    for row, card in zip(rows[1:], CARDS, strict=True):
        images = stack_images([fit_picture(image, card.input) for image in used], card.input)
        own = randomization.network_outputs(network(card), images)
        label = numbers.short_label(class_names(card)[int(own.predictions[0].argmax())])
        assert row[:2] == [card.title, f"{label} {numbers.percent(own.predictions[0].max())}"]
        for cell, parts in zip(row[2:], CASCADE, strict=True):
            changed = network(card)
            for part in parts:
                changed = randomization.randomize_weights(changed, part, images, seed=0)
            with torch.inference_mode():
                output = changed(torch.from_numpy(images))
            maps = output.attention[:, 0].numpy()
            alike = [rank_correlation(*pair) for pair in zip(own.maps, maps, strict=True)]
            left = output.logits[0].softmax(0)[int(own.predictions[0].argmax())]
            if parts == ("perception_branch",):
                assert cell.startswith(words.IDENTICAL)
            else:
                assert cell.startswith(f"ρ {alike[0]:.2f}; mean {np.mean(alike):.2f} ".replace("-", "−"))
            assert f"; {label} {numbers.percent(float(left))}, " in cell
    means = [re.search(r"mean (\S+)", row[-1])[1] for row in rows[1:]]
    assert all(value in at.subheader[1].value for value in means)
    maps = components(at, "abn_map_view")
    assert len([key for key in maps if key.startswith("cascade-")]) == len(CARDS) * (1 + len(CASCADE))
    steps = [f"cascade-{ADDITIVE}-{step}" for step in (words.TRAINED, *words.STEPS_OF_CASCADE.values())]
    values = [maps[key]["values"] for key in steps]
    assert values[0] == values[1] and values[1] != values[2] != values[3]


def test_randomization_changes_no_shared_network_and_is_not_done_twice(page, network, nothing_left):
    before = {card.id: {k: v.clone() for k, v in network(card).state_dict().items()} for card in CARDS}
    at = press(page.run(), "randomization")
    for card in CARDS:
        assert all(torch.equal(value, before[card.id][key]) for key, value in network(card).state_dict().items())
    rows = tables(at)
    nothing_left()
    at = at.button_group(key="scale").set_value("shared by the variants").run()
    assert not at.exception and tables(at) == rows and not offered(at, "randomization")
    at = at.button_group(key="fit").set_value("squash").run()
    assert offered(at, "randomization") and not tables(at)


def test_stop_between_steps_keeps_those_that_are_done(page, monkeypatch):
    with monkeypatch.context() as patch:
        halted(patch, randomization, "compare_randomized", after=2)
        at = press(page.run(), "randomization")
        at = press(at, "randomization")
    (rows,) = tables(at)
    assert rows[1][4] == "–" and rows[1][2].startswith("ρ ") and len(rows) == 2
    assert offered(at, "randomization")


def test_the_scenes_figures_are_those_of_the_library(page, runner):
    at = press(page.run(), "localization")
    (rows,) = tables(at)
    scenes = localization.scenes()
    result = localization.localize(CARDS, scenes=scenes, load=runner) | localization.score_controls(
        CARDS[0], scenes=scenes
    )
    names = [*IDS, *localization.CONTROLS]
    for row, name in zip(rows[1:], names, strict=True):
        means = localization.mean_scores(result[name])
        hits = sum(item.hit for item in result[name])
        assert row[1:] == [
            str(SCENES),
            f"{100 * means.pointing:.0f} % ({hits} of {SCENES})",
            f"{means.energy:.2f}",
            f"{means.auc:.2f}",
        ]
    assert [row[0] for row in rows[1:]] == [*(card.title for card in CARDS), *localization.CONTROLS]
    assert any(all(card.title in info for card in CARDS) for info in texts(at.info))  # trained on clothing
    assert mentions(at, f" {SCENES} ", f" {100 / SCENES:.0f} ")


def test_thumbnails_show_each_hit_and_miss_with_its_brightest_cell(page, runner):
    at = press(page.run(), "localization")
    bodies = [element.proto.body for element in at.get("html")]
    assert sum(".abn-scene-0 {" in body for body in bodies) == 1, "the thumbnails are sent once for all variants"
    shown = [body for body in bodies if '<div class="abn-hits">' in body]
    scenes = localization.scenes()
    result = localization.localize(CARDS, scenes=scenes, load=runner)
    for body, card in zip(shown, CARDS, strict=True):
        tiles = body.split('<div class="abn-scene-')[1:]
        for tile, scene, score in zip(tiles, scenes, result[card.id], strict=True):
            label = words.THUMBNAIL_ALT.format(scene=scene.title, result=words.HIT if score.hit else words.MISS)
            assert f'aria-label="{html.escape(label)}"' in tile
            row, column = np.unravel_index(score.attention.argmax(), score.attention.shape)
            left, top = re.search(r"left: ([\d.]+)%; top: ([\d.]+)%", tile).groups()
            h, w = score.attention.shape
            assert (float(left), float(top)) == pytest.approx((100 * column / w, 100 * row / h), abs=0.06)
        hits = sum(score.hit for score in result[card.id])
        assert mentions(at, words.HITS.format(title=card.title, hits=hits, count=SCENES))


def test_one_scene_is_shown_large_and_another_can_be_picked(page, runner, nothing_left):
    at = press(page.run(), "localization")
    nothing_left()
    at.session_state["scene"] = localization.scenes()[2].id
    at = at.run()
    assert not at.exception
    scene = localization.scenes()[2]
    attention = interventions.attend_image(scene.picture, CARDS[0], fit="squash", load=runner).attention
    mask = localization.fit_mask(scene.mask, fit_picture(scene.picture, CARDS[0].input, "squash"))
    result = localization.score_map(scene.id, attention, mask)
    shown = components(at, "abn_map_view")[f"scene-{ADDITIVE}"]
    assert shown["picked"] == list(map(int, np.unravel_index(result.attention.argmax(), result.attention.shape)))
    assert f"{'hits' if result.hit else 'misses'} the object" in shown["alt"]
    assert f"ROC-AUC {result.auc:.2f}" in shown["alt"] and scene.alt in [alt for alt, _ in pictures(at)]
    assert components(at, "abn_strip")["scenes"]["chosen"] == scene.id


def test_a_scene_is_drawn_once_however_often_the_page_runs(page, monkeypatch, nothing_left):
    at = press(page.run(), "localization")
    nothing_left()
    for draw in ("fit_picture", "encode"):
        monkeypatch.setattr(localization_panel, draw, lambda *_: pytest.fail("drawn again"))
    monkeypatch.setattr(localization_panel.overlay, "mark_brightest", lambda *_: pytest.fail("outlined again"))
    assert not at.run().exception


def test_a_variant_without_weights_is_one_sentence(page, monkeypatch, runner):
    def load(card):
        if card.id == NONE:
            raise VariantError("Its weights are *gone*.")
        return runner(card)

    monkeypatch.setattr(models, "load_runner", load)
    at = page.run()
    assert not at.exception and [w.value for w in at.warning] == [layout.escape_markdown("Its weights are *gone*.")]
    (rows,) = tables(press(at, "curves"))
    assert [row[0] for row in rows[1:]] == [CARDS[0].title]


def test_the_address_holds_the_settings(page):
    del page.session_state["steps"]
    page.query_params.update({"paint": "gray", "steps": "49", "darkest": "true", "forget_seeds": "4"})
    at = page.run()
    assert not at.exception and at.toggle(key="darkest").value
    chosen = {key: at.button_group(key=key).value for key in ("paint", "steps", "forget_seeds")}
    assert chosen == {"paint": "gray", "steps": 49, "forget_seeds": 4}
