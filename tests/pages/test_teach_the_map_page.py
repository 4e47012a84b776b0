"""Teach the map through AppTest: examples, masks, the fine-tuning with its control, stopping it, and bad input."""

import io
import json
import re
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import tiny
from reading import components, keys, tables, texts
from streamlit.testing.v1 import AppTest

from abn.evaluation.metrics import top_cells
from abn.explanations.interventions import attend_image
from abn.images import samples
from abn.images.decode import open_picture
from abn.plots import numbers
from abn.training.map_teaching import examples as library
from abn.training.map_teaching import settings as library_settings
from abn.training.map_teaching import teaching as library_teaching
from abn.training.map_teaching.report import NETWORKS, summarize_images
from abn.training.map_teaching.settings import Settings
from abn.ui.own import session_variants
from abn.ui.own import words as own_words
from abn.ui.runtime import turns
from abn.ui.runtime.background_work import BackgroundWork
from abn.ui.runtime.fair_queue import FairQueue
from abn.ui.teach_map import teaching, teaching_panel, words
from abn.ui.teach_map.session_examples import MAX_EXAMPLES
from abn.variants import checkpoint, own
from abn.variants.store import CARD_KEY, find_variant, load_variant

ROOT = Path(__file__).parents[2]
PAGE = "pages/Teach_the_map.py"
SMALL, SIBLING = "cluttered-resnet20-additive", "cluttered-resnet20-multiplicative"
CARD = find_variant(SMALL)
CLOTHES = [photo for photo in samples.gallery().values() if photo.kind == "clothing"]
BOOT, SHIRT, SNEAKER = CLOTHES
STEPS = 10


@pytest.fixture
def page(ready, monkeypatch) -> AppTest:
    monkeypatch.setattr(session_variants, "networks_in_memory", weakref.WeakSet())
    ready.session_state["variant_ids"] = [SMALL, SIBLING]
    ready.session_state["teach-steps"] = STEPS
    return choose(ready.switch_page(PAGE), BOOT)


def choose(at: AppTest, photo: samples.Photo) -> AppTest:
    at.session_state["photo"] = photo.id
    return run(at)


def run(at: AppTest) -> AppTest:
    at.run()
    assert not at.exception
    return at


def press(at: AppTest, key: str) -> AppTest:
    at.button(key=key).click()
    return run(at)


def add(at: AppTest, photo: samples.Photo, preset: str = "inverted") -> AppTest:
    """Make an example of an image whose map is replaced by a preset."""
    return press(press(choose(at, photo), f"preset-{preset}"), "add-example")


def teach(at: AppTest) -> AppTest:
    return press(at, "teach-job")


def kept(at: AppTest) -> list:
    return at.session_state["taught_examples"]


def board(at: AppTest) -> np.ndarray:
    return np.array(components(at, "abn_painter")["painter"]["map"]).reshape(CARD.map_size)


def own_map(photo: samples.Photo, runner) -> np.ndarray:
    return attend_image(open_picture(photo.path.read_bytes()), CARD, load=runner).attention


def latest(at: AppTest) -> teaching.TaughtResult:
    return list(at.session_state["taught"].values())[-1]


# ---- examples ----


def test_an_example_is_the_image_with_its_edited_map(page, runner):
    at = add(page, BOOT)
    (example,) = kept(at)
    own_values = own_map(BOOT, runner)
    assert not at.error and example.photo == BOOT.id and example.label is None
    assert np.allclose(example.target, own_values.max() + own_values.min() - own_values, atol=1e-5)
    at = add(at, SHIRT, "ones")
    assert [example.photo for example in kept(at)] == [BOOT.id, SHIRT.id]
    assert kept(at)[1].target.min() == 1


def test_each_example_is_removed_by_itself_or_all_at_once(page):
    at = add(add(add(page, BOOT), SHIRT), SNEAKER)
    at = press(at, f"remove-example-{kept(at)[1].sha256[:12]}")
    assert [example.photo for example in kept(at)] == [BOOT.id, SNEAKER.id]
    at = press(at, "remove-examples")
    assert kept(at) == [] and "remove-examples" not in keys(at)


