"""Faults while the app runs: each is one sentence for who meets it, and neighbors go on."""

import errno
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import tiny
import torch
from streamlit.testing.v1 import AppTest

from abn import files
from abn.__main__ import REFUSED, main
from abn.batch import output, workers
from abn.engine.loading import load_runner
from abn.engine.onnx_runner import OnnxRunner
from abn.engine.torch_runner import TorchRunner
from abn.errors import VariantError
from abn.explanations import explainer
from abn.explanations.explainer import explain
from abn.images import avif, color, cut_short, file_kinds, jpeg_2000, rare_formats
from abn.network import backbone, tracing
from abn.network.architectures import registry
from abn.network.model import AttentionBranchNetwork
from abn.study import runs
from abn.teaching.live_class import as_json, codes, redis_store, room
from abn.teaching.live_class import store as room_store
from abn.training import devices, loop
from abn.training.map_teaching import examples
from abn.training.sources import class_folders
from abn.training.supervised import options
from abn.ui import words
from abn.ui.camera import words as camera_words
from abn.ui.controls import words as controls_words
from abn.ui.layout import escape_markdown
from abn.ui.own import session_variants as own_session
from abn.ui.runtime.turns import get_queue
from abn.variants import checkpoint, own, store, weight_files
from abn.variants.store import list_variants

ROOT = Path(__file__).parents[1]
ROOMS = ("Inside", "Ablation", "Intervene", "Teach_the_map", "Measure")
PAGES = ("app.py", *(f"pages/{room}.py" for room in ROOMS))
ALONE = ("pages/Study.py", "pages/For_teachers.py", "pages/Bring_your_own.py")  # they run no variant
FIRST_FAST = [PAGES[0], *(pytest.param(page, marks=pytest.mark.slow) for page in PAGES[1:])]


def count_predictions(at: AppTest) -> int:
    """How many variants the page shows predictions of."""
    return sum('class="abn-prediction"' in html.value for html in at.html)


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ("app.py", RuntimeError("a kernel failed")),
        pytest.param("app.py", MemoryError(), marks=pytest.mark.slow),
        *(pytest.param(page, RuntimeError("a kernel failed"), marks=pytest.mark.slow) for page in PAGES[1:]),
    ],
)
def test_a_network_that_fails_in_one_session_is_a_sentence_there_and_nothing_elsewhere(
    ready, monkeypatch, page, fault, caplog
):
    at, free = ready.run(), get_queue().free

    def fail(*_, **__):
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(OnnxRunner, "extract", fail)
        at.session_state["fit"] = "pad"
        at = at.switch_page(page).run()
        assert not at.exception and [error.value for error in at.error] == [escape_markdown(words.FAILED)]
        assert "computing failed" in caplog.text and get_queue().free == free
    other = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not other.exception and not other.error and count_predictions(other) == 3
    at = at.run()  # and the first session, once it tries again
    assert not at.exception and not at.error


# ---- a variant of one's own ----


def brought(at: AppTest, built: AttentionBranchNetwork, folder: Path) -> AppTest:
    """The page after a network was brought as a file."""
    data = tiny.variant(folder, "mine", built).weights.read_bytes()
    at = at.switch_page("pages/Bring_your_own.py").run()
    return at.file_uploader(key="own_files").set_value([("mine.safetensors", data, "")]).run()


@pytest.mark.parametrize("head", ["perception_branch", "attention_branch.class_head"])
def test_a_network_of_ones_own_whose_answers_are_no_numbers_is_refused(ready, tmp_path, head):
    built = tiny.network()
    with torch.no_grad():
        for values in built.get_submodule(head).parameters():
            values.fill_(3e38)
    at = brought(ready.run(), built, tmp_path)
    assert not at.exception and [error.value for error in at.error] == [
        f"{escape_markdown('mine.safetensors')}: {escape_markdown(own.NOT_FINITE)}"
    ]
    assert not own_session.list_cards()


def test_a_picture_on_which_a_network_gives_no_number_is_a_sentence_that_names_it(monkeypatch):
    built = tiny.network()
    variant = replace(
        list_variants()[0], input=registry.input_spec("cifar-resnet20"), classes=[f"class {i}" for i in range(10)]
    )
    monkeypatch.setattr(built.perception_branch, "forward", lambda g: torch.full((1, 10), torch.nan))
    with pytest.raises(VariantError) as error:
        explain(tiny.picture(), [variant], load=lambda _: TorchRunner(built))
    assert str(error.value) == explainer.NOT_FINITE.format(title=variant.title)


