"""A disk that is full, or a file of it: each writer says one sentence, leaves what was there, and goes on later.

The system itself refuses, by the limit on the size of files, as a full disk does: in the middle of a file.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from authors_files import save, seeded
from class_folders import ROOT, squares, train
from PIL import Image

from abn import files
from abn.__main__ import REFUSED, main
from abn.errors import ABNError
from abn.images import samples
from abn.study import measure_cost, report, runs
from abn.study.experiments import Place
from abn.teaching.exercises import question_material
from abn.training import loop
from abn.training.distillation import shipped_scenes
from abn.variants import store
from abn.variants.history import MapHistory, load_history
from abn.variants.history import write_history as write_life
from abn.variants.store import list_variants

resource = pytest.importorskip("resource")

FULL = "File too large"  # what this system says in the place of "No space left on device"
BISON = str(ROOT / "abn/samples/bison.jpg")


@contextmanager
def full_disk(room: int = 1) -> Iterator[None]:
    """Meanwhile no file can grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def sentence(place: object) -> str:
    return files.UNWRITABLE.format(place=place, why=FULL)


# ---- a file ----


@pytest.mark.parametrize("room", [0, 7])
def test_what_was_there_stays_when_the_disk_is_full(tmp_path, room):
    path = tmp_path / "deep/a.txt"
    files.write_file(path, "what was there")
    with full_disk(room), pytest.raises(ABNError) as error:
        files.write_file(path, "what comes in its place")
    assert str(error.value) == sentence(path.parent)
    assert path.read_text() == "what was there" and list(path.parent.iterdir()) == [path]
    files.write_file(path, "±".encode())
    assert path.read_text(encoding="utf-8") == "±"


def test_whatever_is_raised_leaves_the_file(tmp_path):
    path = tmp_path / "a.bin"
    with pytest.raises(KeyboardInterrupt), files.atomic_file(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_a_folder_that_can_not_be_made_is_the_same_sentence(tmp_path):
    (tmp_path / "a").write_text("no folder")
    with pytest.raises(ABNError, match=r"Nothing can be written into .*a \((Not a directory|File exists)\):"):
        files.write_file(tmp_path / "a/b.txt", "x")


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("zebra", "zebra"),
        ("../../etc/passwd", "etc-passwd"),
        ("..", "image"),
        ("", "image"),
        ("a b\n<c>&\x00", "a-b-c"),
        ("-rf", "rf"),
        ("CON: x?", "CON-x"),
        ("写真 1", "写真-1"),
        ("x" * 500, "x" * 60),
    ],
)
def test_a_stem_is_harmless(name, stem):
    assert files.safe_stems([name]) == [stem]


def test_stems_are_kept_apart():
    assert files.safe_stems(["a", "b", "A", "a", "a-2"]) == ["a", "b", "A-2", "a-3", "a-2-2"]
    long = files.safe_stems(["x" * 70] * 2 + ["y" * 59 + "-y"])
    assert long == ["x" * 60, "x" * 58 + "-2", "y" * 59]
    assert [files.safe_stems([stem])[0] for stem in long] == long  # a stem is its own stem


ELSEWHERE = {  # what writes by itself, and how it keeps the promise
    "files.py",
    "batch/output.py",  # --to: a line that is cut is cut off by --resume
    "study/runs.py",  # an empty file that is locked
    "training/sources/packages.py",  # a folder that is renamed once all is in it
    "training/supervised/command.py",  # an empty file that is locked
}


def test_nothing_else_writes_files():
    wrote = re.compile(r"""\.write_(bytes|text)\(|open\(.*["'][wxa]b?\+?["']|os\.replace\(|np\.savez?\w*\(path""")
    results = {
        str(path.relative_to(ROOT / "abn"))
        for path in (ROOT / "abn").rglob("*.py")
        if wrote.search(path.read_text(encoding="utf-8"))
    }
    assert results == ELSEWHERE


# ---- all that writes ----


def _life(folder: Path) -> None:
    maps = np.full((1, 1, 2, 2), 0.5, np.float32)
    write_life(MapHistory(maps=maps, steps=np.array([0]), total=1, ids=("a",)), folder / "a.life.npz")