def test_an_edit_on_intervene_is_one_here(page):
    at = choose(page, BOOT).switch_page("pages/Intervene.py")
    press(run(at), "preset-ones")
    at = press(run(at.switch_page(PAGE)), "add-example")
    assert kept(at)[0].target.min() == 1


def test_a_label_is_that_of_this_image_alone(page):
    at = press(choose(page, BOOT), "preset-inverted")
    at.selectbox(key=f"teach-label-{sha256(BOOT)[:12]}-{CARD.num_classes}").set_value(3)
    at = press(run(at), "add-example")
    at = add(at, SHIRT)
    assert [example.label for example in kept(at)] == [3, None]


def sha256(photo: samples.Photo) -> str:
    return open_picture(photo.path.read_bytes()).sha256


def test_a_rectangle_and_the_brightest_part_of_another_map_are_masks(page, runner):
    at = page
    height, width = CARD.map_size
    at.slider(key=f"mask-rows-{height}").set_value((2, 5))
    at.slider(key=f"mask-columns-{width}").set_value((3, 4))
    at = press(run(at), "mask-rectangle")
    expected = np.zeros(CARD.map_size)
    expected[1:5, 2:4] = 1
    assert np.array_equal(board(at), expected)
    at = press(at, f"mask-{SIBLING}")
    other = attend_image(open_picture(BOOT.path.read_bytes()), find_variant(SIBLING), load=runner).attention
    assert np.array_equal(board(at), top_cells(other, 0.2))


def test_examples_go_with_their_upload(page):
    picture = io.BytesIO()
    tiny.picture(seed=5).image.save(picture, "PNG")
    at = page
    at.file_uploader(key="files").set_value([("mine.png", picture.getvalue(), "image/png")])
    at = press(press(run(at), "preset-inverted"), "add-example")
    assert len(kept(at)) == 1 and "add-example" in keys(at)
    at.file_uploader(key="files").set_value([])
    at = add(run(at), SHIRT)
    assert [example.photo for example in kept(at)] == [SHIRT.id]


# ---- bad input: one plain sentence each ----


def test_a_map_that_was_not_edited_is_refused(page):
    at = press(page, "add-example")
    assert texts(at.error) == [words.NOT_EDITED.format(title=BOOT.title)] and kept(at) == []
    assert not run(at).error


def test_an_all_zero_map_is_refused(page):
    at = add(page, BOOT, "zeros")
    assert texts(at.error) == [library.ZEROS.format(name=numbers.in_quotes([BOOT.title]))] and kept(at) == []


def test_two_maps_for_one_image_are_refused(page):
    at = add(add(page, BOOT), BOOT, "ones")
    assert texts(at.error) == [library.TWO_MAPS.format(name=numbers.in_quotes([BOOT.title]))] and len(kept(at)) == 1


def test_no_more_examples_than_a_session_may_hold(page):
    at = add(page, BOOT)
    at.session_state["taught_examples"] = [replace(kept(at)[0], sha256=f"{i:02}" * 32) for i in range(MAX_EXAMPLES)]
    at = add(at, SHIRT)
    assert texts(at.error) == [words.TOO_MANY.format(limit=MAX_EXAMPLES)] and len(kept(at)) == MAX_EXAMPLES


def test_teaching_waits_for_an_example(page):
    button = page.button(key="teach-job")
    assert button.disabled and button.help == words.NO_EXAMPLE
    button = add(page, BOOT).button(key="teach-job")
    assert not button.disabled and not button.help


def test_without_the_map_loss_nothing_is_taught(page):
    at = add(page, BOOT)
    at.number_input(key="teach-weight").set_value(0.0)
    at = teach(run(at))
    assert texts(at.error) == [words.NO_WEIGHT]


def test_examples_of_another_fit_or_of_other_classes_are_refused(page):
    at = add(page, BOOT)
    at.session_state["fit"] = "squash"
    at = teach(run(at))
    assert texts(at.error) == [words.OTHER_FIT.format(title=BOOT.title, fit="crop")]
    at.session_state["fit"] = "crop"
    at.session_state["variant_ids"] = ["imagenet-lite0-additive"]
    kept(at)[0].__dict__["label"] = 3
    at = teach(run(at))
    assert texts(at.error) == [
        words.OTHER_CLASSES.format(title=BOOT.title, variant=find_variant("imagenet-lite0-additive").title)
    ]