@pytest.mark.parametrize("page", FIRST_FAST)
def test_a_variant_of_ones_own_that_raises_is_a_sentence_there_while_another_session_goes_on(
    ready, monkeypatch, tmp_path, page
):
    monkeypatch.setattr(own_session, "run_network", lambda network, card: TorchRunner(network))
    at = brought(ready.run(), tiny.network(), tmp_path)
    next(button for button in at.button if (button.key or "").startswith("add-")).click().run()
    ((name, entry),) = at.session_state["own_variants"].items()

    def fail(*_):
        raise RuntimeError("a kernel failed")

    entry.network.extractor.register_forward_pre_hook(fail)
    free, other = get_queue().free, AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.switch_page(page)
    at.session_state["variant_ids"], at.session_state["fit"] = [name], "pad"
    other.session_state["fit"] = "pad"
    at, other = at.run(), other.run()
    assert not at.exception and [error.value for error in at.error] == [escape_markdown(words.FAILED)]
    assert not other.exception and not other.error and count_predictions(other) == 3
    assert get_queue().free == free
    at.session_state["variant_ids"] = [list_variants()[0].id]  # and the first session, without it
    at = at.run()
    assert not at.exception and not at.error


# ---- checkpoints ----


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder with the four variants of the first family, in the place of `checkpoints`."""
    for variant in list_variants()[:4]:
        for path in (variant.weights, variant.weights.with_suffix(".json")):
            shutil.copy(path, tmp_path / path.name)
    monkeypatch.setattr(store, "CHECKPOINTS", tmp_path)
    return tmp_path


def _alter(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-5] + bytes([data[-5] ^ 1]) + data[-4:])


def _other_hash(path: Path) -> None:
    card = path.with_suffix(".json")
    card.write_text(re.sub(r'"sha256": "\w+"', f'"sha256": "{"0" * 64}"', card.read_text(encoding="utf-8")))


def _drop_card(path: Path) -> None:
    path.write_bytes(safetensors.torch.save(safetensors.torch.load(path.read_bytes())))
    path.with_suffix(".json").unlink()


BROKEN = {  # what happened to the weights and their card → the sentence
    "weights missing": (Path.unlink, store.NO_WEIGHTS),
    "weights cut": (lambda path: path.write_bytes(path.read_bytes()[:1000]), store.OTHER_WEIGHTS),
    "weights altered": (_alter, store.OTHER_WEIGHTS),
    "weights emptied": (lambda path: path.write_bytes(b""), store.OTHER_WEIGHTS),
    "hash of others": (_other_hash, store.OTHER_WEIGHTS),
    "card missing": (_drop_card, store.NO_CARD),
    "card unreadable": (lambda path: path.with_suffix(".json").write_text("{half"), store.UNREADABLE_CARD),
}


def _break(fault: str) -> str:
    """Break the first variant; returns the sentence as a page shows it."""
    spoil, sentence = BROKEN[fault]
    name = list_variants()[0].id
    spoil(list_variants()[0].weights)
    return escape_markdown(sentence.format(variant=name, card=f"{name}.json"))


@pytest.mark.parametrize("fault", BROKEN)
def test_each_way_a_checkpoint_can_break_is_one_sentence(folder, fault):
    name = list_variants()[0].id
    sentence = _break(fault)
    for load in (store.load_variant, load_runner):
        with pytest.raises(VariantError) as error:
            load(store.find_variant(name))
        assert escape_markdown(str(error.value)) == sentence
    assert {escape_markdown(problem) for problem in store.find_problems().values()} <= {sentence}


@pytest.mark.parametrize("fault", ["weights altered", "card missing"])
def test_a_broken_checkpoint_is_one_sentence_and_the_others_run(ready, folder, fault):
    sentence = _break(fault)
    at = ready.run()
    assert not at.exception and not at.error and [warning.value for warning in at.warning] == [sentence]
    assert count_predictions(at) == 2


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["weights altered", "card missing"])
def test_a_broken_checkpoint_is_that_sentence_on_each_page_that_runs_it(ready, folder, fault):
    sentence = _break(fault)
    at = ready.run()
    for page in [*PAGES, "pages/Learn.py", *ALONE]:
        at = at.switch_page(page).run()
        results = {warning.value for warning in at.warning}
        assert not at.exception and not at.error, page
        assert results == {sentence} or (page in ALONE and not results), page
    at = at.switch_page("pages/Exercises.py").run()
    assert not at.exception


def test_weights_swapped_while_the_server_runs_are_never_taken_for_those_of_their_card(folder):
    first, second = list_variants(folder)[:2]
    shutil.copy(second.weights, first.weights)
    for load in (store.load_variant, load_runner):
        with pytest.raises(VariantError, match=re.escape(store.OTHER_WEIGHTS.format(variant=first.id))):
            load(first)
        assert load(second) is not None


@pytest.mark.parametrize("content", ["cut", pytest.param("another", marks=pytest.mark.slow)])
def test_what_happens_to_weights_after_they_were_loaded_changes_nothing(ready, folder, content):
    at = ready.run()
    before = [html.value for html in at.html if 'class="abn-prediction"' in html.value]
    file = list_variants()[0].weights
    file.write_bytes(file.read_bytes()[:1000] if content == "cut" else b"another file")
    at.session_state["fit"] = "squash"
    assert not at.run().exception and not at.error
    at.session_state["fit"] = "crop"
    assert [html.value for html in at.run().html if 'class="abn-prediction"' in html.value] == before


def test_a_full_disk_is_one_sentence_and_nothing_half_written_is_left(tmp_path, monkeypatch, capsys):
    real = Path.open

    def full(self, mode="r", *given, **options):
        if "w" in mode and self.is_relative_to(tmp_path):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, mode, *given, **options)

    monkeypatch.setattr(Path, "open", full)
    photo = ROOT / "abn/samples/bison.jpg"
    assert main(["explain", str(photo), "--variant", list_variants()[0].id, "--out", str(tmp_path / "maps")]) == 1
    expected = files.UNWRITABLE.format(place=tmp_path / "maps", why="No space left on device")
    assert capsys.readouterr().err.splitlines()[-1] == expected
    assert not list((tmp_path / "maps").glob("*"))


def test_a_reload_in_the_middle_of_a_run_begins_anew_and_gives_the_turn_back(ready, monkeypatch):
    """The run that was left ends where it next tells something; its turn is free, and the next page is whole."""
    import streamlit

    free, real = get_queue().free, OnnxRunner.classify

    def left(self, *given, **options):
        streamlit.stop()  # what Streamlit raises in a script whose page has gone

    with monkeypatch.context() as patch:
        patch.setattr(OnnxRunner, "classify", left)
        at = ready.run()
        assert not at.exception and count_predictions(at) == 0
    assert get_queue().free == free and OnnxRunner.classify is real
    at = at.run()
    assert not at.exception and count_predictions(at) == 3


# ---- the table ----


def test_the_table_of_faults_says_what_the_code_says():
    names, full = {"variant": "NAME", "card": "NAME.json"}, {"why": "No space left on device"}
    results = {
        *(s.format(**names) for s in (store.NO_WEIGHTS, store.OTHER_WEIGHTS, store.NO_CARD)),
        store.UNREADABLE_CARD.format(**names),
        store.OTHERS_CARD.format(card="NAME.json", variant="OTHER"),
        color.UNUSABLE,
        rare_formats.DARK.format(count=4096, bits=12),
        rare_formats.DARK_COLORS.format(count=4096, bits=12),
        file_kinds.NOT_READ.format(kind="a JPEG XL image"),
        file_kinds.NO_HEIF,
        avif.RARE,
        jpeg_2000.COSTLY,
        jpeg_2000.LARGE.format(width="WIDTH", height="HEIGHT"),
        cut_short.NO_END,
        cut_short.ROWS_MISSING.format(share="SHARE"),
        output.IN_USE.format(path="FILE"),
        runs.IN_USE.format(name="NAME"),
        words.FAILED,
        *(s.format(name="NAME") for s in (checkpoint.EMPTY, checkpoint.LFS_POINTER, checkpoint.WEB_PAGE)),
        *(s.format(name="NAME") for s in (weight_files.CODE, weight_files.UNREADABLE, weight_files.NO_WEIGHTS)),
        backbone.ONE_OUTPUT,
        backbone.NOT_RGB,
        backbone.NO_EFFECT.format(name="NAME", alternatives=tracing.ALTERNATIVES),
        checkpoint.ONE_CLASS,
        options.TABLE.format(name="NAME"),
        options.SQUARE.format(size="224x160"),
        class_folders.TWO_CLASSES.format(count="COUNT", copy="FILE", original="OTHER"),
        devices.MISSING.format(name="CUDA"),
        devices.SEVERAL,
        class_folders.ALIKE.format(names="'cat' and 'cat\\u200b'"),
        class_folders.TWICE.format(names="dev and val"),
        class_folders.PARTS_OR_CLASSES.format(folders="FOLDERS", classes="CLASSES"),
        own.NOT_FINITE,
        explainer.NOT_FINITE.format(title="NAME"),
        controls_words.LOST,
        words.QUEUE_ONE,
        files.UNWRITABLE.format(place="FOLDER", **full),
        files.NO_MORE.format(place="FILE", **full),
        REFUSED.format(place="", **full),
        loop.DAMAGED.format(name="NAME.pt"),
        *(s.format(name="NAME") for s in (examples.TWO_MAPS, examples.ZEROS, examples.NOT_FINITE)),
        examples.OUT_OF_RANGE.format(name="NAME", low=-1, high=255),
        examples.NOTHING_EDITED,
        "Stopped.",
        *(sentence for name, sentence in camera_words.CAMERA.items() if name != "intro"),
        workers.KILLED,
        workers.GIVEN_UP,
        room_store.NO_ROOM.format(code="CODE"),
        codes.TOO_OFTEN,
        redis_store.AWAY,
        redis_store.NO_PACKAGE,
        as_json.UNREADABLE,
        room.TOO_LATE,
    }
    text = (ROOT / "docs/faults.md").read_text(encoding="utf-8")
    assert set(re.findall("“(.+?)”", text)) == results