class _Done:
    """A run of the study that is over at once."""

    name, dataset = "cifar100-none-1", "cifar100"

    def perform(self, *_) -> dict:
        return {"seconds": 1.0}


WRITERS: dict[str, Callable[[Path], object]] = {
    "a variant": lambda folder: tiny.variant(folder, "tiny", tiny.network()),
    "its card": lambda folder: store.write_card(store.replace(list_variants()[0], folder=folder)),
    "the life of a map": _life,
    "a training's state": lambda folder: loop.write_state(folder / "a.pt", {"learned": torch.zeros(9)}),
    "the exercises": lambda folder: question_material.build(list_variants()[:1], folder / "bank.npz"),
    "a run of the study": lambda folder: runs.perform(
        [_Done()], Place(folder, folder / "work"), again=True, results=folder
    ),
    "the study's summary": report.write,
    "the study's cost": measure_cost.run_cost,
    "a scene": lambda folder: shipped_scenes.write_scenes(
        folder, packages=folder, records=shipped_scenes.listed_scenes()[:1]
    ),
}


@pytest.mark.parametrize("room", [1, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("writer", WRITERS)
def test_every_writer_says_one_sentence_and_leaves_nothing_half(writer, room, tmp_path, monkeypatch):
    folder = tmp_path / "here"
    (folder / "runs").mkdir(parents=True)
    monkeypatch.setattr(runs, "EXPERIMENTS", {"cifar100": lambda *_: None})
    monkeypatch.setattr(report, "summarize", lambda _: {"runs": list(range(100))})
    monkeypatch.setattr(measure_cost, "measure_all", lambda _: {"families": list(range(100))})
    gray = Image.effect_noise((64, 64), 50)
    monkeypatch.setattr(shipped_scenes, "compose", lambda *_, **__: (gray, np.asarray(gray)))
    photos, sources = dict(list(samples.gallery().items())[:1]), [next(question_material.sources())]
    monkeypatch.setattr(samples, "gallery", lambda: photos)
    monkeypatch.setattr(question_material, "sources", lambda: sources)
    room = 1 if writer == "a run of the study" else room  # it is small
    with full_disk(room), pytest.raises(ABNError) as error:
        WRITERS[writer](folder)
    assert str(error.value) in (sentence(folder), sentence(folder / "runs"))
    assert [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"] == []
    WRITERS[writer](folder)
    assert [path for path in folder.rglob("*") if path.is_file()]
    assert not list(folder.rglob("*.part"))


# ---- the command line ----


def one_sentence(capsys) -> str:
    output = capsys.readouterr().err.strip().splitlines()
    assert "Traceback" not in "".join(output)
    return output[-1]


@pytest.mark.parametrize("room", [1, 300])
def test_explain_into_a_folder(tmp_path, capsys, room):
    command = ["explain", BISON, "--variant", list_variants()[0].id, "--out", str(tmp_path / "maps")]
    with full_disk(room):
        assert main(command) == 1
    assert one_sentence(capsys) == sentence(tmp_path / "maps") and not list((tmp_path / "maps").iterdir())
    assert main(command) == 0 and len(list((tmp_path / "maps").iterdir())) == 2


@pytest.mark.slow
def test_explain_into_a_file_goes_on_where_there_was_room(tmp_path, capsys):
    photos = [BISON, str(ROOT / "abn/samples/toucan.jpg")]
    to = tmp_path / "found.jsonl"
    command = ["explain", *photos, "--variant", list_variants()[0].id, "--batch", "1", "--workers", "0"]
    command += ["--to", str(to), "--top", "1"]
    assert main([*command[:-4], "--to", str(tmp_path / "whole.jsonl"), "--top", "1"]) == 0
    whole = (tmp_path / "whole.jsonl").read_text()
    with full_disk(len(whole) - 50):
        assert main(command) == 1
    assert one_sentence(capsys) == files.NO_MORE.format(place=to, why=FULL)
    assert whole.startswith(re.sub(r'"seconds.*', "", to.read_text())[:100])
    assert main([*command, "--resume"]) == 0
    assert [line[:100] for line in to.read_text().splitlines()] == [line[:100] for line in whole.splitlines()]


@pytest.mark.slow
def test_convert(tmp_path, capsys):
    theirs = save(tmp_path / "theirs.pth.tar", seeded(20, 10))
    command = ["convert", str(theirs), "--arch", "resnet20", "--num-classes", "10", "--out", str(tmp_path / "out/mine")]
    for room in (1, 100_000):
        with full_disk(room):
            assert main(command) == 1
        assert one_sentence(capsys) == sentence(tmp_path / "out") and not list((tmp_path / "out").iterdir())
    assert main(command) == 0  # nothing stands in its way


RUN = "colors-cifar-resnet20-additive-1"
WRITTEN = ["metrics.jsonl", "epoch-000.png", "best.safetensors", f"{RUN}.life.npz", f"{RUN}.pt"]
WRITTEN += ["mine.safetensors", "mine.json", "mine.life.npz"]


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> Path:
    return squares(tmp_path_factory.mktemp("few") / "colors", 8)


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITTEN)
def test_train_goes_on_once_there_is_room(few, tmp_path, capsys, monkeypatch, name):
    """The disk is full at one file, whichever it is."""
    real, met = files.atomic_file, []

    @contextmanager
    def full(path: Path):
        with real(path) as file:
            if path.name == name:
                met.append(path)
                file.write(b"half")
                file.flush()
                with full_disk(4):
                    file.write(b"more")
                    file.flush()
            yield file

    command = train(few, tmp_path, "--epochs", "1", "--out", "mine", "--workers", "0")
    with monkeypatch.context() as patch:
        patch.setattr(files, "atomic_file", full)
        assert main(command) == 1
    assert one_sentence(capsys) == sentence(met[0].parent) and not list(tmp_path.rglob("*.part"))
    assert not met[0].exists()
    assert not store.find_problems(tmp_path / "variants")
    assert main(command) == 0
    card = store.find_variant("mine", tmp_path / "variants")
    assert store.load_variant(card) and card.measured["validation"]


class Killed(BaseException):
    """The process is no more: nothing tidies up."""


@pytest.mark.slow
def test_a_training_killed_again_and_again_while_it_writes_reads_no_half_file(few, tmp_path, monkeypatch):
    """The first run at its first file, the next one at its second …; half a file is left, or a whole one."""
    more = ["--epochs", "2", "--out", "mine", "--workers", "0", "--save-each", "1", "--precision", "float32"]
    assert main(train(few, tmp_path / "whole", *more)) == 0
    replace, killed_at = os.replace, []

    def run(number: int) -> int:
        left = number

        def die(half: Path, path: Path) -> None:
            nonlocal left
            left -= 1
            if left or not number % 2:
                replace(half, path)
            if not left:
                killed_at.append(path.name)
                if number % 2:
                    os.truncate(half, half.stat().st_size // 2)
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(files.os, "replace", die)
            patch.setattr(Path, "unlink", lambda *_, **__: None)
            return main(train(few, tmp_path / "cut", *more))

    for number in range(1, 40):
        try:
            assert run(number) == 0
            break
        except Killed:
            for card in list_variants(tmp_path / "cut/variants"):
                assert card.id in store.find_problems(tmp_path / "cut/variants") or store.load_variant(card)
    assert len(set(killed_at)) >= 5, killed_at
    first, second = (store.find_variant("mine", tmp_path / which / "variants") for which in ("whole", "cut"))
    assert first.sha256 == second.sha256 and first.measured == second.measured
    assert np.array_equal(load_history(first).maps, load_history(second).maps)


@pytest.mark.parametrize("command", [["variants", "--json"], ["study", "--json"]])
def test_output_that_goes_into_a_full_file(tmp_path, capsys, monkeypatch, command):
    with (tmp_path / "out.json").open("w") as out, monkeypatch.context() as patch:
        patch.setattr("sys.stdout", out)
        with full_disk(10):
            assert main(command) == 1
            assert one_sentence(capsys) == REFUSED.format(place="", why=FULL)
        out.flush()