def test_what_no_board_sends_is_refused_too(page):
    at = add(page, BOOT)
    kept(at)[0].target[0, 0] = np.nan
    assert texts(teach(run(at)).error) == [library.NOT_FINITE.format(name=BOOT.file)]
    kept(at)[0].target[0, 0] = 0.5
    kept(at)[0].__dict__["label"] = 10
    assert texts(teach(run(at)).error) == [
        library.NO_CLASS.format(label=10, name=BOOT.file, variant=CARD.title, last=CARD.num_classes - 1)
    ]


def test_a_full_session_is_told_before_the_work(page, monkeypatch):
    monkeypatch.setattr(session_variants, "MAX_VARIANTS", 0)
    monkeypatch.setattr(library_teaching, "teach_variant", lambda *_, **__: pytest.fail("taught in vain"))
    at = teach(add(page, BOOT))
    assert texts(at.error) == [own_words.TOO_MANY.format(count=0)]


# ---- the fine-tuning ----


def test_the_map_moves_to_the_targets_and_not_in_the_control(page, network):
    at = teach(add(add(page, BOOT), SHIRT))
    assert not at.error
    result = latest(at)
    report = result.report
    assert result.plan.settings == Settings(steps=STEPS) and [photo.id for photo in result.held_out] == [SNEAKER.id]
    distances = [{name: image.agreement(name).squared_distance for name in image.outcomes} for image in report.examples]
    assert all(d["taught"] < d["before"] and d["taught"] < d["control"] for d in distances)
    pictures = [open_picture(photo.path.read_bytes(), name=photo.file) for photo in (BOOT, SHIRT)]
    given = [library.Example(picture, example.target) for picture, example in zip(pictures, kept(at), strict=True)]
    held_out = [open_picture(SNEAKER.path.read_bytes(), name=SNEAKER.file)]
    same = library_teaching.teach_variant(
        CARD, given, Settings(steps=STEPS), network=network(CARD), held_out=held_out
    ).report
    for image, other in zip((*report.examples, *report.held_out), (*same.examples, *same.held_out), strict=True):
        for name, outcome in image.outcomes.items():
            assert np.allclose(outcome.attention, other.outcomes[name].attention, atol=1e-4)
    maps = components(at, "abn_map_view")
    shown = {key: np.array(data["values"]) for key, data in maps.items() if key.startswith("taught-")}
    assert np.allclose(shown["taught-taught"], report.examples[0].outcomes["taught"].attention.ravel(), atol=1e-5)
    assert np.allclose(shown["taught-target"], kept(at)[0].target.ravel(), atol=1e-5) and len(shown) == 4
    (rows,) = tables(at)
    assert len(rows[0]) == 4 and f"{np.mean([d['taught'] for d in distances]):.3f}" in rows[3][2]
    at = run(at)
    assert "teach-job" not in keys(at)  # the same again would come to the same


def test_a_press_counts_although_the_examples_changed_in_the_same_run(page):
    """As on a busy server, where the page has not been drawn again since the press before."""
    at = press(choose(add(page, BOOT), SHIRT), "preset-inverted")
    at.button(key="add-example").click()
    at = teach(at)
    assert len(kept(at)) == 2 == len(latest(at).plan.kept)


def test_held_out_images_are_shown_without_a_target(page):
    at = teach(add(page, BOOT))
    box = next(box for box in at.selectbox if (box.key or "").startswith("taught-image-"))
    box.set_value(1)
    at = run(at)
    shown = [key for key in components(at, "abn_map_view") if key.startswith("taught-")]
    assert shown == ["taught-before", "taught-taught", "taught-control"]


