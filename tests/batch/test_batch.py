"""Folders of any size: their order, their names, batches that change nothing, shards that merge, runs that go on."""

import json
import os
import subprocess
import sys
import time
import weakref
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from torch.distributed import HashStore

from abn.__main__ import main
from abn.batch import pipeline, shards
from abn.batch.command import as_line
from abn.batch.image_stream import Item, Stream, blocks
from abn.batch.pipeline import Result, results
from abn.batch.shards import Merge, Part, Shard, meeting, this_shard
from abn.errors import ABNError
from abn.explanations.explainer import explain
from abn.images.decode import open_picture
from abn.variants.store import load_variant

ROOT = Path(__file__).parents[2]
VARIANT = "fashion-resnet20-additive"  # the quickest of those that are shipped
CLOSE = 1e-5  # probabilities and maps of a batch against those of one picture alone


def write(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tiny.picture(40, 36, seed).image.save(path)
    return path


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def images(stream: Stream, folder: Path) -> list[str]:
    return [os.path.relpath(item.image, folder) for item in stream]


# ---- the stream ----


def test_a_folder_is_walked_in_the_order_of_names(tmp_path):
    names = "b.png a/z.JPG a/é.webp a/b/c.tiff a.jpeg a-1.gif Z.bmp".split()
    for name in names + ".hidden.png .git/x.png notes.txt a/no-ending maps/drawn.png".split():
        touch(tmp_path / name)
    stream = Stream([str(tmp_path)], out=tmp_path / "maps")
    assert images(stream, tmp_path) == sorted(names, key=lambda name: Path(name).parts)
    assert stream.left_out == 2  # notes.txt and no-ending
    again = Stream([str(tmp_path)], out=tmp_path / "maps")
    assert list(again) and again.digest == stream.digest
    touch(tmp_path / "a" / "new.png")
    assert list(other := Stream([str(tmp_path)], out=tmp_path / "maps")) and other.digest != stream.digest


def test_odd_things_in_a_folder_never_stop_it(tmp_path):
    touch(tmp_path / "in" / "a.png")
    for name, target in (("loop", ".."), ("self.png", "self.png"), ("gone.png", "nowhere"), ("there", "../away")):
        (tmp_path / "in" / name).symlink_to(target)
    touch(tmp_path / "away" / "b.png")
    os.mkfifo(tmp_path / "in" / "pipe.png")
    found = images(Stream([str(tmp_path / "in")]), tmp_path / "in")
    assert found == ["a.png", "gone.png", "loop/away/b.png", "self.png", "there/b.png"]


def test_a_folder_without_pictures_is_told(tmp_path):
    touch(tmp_path / "notes.txt")
    (item,) = Stream([str(tmp_path)])
    assert item.image == str(tmp_path) and item.error.startswith("There are no pictures in this folder")


def test_a_list_gives_its_lines(tmp_path, monkeypatch):
    touch(tmp_path / "folder" / "a.png")
    listed = tmp_path / "list.txt"
    listed.write_bytes(f"one.png\r\n\n{tmp_path}/folder\n two.any \n\xff.png".encode("latin-1"))
    found = [item.image for item in Stream(["first"], listed=str(listed))]
    assert found == ["first", "one.png", f"{tmp_path}/folder/a.png", " two.any ", "\udcff.png"]
    with pytest.raises(ABNError, match="can't be read"):
        list(Stream([], listed=str(tmp_path / "missing")))
    monkeypatch.setattr(sys, "stdin", ["x.png\n", "y.png\n"])
    assert [item.image for item in Stream([], listed="-")] == ["x.png", "y.png"]


def test_names_for_files_are_apart_and_below_their_folders(tmp_path):
    for name in "a/x.png a/x.jpg a/X.gif a/x-2.bmp a/b&c/x.png a/b-c/x.png d/x.png d/b-c/x.png".split():
        touch(tmp_path / name)
    arguments = [str(tmp_path / "a"), str(tmp_path / "d"), "x.png"]
    found = {item.image.removeprefix(f"{tmp_path}/"): item.stem for item in Stream(arguments, out=tmp_path / "out")}
    assert found == {
        "a/X.gif": "X",
        "a/b&c/x.png": "b-c/x",
        "a/b-c/x.png": "b-c-2/x",
        "a/x-2.bmp": "x-2",
        "a/x.jpg": "x-3",
        "a/x.png": "x-4",
        "d/b-c/x.png": "b-c-3/x",
        "d/x.png": "x-5",
        "x.png": "x-6",
    }
    with pytest.raises(ABNError, match="can't go into"):
        list(Stream(arguments, out=tmp_path / "a"))


def test_no_names_are_remembered_where_nothing_is_written():
    assert [item.stem for item in Stream(["a.png", "b/a.png"])] == ["", ""]


def test_a_million_paths_are_read_no_further_than_they_are_used():
    drawn = []
    stream = blocks((drawn.append(i) or Item(str(i)) for i in count()), 8)
    assert [item.image for item in next(stream)] == [str(i) for i in range(8)] and len(drawn) == 8


# ---- the engine ----


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    """Three variants: the first two share their extractor, and the last one takes another input."""
    folder = tmp_path_factory.mktemp("variants")
    first, second = tiny.network("additive", seed=1), tiny.network("multiplicative", seed=2)
    second.extractor.load_state_dict(first.extractor.state_dict())
    built = {"first": first, "second": second, "larger": tiny.network("none", seed=3)}
    found = [tiny.variant(folder, name, network) for name, network in built.items()]
    larger = replace(found[2].input, size=48, crop_pct=0.875, mean=(0.5, 0.5, 0.5))
    return [*found[:2], replace(found[2], input=larger)]


@pytest.fixture(scope="module")
def load(cards):
    networks = {card.id: load_variant(card) for card in cards}
    return lambda card: networks[card.id]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Ten files, of which the third, the seventh and the eighth are none of ours."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(10):
        write(folder / f"{number}.png", number)
    (folder / "2.png").write_bytes(b"no picture")
    (folder / "6.png").unlink()
    (folder / "6.png").symlink_to("nowhere")
    (folder / "7.png").write_bytes((folder / "1.png").read_bytes()[:200])
    return folder


@pytest.mark.parametrize(("workers", "size"), [(0, 4), (2, 4), (0, 1), (1, 99)])
def test_batches_change_nothing_and_keep_the_order(cards, load, mixed, workers, size):
    found = results(blocks(Stream([str(mixed)]), size), cards, fit="pad", load=load, workers=workers)
    flat = [result for block in found for result in block]
    assert [Path(result.item.image).name for result in flat] == [f"{i}.png" for i in range(10)]
    assert [i for i, result in enumerate(flat) if result.error] == [2, 6, 7]
    assert flat[6].error == "There is no such file." and "can't be read" not in flat[2].error
    for result in flat:
        if result.error:
            assert result.sha256 == "" and not result.explanations and "Traceback" not in result.error
            continue
        picture = open_picture(Path(result.item.image).read_bytes())
        assert result.sha256 == picture.sha256 and result.picture is None
        for ours, alone in zip(result.explanations, explain(picture, cards, fit="pad", load=load), strict=True):
            assert (ours.variant, ours.applied, ours.shared_extractor) == (
                alone.variant,
                alone.applied,
                alone.shared_extractor,
            )
            for name in ("auxiliary", "perception", "attention"):
                assert getattr(ours, name) == pytest.approx(getattr(alone, name), abs=CLOSE)
            assert np.array_equal(np.asarray(ours.fitted.image), np.asarray(alone.fitted.image))


def test_a_block_of_bad_pictures_alone(cards, load):
    (block,) = results([[Item("missing.png"), Item("x", error="Because.")]], cards, load=load)
    assert [result.error for result in block] == ["There is no such file.", "Because."]


def test_the_extractor_runs_once_a_block_where_it_is_shared(cards, mixed):
    networks, runs = {card.id: load_variant(card) for card in cards[:2]}, []
    for network in networks.values():
        network.extractor.register_forward_hook(lambda _, given, out: runs.append(len(given[0])))
    list(results(blocks(Stream([str(mixed)]), 5), cards[:2], load=lambda card: networks[card.id]))
    assert runs == [4, 3]


def test_seconds_are_a_share_of_the_batch(cards, mixed):
    network = load_variant(cards[0])
    network.extractor.register_forward_hook(lambda *_: time.sleep(0.4))
    (block,) = results([[Item(str(mixed / f"{i}.png")) for i in (0, 1, 3, 4)]], cards[:1], load=lambda _: network)
    seconds = [result.explanations[0].seconds for result in block]
    assert len(set(seconds)) == 1 and 0.1 <= seconds[0] < 0.4


def test_pictures_for_drawing_are_no_larger_than_a_drawing(cards, load, tmp_path):
    tiny.picture(1800, 900).image.save(tmp_path / "large.png")
    ((result,),) = results([[Item(str(tmp_path / "large.png"))]], cards[:1], load=load, draws=True)
    assert result.picture.image.size == (896, 448) and result.explanations[0].fitted.original_size == (1800, 900)


@pytest.mark.parametrize(("workers", "most"), [(0, 8), (1, 8 * (1 + pipeline.AHEAD))])
def test_no_more_than_a_few_blocks_are_looked_ahead(cards, load, mixed, workers, most):
    taken = []
    items = (taken.append(i) or Item(str(mixed / "0.png")) for i in count())  # without end
    found = results(blocks(items, 8), cards[:1], load=load, workers=workers)
    for number in range(1, 5):
        assert len(next(found)) == 8
        assert len(taken) <= 8 * number + most
    found.close()


def test_memory_does_not_grow_with_the_stream(monkeypatch, cards):
    """100,000 pictures, all but the network's arithmetic real: no more than two blocks of results live at any time."""
    picture = tiny.picture(32, 32)
    fitted = pipeline.fit_picture(picture, cards[0].input)
    fed = pipeline.feed([fitted] * 100, cards[0].input)
    monkeypatch.setattr(pipeline, "read", lambda path: picture)
    monkeypatch.setattr(pipeline, "fit_picture", lambda *_: fitted)
    monkeypatch.setattr(pipeline, "feed", lambda *_: fed)
    values = np.zeros(10, np.float32)
    explanation = explain(picture, cards[:1])[0]

    def stub(fed, cards, **_):
        return [[replace(explanation, perception=values)] for _ in range(100)]

    monkeypatch.setattr(pipeline, "explain_fed", stub)
    alive, most, seen = weakref.WeakSet(), 0, 0
    for block in results(blocks((Item(f"{i}.png") for i in range(100_000)), 100), cards[:1]):
        alive.update(block)
        alive.update(result.explanations[0] for result in block)
        seen, most = seen + len(block), max(most, len(alive))
    assert seen == 100_000 and most <= 2 * 2 * 100


def test_a_worker_that_dies_is_one_sentence(cards, load, mixed, monkeypatch):
    monkeypatch.setattr(pipeline, "read", lambda path: os._exit(9))
    with pytest.raises(ABNError, match="fewer --workers"):
        list(results([[Item(str(mixed / "0.png"))]], cards[:1], load=load, workers=1))


def test_a_device_with_too_little_memory_is_one_sentence(cards, load, mixed, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(pipeline, "explain_fed", full)
    with pytest.raises(ABNError, match="smaller --batch"):
        list(results([[Item(str(mixed / "0.png"))]], cards[:1], load=load))


# ---- several processes ----


def lines(*numbers: int) -> shards.Lines:
    return [(number % 2 == 1, f"line {number} é\n") for number in numbers]


def test_parts_are_merged_in_turn_as_they_grow(tmp_path):
    parts, merge = [Part(tmp_path, Shard(rank, 3)) for rank in range(3)], Merge(tmp_path, 3)
    parts[1].write(lines(2, 3))
    assert list(merge.available()) == []
    parts[0].write(lines(0, 1))
    assert list(merge.available()) == [lines(0, 1), lines(2, 3)]
    parts[0].write(lines(6))
    parts[2].write(lines(4, 5))
    for part in parts:
        part.end("same")
    assert list(merge.rest()) == [lines(4, 5), lines(6)]


def test_a_half_written_line_is_waited_for(tmp_path):
    part, merge = Part(tmp_path, Shard(0, 1)), Merge(tmp_path, 1)
    part.write(lines(0))
    path = next(tmp_path.iterdir())
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert list(merge.available()) == []
    path.write_bytes(whole)
    assert list(merge.available()) == [lines(0)]


def test_a_silent_process_counts_as_dead(tmp_path):
    Part(tmp_path, Shard(0, 2)).end("same")
    with pytest.raises(ABNError, match="Process 1 has written nothing for 0 seconds"):
        list(Merge(tmp_path, 2).rest(patience=0.1))


def test_a_process_that_fails_says_why(tmp_path):
    parts, merge = [Part(tmp_path, Shard(rank, 2)) for rank in range(2)], Merge(tmp_path, 2)
    parts[0].write(lines(0))
    parts[1].fail("The disk is full.")
    with pytest.raises(ABNError, match=r"Process 1 failed: The disk is full\."):
        list(merge.rest())


@pytest.mark.parametrize("extra", [False, True])
def test_a_folder_that_changes_meanwhile_is_noticed(tmp_path, extra):
    parts, merge = [Part(tmp_path, Shard(rank, 2)) for rank in range(2)], Merge(tmp_path, 2)
    parts[0].end("one")
    if extra:
        parts[1].write(lines(1))
    parts[1].end("another")
    with pytest.raises(ABNError, match="The pictures changed"):
        list(merge.rest())


def test_processes_meet_and_agree(tmp_path, monkeypatch):
    store = HashStore()
    monkeypatch.setattr(torch.distributed, "rendezvous", lambda *_, **__: iter([(store, 0, 2)]))
    parts = tmp_path / "results.parts"
    touch(parts / "stale")
    with meeting(Shard(0, 2), parts, 7, {"a": 1}) as (folder, done):
        assert (folder, done) == (parts, 7) and list(folder.iterdir()) == []
        with meeting(Shard(1, 2), parts, 0, {"a": 1}) as met:
            assert met == (parts, 7)
        with pytest.raises(ABNError, match="other options"), meeting(Shard(1, 2), parts, 0, {"a": 2}):
            pass
    assert not parts.exists()


@pytest.mark.parametrize(("rank", "world"), [("2", "2"), ("x", "2"), ("-1", "1"), ("0", "0")])
def test_a_nonsensical_environment_is_refused(monkeypatch, rank, world):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", world)
    with pytest.raises(ABNError, match="RANK and WORLD_SIZE"):
        this_shard()


def test_processes_that_cannot_meet_are_told(monkeypatch, capsys, mixed):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    assert main(["explain", str(mixed), "--variant", VARIANT]) == 1
    assert "can't find the others" in capsys.readouterr().err


# ---- the command ----


def call(capsys, *arguments: object) -> tuple[int, str, str]:
    status = main(["explain", "--variant", VARIANT, *map(str, arguments)])
    out, error = capsys.readouterr()
    return status, out, error


def timeless(text: str) -> list[str]:
    """The lines without their seconds, else to the byte."""
    found = [json.loads(line) for line in text.splitlines()]
    for one in found:
        for result in one.get("results", ()):
            assert result.pop("seconds") > 0
    return [json.dumps(one) for one in found]


def test_a_folder_of_which_some_are_bad(capsys, mixed, tmp_path):
    status, out, _ = call(capsys, mixed, "--json", "--batch", 4, "--workers", 0, "--out", tmp_path / "maps")
    found = list(map(json.loads, out.splitlines()))
    assert status == 1 and [Path(one["image"]).name for one in found] == [f"{i}.png" for i in range(10)]
    assert [i for i, one in enumerate(found) if one.keys() == {"image", "error"}] == [2, 6, 7]
    written = {path.name for path in (tmp_path / "maps").iterdir()}
    assert written == {f"{i}--{VARIANT}.{end}" for i in (0, 1, 3, 4, 5, 8, 9) for end in ("npy", "png")}
    saved = np.load(tmp_path / "maps" / f"9--{VARIANT}.npy")
    assert found[9]["results"][0]["map"]["max"] == float(saved.max())
    _, text, _ = call(capsys, mixed, "--batch", 4)
    assert f"{mixed}/2.png: This file is not a picture" in text and text.count("trained with additive") == 7


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\x1b[31m\nb.png", r"a\x1b[31m\nb.png"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\udcff.png", r"\udcff.png"),
        ("猫 ö.png", "猫 ö.png"),
    ],
)
def test_a_name_never_steers_the_terminal(name, shown):
    result = Result(Item(name), "It is bad.")
    assert as_line(result, top=5, as_json=False) == f"{shown}: It is bad."
    assert json.loads(as_line(result, top=5, as_json=True))["image"] == name


def test_all_well_is_status_0(capsys, tmp_path):
    write(tmp_path / "a" / "b.png")
    assert call(capsys, tmp_path, "--json")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [[], ["--resume", "x.png"], ["x", "--batch", "0"], ["x", "--workers", "-1"], ["x", "--workers", "some"]],
)
def test_misuse_ends_with_2(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        call(capsys, *arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize("device", ["nothing", "meta", "cuda:99"])
def test_a_device_that_is_not_there_is_one_sentence(capsys, mixed, device):
    status, out, error = call(capsys, mixed, "--device", device)
    assert (status, out) == (
        1,
        "",
    ) and error == f"There is no device {device!r} here: choose cpu, or leave --device out.\n"


@pytest.mark.parametrize("kept", [0, 3, 4, 7, 10])
def test_a_stopped_run_goes_on(capsys, mixed, tmp_path, kept):
    """The file ends as one run would have left it, wherever it was cut, in the middle of a line too."""
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    assert call(capsys, mixed, "--to", whole, "--batch", 4)[:2] == (1, "")
    every = whole.read_text().splitlines(keepends=True)
    tail = every[kept][:50] if kept < 10 else ""
    cut.write_text("".join(every[:kept]) + tail)
    assert call(capsys, mixed, "--to", cut, "--batch", 4, "--resume")[:2] == (1, "")
    again = cut.read_text().splitlines(keepends=True)
    done = kept if kept == 10 else kept // 4 * 4
    assert again[:done] == every[:done]  # not computed again
    assert timeless(cut.read_text()) == timeless(whole.read_text())


def test_resume_begins_where_there_is_no_file_yet(capsys, mixed, tmp_path):
    assert call(capsys, mixed / "0.png", "--to", tmp_path / "new.jsonl", "--resume")[0] == 0
    assert len((tmp_path / "new.jsonl").read_text().splitlines()) == 1


def test_results_of_another_run_are_left_alone(capsys, mixed, tmp_path):
    results = tmp_path / "results.jsonl"
    assert call(capsys, mixed / "0.png", "--to", results)[0] == 0
    before = results.read_bytes()
    status, _, error = call(capsys, mixed / "0.png", "--to", results)
    assert status == 1 and "go on with it by --resume" in error
    for other in ([mixed / "1.png"], [mixed / "0.png", "--top", 2], [mixed / "0.png", "--mechanism", "none"]):
        status, _, error = call(capsys, *other, "--to", results, "--resume")
        assert status == 1 and "of other images or other options" in error
    results.write_bytes(before + b"a line of something else\n")
    assert call(capsys, mixed / "0.png", mixed / "1.png", "--batch", 1, "--to", results, "--resume")[0] == 1
    assert results.read_bytes().startswith(before)
    status, _, error = call(capsys, mixed / "0.png", "--to", tmp_path / "no" / "where.jsonl")
    assert status == 1 and "Nothing can be written" in error


def torchrun(script: list[object], *, temporary: Path) -> subprocess.CompletedProcess:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
    return subprocess.run(
        [*launcher, *map(str, script)], capture_output=True, text=True, env=environment, check=False, timeout=300
    )


def test_two_processes_print_what_one_prints(capsys, mixed, tmp_path):
    arguments = [mixed, "--json", "--batch", 2, "--workers", 0]
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        status, alone, _ = call(capsys, *arguments)
    finally:
        torch.set_num_threads(before)
    (tmp_path / "temporary").mkdir()
    script = ["-m", "abn", "explain", "--variant", VARIANT, *arguments, "--out", tmp_path / "maps"]
    done = torchrun(script, temporary=tmp_path / "temporary")
    assert (status, done.returncode) == (1, 1)
    assert timeless(done.stdout) == timeless(alone) and len(timeless(alone)) == 10
    assert len(list((tmp_path / "maps").glob("*.npy"))) == 7
    assert not list((tmp_path / "temporary").glob("abn-*"))


def test_a_process_that_is_killed_hangs_nobody_and_the_run_goes_on(capsys, mixed, tmp_path):
    script = tmp_path / "dying.py"
    script.write_text(
        "import os, sys\n"
        "from abn.__main__ import main\n"
        "from abn.batch import pipeline as engine\n"
        "read = engine.read\n"
        "dies = os.environ['RANK'] == '1'\n"
        "engine.read = lambda path: os._exit(9) if dies and path.endswith('3.png') else read(path)\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    results = tmp_path / "results.jsonl"
    arguments = [mixed, "--batch", 2, "--workers", 0, "--to", results]
    done = torchrun([script, "explain", "--variant", VARIANT, *arguments], temporary=tmp_path)
    assert done.returncode == 1
    whole = results.read_text().splitlines()
    assert [Path(json.loads(line)["image"]).name for line in whole] in ([], ["0.png", "1.png"])
    assert call(capsys, *arguments, "--resume")[0] == 1
    names = [Path(json.loads(line)["image"]).name for line in results.read_text().splitlines()]
    assert names == [f"{i}.png" for i in range(10)]
