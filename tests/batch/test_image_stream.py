"""The stream of image files: its order, what it leaves out, and the names of output files."""

import os
import sys
from itertools import count
from pathlib import Path

import pytest

from abn.batch.image_stream import ImageFile, ImageStream, batches
from abn.errors import ABNError


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def paths(stream: ImageStream, folder: Path) -> list[str]:
    return [os.path.relpath(file.path, folder) for file in stream]


def test_a_folder_is_walked_in_the_order_of_names(tmp_path):
    names = "b.png a/z.JPG a/é.webp a/b/c.tiff a.jpeg a-1.gif Z.bmp".split()
    for name in names + ".hidden.png .git/x.png notes.txt a/no-suffix maps/figure.png".split():
        touch(tmp_path / name)
    stream = ImageStream([str(tmp_path)], out=tmp_path / "maps")
    assert paths(stream, tmp_path) == sorted(names, key=lambda name: Path(name).parts)
    assert stream.skipped == 2  # notes.txt and no-suffix


def test_links_and_pipes_never_stop_the_walk(tmp_path):
    touch(tmp_path / "in" / "a.png")
    for name, target in (("loop", ".."), ("self.png", "self.png"), ("gone.png", "nowhere"), ("there", "../away")):
        (tmp_path / "in" / name).symlink_to(target)
    touch(tmp_path / "away" / "b.png")
    os.mkfifo(tmp_path / "in" / "pipe.png")
    walked = paths(ImageStream([str(tmp_path / "in")]), tmp_path / "in")
    assert walked == ["a.png", "gone.png", "loop/away/b.png", "self.png", "there/b.png"]


def test_a_folder_without_images_is_an_error(tmp_path):
    touch(tmp_path / "notes.txt")
    (file,) = ImageStream([str(tmp_path)])
    assert file.path == str(tmp_path) and file.error


def test_a_list_gives_its_lines(tmp_path, monkeypatch):
    touch(tmp_path / "folder" / "a.png")
    list_file = tmp_path / "list.txt"
    list_file.write_bytes(f"one.png\r\n\n{tmp_path}/folder\n two.any \n\xff.png".encode("latin-1"))
    listed = [file.path for file in ImageStream(["first"], list_file=str(list_file))]
    assert listed == ["first", "one.png", f"{tmp_path}/folder/a.png", " two.any ", "\udcff.png"]
    with pytest.raises(ABNError, match="can't be read"):
        list(ImageStream([], list_file=str(tmp_path / "missing")))
    monkeypatch.setattr(sys, "stdin", ["x.png\n", "y.png\n"])
    assert [file.path for file in ImageStream([], list_file="-")] == ["x.png", "y.png"]


def test_output_stems_are_unique_and_below_their_folders(tmp_path):
    for name in "a/x.png a/x.jpg a/X.gif a/x-2.bmp a/b&c/x.png a/b-c/x.png d/x.png d/b-c/x.png".split():
        touch(tmp_path / name)
    arguments = [str(tmp_path / "a"), str(tmp_path / "d"), "x.png"]
    stream = ImageStream(arguments, out=tmp_path / "out")
    assert {file.path.removeprefix(f"{tmp_path}/"): file.output_stem for file in stream} == {
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
    assert {file.output_stem for file in ImageStream(arguments)} == {""}
    with pytest.raises(ABNError, match="--out"):
        list(ImageStream(arguments, out=tmp_path / "a"))


def test_an_endless_stream_is_read_no_further_than_it_is_used():
    read = []
    stream = batches((read.append(i) or ImageFile(str(i)) for i in count()), 8)
    assert [file.path for file in next(stream)] == [str(i) for i in range(8)] and len(read) == 8