def test_the_taught_variant_is_one_of_the_session_on_every_page(page, offered):
    at = teach(add(page, BOOT))
    result = latest(at)
    card = at.session_state["own_variants"][result.variant].card
    assert own.is_own(card.id) and card.title.endswith("(yours)") and at.session_state["own_listed"] == [card.id]
    name = f"{SMALL}-taught.safetensors"
    data = offered[name]()
    (read,) = checkpoint.read_files({"file": checkpoint.NamedFile(name, data)}).values()
    assert read.id == card.id  # the file, uploaded, is the same variant
    with_card = json.loads(_metadata(data)[CARD_KEY])
    trained = with_card["trained"]
    assert trained["teaching"]["map_weight"] == Settings().map_weight and trained["teaching"]["steps"] == STEPS
    assert [example["image"] for example in trained["examples"]] == [BOOT.file]
    at = press(at, "compare-taught")
    assert card.id in at.session_state["variant_ids"] and "compare-taught" not in keys(at)
    for other in ("app.py", "pages/Inside.py", "pages/Intervene.py"):
        run(at.switch_page(other))
    at = run(at.switch_page(PAGE))
    at.button_group(key="one_variant").set_value(card.id)
    taught = run(at)
    assert np.allclose(
        board(taught), result.report.examples[0].outcomes["taught"].attention, atol=1e-3
    )  # and could be taught again


def _metadata(data: bytes) -> dict:
    assert safetensors.torch.load(data)
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length])["__metadata__"]


def test_a_removed_variant_takes_its_result_with_it(page):
    at = teach(add(page, BOOT))
    variant = latest(at).variant
    press(run(at.switch_page("pages/Bring_your_own.py")), f"remove-{variant}")
    at = run(at.switch_page(PAGE))
    assert "teach-job" in keys(at) and not tables(at)


# ---- as Python ----


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    """A folder in which abn/ lies, as where a person runs the code, with room for files."""
    (tmp_path / "abn").symlink_to(ROOT / "abn")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def add_labeled(at: AppTest, photo: samples.Photo, label: int) -> AppTest:
    at = press(choose(at, photo), "preset-ones")
    at.selectbox(key=f"teach-label-{sha256(photo)[:12]}-{CARD.num_classes}").set_value(label)
    return press(run(at), "add-example")


def numbers_in(output: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.\d+|nan", output)]


def figures(report) -> list[float]:
    """What the code prints, in its order."""
    values = []
    for name in NETWORKS:
        own, other = (summarize_images(images, name) for images in (report.examples, report.held_out))
        values += [own.squared_distance, own.rank_correlation, own.overlap, other.map_change]
    return values


def save_targets(offered, folder: Path) -> None:
    (name,) = (name for name in offered if name.endswith("--targets.npy"))
    (folder / name).write_bytes(offered[name]())


def test_the_code_teaches_the_same_and_saves_it(page, capsys, offered, repository):
    page.session_state["fit"] = "pad"
    page.number_input(key="teach-weight").set_value(20.0)
    page.button_group(key="teach-learns").set_value("heads")
    at = teach(add_labeled(add(run(page), BOOT), SHIRT, 3))
    save_targets(offered, repository)
    (code,), result = at.code, latest(at)
    held = {}
    exec(compile(code.value, "program", "exec"), held)
    output = capsys.readouterr().out
    assert numbers_in(output) == pytest.approx(figures(result.report), abs=0.006, nan_ok=True)
    (rows,) = tables(at)
    (distances,) = (row[1:] for row in rows if "distance" in row[0])
    shown = [float(text) for text in re.findall(r"distance (\S+),", output)]
    assert [float(text) for text in distances] == pytest.approx(shown, abs=0.0015) and shown[1] < shown[0]
    exec(code.value.splitlines()[-1].removeprefix("# "), held)
    saved = load_variant(find_variant("taught", repository)).state_dict()
    exported = safetensors.torch.load(offered[f"{SMALL}-taught.safetensors"]())
    assert all(np.allclose(saved[name], exported[name].float(), atol=1e-3) for name in saved if "num_" not in name)


def test_the_notebook_prints_what_the_code_prints(page, capsys, offered, repository):
    at = teach(add(page, BOOT))
    save_targets(offered, repository)
    (file,) = (name for name in offered if name.endswith(".ipynb"))
    _, *cells = json.loads(offered[file]())["cells"]
    held = {}
    for cell in cells:
        exec("".join(cell["source"]), held)
    expected = figures(latest(at).report)
    assert numbers_in(capsys.readouterr().out) == pytest.approx(expected, abs=0.006, nan_ok=True)
    assert file.startswith(f"abn-{BOOT.path.stem}--")


def test_the_code_opens_an_uploaded_image_by_its_name(page, capsys, offered, repository):
    picture = io.BytesIO()
    tiny.picture(seed=5).image.save(picture, "PNG")
    page.file_uploader(key="files").set_value([("mine.png", picture.getvalue(), "image/png")])
    at = teach(press(press(run(page), "preset-inverted"), "add-example"))
    save_targets(offered, repository)
    (repository / "mine.png").write_bytes(picture.getvalue())
    (code,) = at.code
    exec(compile(code.value, "program", "exec"), {})
    expected = figures(latest(at).report)
    assert numbers_in(capsys.readouterr().out) == pytest.approx(expected, abs=0.006, nan_ok=True)


def test_the_code_is_that_of_the_result_whatever_is_chosen_later(page):
    assert not page.code
    at = teach(add(page, BOOT))
    (before,) = [code.value for code in at.code]
    at.session_state["variant_ids"], at.session_state["fit"] = [SIBLING], "squash"
    at = choose(at, SHIRT)
    assert [code.value for code in at.code] == [before]
    at.session_state["controls_hidden"] = True  # as by a teacher's link
    assert not run(at).code


# ---- stopping ----


@contextmanager
def held_up(monkeypatch) -> Iterator[None]:
    """All turns are taken, so that a fine-tuning waits."""
    queue = FairQueue(1)
    monkeypatch.setattr(teaching, "get_long_queue", lambda: queue)
    with queue.turn():
        yield


def test_a_stopped_fine_tuning_leaves_nothing(page, monkeypatch):
    at = add(page, BOOT)
    works: list[BackgroundWork] = []
    real = teaching.BackgroundWork

    def begin(work):
        works.append(real(work))
        return works[-1]

    monkeypatch.setattr(teaching, "BackgroundWork", begin)
    monkeypatch.setattr(teaching_panel.teaching, "watch", _begin_alone)
    with held_up(monkeypatch):
        at = teach(at)  # the page is left while it waits, as by pressing something
        assert len(works) == 1 and "teach-job" in keys(at)
        at = press(at, "preset-ones")  # something else: the same fine-tuning goes on
        assert len(works) == 1 and at.session_state["teaching"].work is works[0]
        monkeypatch.setattr("abn.ui.runtime.jobs.DOUBLE_CLICK", 0)
        at = press(at, "teach-job")
        assert at.session_state["teaching"] is None and not at.session_state["own_variants"]
        with pytest.raises(Exception, match="stopped"):
            works[0].result()
    assert not at.error and "teach-job" in keys(at)


def _begin_alone(plan):
    """In place of `watch`: begin, and leave the page as Streamlit does when something is pressed."""
    from streamlit.runtime.scriptrunner_utils.exceptions import StopException

    from abn.ui.state import state

    if state.teaching is None:
        state.teaching = teaching._begin(plan)
    raise StopException
    yield


def test_what_is_still_running_when_its_session_ends_ends_too():
    def wait(reporter) -> None:
        while not reporter.left.wait(0.01):
            pass
        reporter.check()

    work = BackgroundWork(wait)
    reporter = work._reporter
    del work
    assert reporter.done.wait(20)


def test_long_work_lets_others_compute_between_its_parts():
    queue, order = FairQueue(1), []
    turn = queue.turn()

    def others() -> None:
        with queue.turn():
            order.append("page")

    import threading

    with turn:
        turn.pass_on()  # nobody waits
        waiting = threading.Thread(target=others)
        waiting.start()
        while not queue.waiting:
            pass
        turn.pass_on()
        order.append("work")
    waiting.join(20)
    assert order == ["page", "work"] and queue.running == 0


def test_the_settings_are_those_of_the_library():
    assert list(words.LEARNS_LABELS) == list(library_settings.LEARNS)
    assert turns.get_long_queue().count >= 1
