"""Files and zips, honest and hostile: what is a picture is taken, the rest is told, and nothing costs more than
seconds."""

import io
import struct
import tracemalloc
import warnings
import zipfile
import zlib

import pytest
from fuzzing import fuzz
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from abn.images import zip_files
from abn.images.decode import open_picture
from abn.images.zip_files import UnpackedFiles, unpack


def picture(shade: int = 0, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 6), (shade, 40, 200)).save(stream, kind)
    return stream.getvalue()


def zipped(members, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Pairs (name, bytes) as a zip; two of one name are both in it."""
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", compression) as archive:
        warnings.simplefilter("ignore")
        for name, data in members:
            archive.writestr(name, data)
    return stream.getvalue()


def reasons(found: UnpackedFiles) -> list[tuple[str, str]]:
    return [(name, sentence) for name, sentence in found.refused if sentence.endswith(".") and "\n" not in sentence]


PICTURES = [picture(shade) for shade in range(5)]


# ---- honest ----


def test_pictures_and_zips_come_in_their_order_byte_for_byte():
    inner = zipped([("holiday/b.png", PICTURES[1]), ("holiday/c.png", PICTURES[2])])
    result = unpack([("a.png", PICTURES[0]), ("some.zip", inner), ("d.png", PICTURES[3])])
    assert result.pictures == tuple(zip(("a.png", "b.png", "c.png", "d.png"), PICTURES[:4], strict=True))
    assert result.refused == ()
    assert unpack([]) == UnpackedFiles((), ())


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_is_known_by_its_bytes_whatever_its_name(compression):
    data = zipped([("a.png", PICTURES[0])], compression)
    for name in ("a.zip", "A.ZIP", "a.png", "none"):
        assert unpack([(name, data)]) == UnpackedFiles((("a.png", PICTURES[0]),), ())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_kind_of_picture_is_taken(kind):
    data = picture(9, kind)
    assert unpack([("x", data), ("y.zip", zipped([("z", data)]))]).pictures == (("x", data), ("z", data))
    assert open_picture(data).image.size == (8, 6)


def test_a_picture_with_a_zip_behind_it_is_a_picture():
    data = PICTURES[0] + zipped([("b.png", PICTURES[1])])
    assert unpack([("both.png", data)]).pictures == (("both.png", data),)


def test_what_systems_leave_in_folders_is_passed_over_in_silence():
    litter = [
        "__MACOSX/._a.png",
        "@eaDir/a.png",
        "$RECYCLE.BIN/a.png",
        "in/lost+found/a.png",
        "System Volume Information/a.png",
        ".DS_Store",
        "in/.hidden.png",
        ".git/a.png",
        "Thumbs.db",
        "in\\desktop.ini",
    ]
    data = zipped([("in/", b""), *((name, PICTURES[1]) for name in litter), ("in/a.png", PICTURES[0])])
    assert unpack([("a.zip", data)]) == UnpackedFiles((("a.png", PICTURES[0]),), ())


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("/etc/cron.d/x.png", "x.png"),
        ("..\\..\\windows\\y.png", "y.png"),
        ("C:\\z.png", "z.png"),
        ("a\u202egnp.exe.png", "agnp.exe.png"),
        ("n" * 300 + ".png", "n" * 79 + "…"),
    ],
)
def test_of_a_path_only_the_last_part_is_used(path, shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = unpack([("a.zip", zipped([(path, PICTURES[0])]))])
    assert result == UnpackedFiles(((shown, PICTURES[0]),), ()) and not list(tmp_path.iterdir())


# ---- refused, and the rest goes on ----


def test_what_is_no_picture_is_told_and_takes_no_place():
    members = [
        ("notes.txt", b"words"),
        ("empty.png", b""),
        ("in.zip", zipped([("a.png", b"")])),
        ("a.png", PICTURES[0]),
    ]
    members.insert(2, ("renamed.png", zipped([("a.png", PICTURES[1])])))
    result = unpack([("all.zip", zipped(members)), ("b.pdf", b"%PDF-1.7"), ("c.png", b"")], limit=1)
    assert result.pictures == (("a.png", PICTURES[0]),)
    text = dict(reasons(unpack([("all.zip", zipped(members)), ("b.pdf", b"%PDF-1.7"), ("c.png", b"")])))
    assert list(text) == ["notes.txt", "empty.png", "renamed.png", "in.zip", "b.pdf", "c.png"]
    assert "not an image" in text["notes.txt"] and "This is a PDF" in text["b.pdf"]
    assert "empty" in text["empty.png"] and "empty" in text["c.png"]
    assert "within a zip" in text["in.zip"] and "within a zip" in text["renamed.png"]
    assert [name for name, _ in result.refused][-1] == "2 more files"


def test_a_zip_of_nothing():
    for members in ([], [("in/", b""), (".DS_Store", b"x")]):
        assert reasons(unpack([("a.zip", zipped(members))])) == [("a.zip", "This zip holds no images.")]


def test_so_many_pictures_and_one_sentence_on_the_rest():
    many = zipped([(f"{k}.png", PICTURES[k % 5]) for k in range(70)])
    result = unpack([("first.png", PICTURES[0]), ("many.zip", many), ("last.png", PICTURES[0])])
    assert [name for name, _ in result.pictures] == ["first.png", *(f"{k}.png" for k in range(49))]
    assert result.refused == (("22 more files", "A batch holds 50 images: choose fewer at a time."),)
    exact = unpack([(f"{k}.png", PICTURES[0]) for k in range(3)], limit=3)
    assert len(exact.pictures) == 3 and exact.refused == ()
    assert unpack([("a.png", PICTURES[0])] * 3, limit=2).refused[0][0] == "1 more file"


def test_a_locked_member_is_told():
    data = bytearray(zipped([("a.png", PICTURES[0]), ("b.png", PICTURES[1])]))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + flags] |= 1
    result = unpack([("locked.zip", bytes(data))])
    assert result.pictures == (("b.png", PICTURES[1]),)
    assert reasons(result) == [("a.png", "This file is locked with a password: pack it without one.")]


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_rare_ways_of_packing_are_told(compression):
    result = unpack([("a.zip", zipped([("a.png", PICTURES[0])], compression))])
    assert result.pictures == () and "rare way" in reasons(result)[0][1]


def test_a_member_whose_checksum_is_wrong_is_told():
    data = zipped([("a.png", PICTURES[0]), ("b.png", PICTURES[1]), ("c.png", PICTURES[2])], zipfile.ZIP_STORED)
    assert data.count(PICTURES[1]) == 1
    changed = PICTURES[1][:-1] + b"?"
    result = unpack([("a.zip", data.replace(PICTURES[1], changed))])
    assert [name for name, _ in result.pictures] == ["a.png", "c.png"]
    assert reasons(result) == [("b.png", "This file is damaged inside the zip, or cut short: pack it again.")]


def test_broken_zips_are_told():
    data = zipped([("a.png", PICTURES[0])])
    for broken in (data[:-30], data[:10], b"PK\x03\x04", b"", b"hello", data[: len(data) // 2] * 3):
        result = unpack([("a.zip", broken), ("b.png", PICTURES[1])])
        assert result.pictures == (("b.png", PICTURES[1]),) and len(reasons(result)) == 1
        assert "can't be read" in result.refused[0][1]


@pytest.mark.slow
@fuzz(200)
@given(st.data())
def test_no_damage_raises(data):
    whole = zipped([("a.png", PICTURES[0]), ("b/c.png", PICTURES[1]), ("d.txt", b"words")])
    harmed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 6))):
        harmed[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    result = unpack([("a.zip", bytes(harmed[: data.draw(st.integers(0, len(whole)))])), ("z.png", PICTURES[2])])
    assert result.pictures[-1] == ("z.png", PICTURES[2])
    assert all(sentence.endswith(".") for _, sentence in result.refused)


NAMES = st.sampled_from(
    ("a.png", "../../etc/passwd", "/etc/passwd", "C:\\x.png", "..\\..\\x.png", "a/./../b.png", "~/.ssh/id", "a\0b.png",
     "b.zip", "__MACOSX/a.png", ".hidden.png", "x/", " ", "." * 300, "名前.jpg", "\u202egnp.exe", "aux", "a\nb.png")
)  # fmt: skip
LONG, ODD = b"\x89PNG" + bytes(400), PICTURES[1] + b"PK\x03\x04"
BODIES = st.sampled_from((*PICTURES, b"", b"words", PICTURES[0][:9], LONG, ODD))
TREES = st.recursive(BODIES, lambda inner: st.lists(st.tuples(NAMES, inner), max_size=5).map(zipped), max_leaves=12)


@pytest.mark.slow
@fuzz(200)
@given(st.lists(st.tuples(NAMES, TREES), max_size=4), st.data())
def test_whatever_zips_hold_and_call_it_only_pictures_come_out_and_names_are_no_paths(files, data):
    if files and data.draw(st.booleans()):  # an end of one within another
        name, body = files[-1]
        files[-1] = name, body[data.draw(st.integers(0, len(body))) :] + files[0][1]
    result = unpack(files)
    assert all(body.startswith((b"\x89PNG", b"\xff\xd8\xff")) for _, body in result.pictures)
    names = [name for name, _ in (*result.pictures, *result.refused)]
    assert not any(char in name for name in names for char in "/\\\0\n") and all(len(name) < 200 for name in names)
    assert all(sentence.endswith(".") and "\n" not in sentence for _, sentence in result.refused)


# ---- bombs ----


def bomb(size: int) -> bytes:
    """A picture's beginning and then zeros, `size` bytes."""
    return PICTURES[0][:16] + bytes(size - 16)


def understated(data: bytes, size: int) -> bytes:
    """A zip of one member whose header says it were `size` bytes."""
    changed = bytearray(data)
    for signature, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", changed, changed.index(signature) + place, size)
    return bytes(changed)


def test_a_bomb_is_not_unpacked_to_its_end():
    data = zipped([("bomb.png", bomb(60_000_000)), ("a.png", PICTURES[0])])
    assert len(data) < 100_000
    tracemalloc.start()
    result = unpack([("a.zip", data)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.pictures == (("a.png", PICTURES[0]),) and peak < 30_000_000
    assert reasons(result) == [("bomb.png", "This file has more than 20 MB: save the image at a smaller size.")]


@pytest.mark.parametrize("size", [16, 17, 1000, 0xFFFFFFF0])
def test_a_header_that_lies_about_the_size_changes_nothing(size):
    result = unpack([("a.zip", understated(zipped([("bomb.png", bomb(50_000_000))]), size))])
    assert result.pictures == () and len(result.refused) == 1
    sentence = result.refused[0][1]
    assert "damaged" in sentence if size < 1001 else "more than 20 MB" in sentence


@pytest.mark.slow
def test_many_bombs_are_stopped_by_what_they_come_to_together():
    entry = bomb(19_000_000)
    result = unpack([("a.zip", zipped([(f"{k}.png", entry) for k in range(20)]))])
    assert sum(len(data) for _, data in result.pictures) == 10 * len(entry) <= zip_files.MAX_TOGETHER
    assert result.refused == (
        ("10.png", "A batch holds 200 MB unpacked: choose fewer at a time."),
        ("9 more files", "A batch holds 200 MB unpacked: choose fewer at a time."),
    )


@pytest.mark.slow
def test_refused_bombs_are_counted_too():
    members = [(f"{k}.png", bomb(30_000_000)) for k in range(12)]
    result = unpack([("a.zip", zipped([*members, ("a.png", PICTURES[0])]))])
    assert result.pictures == () and result.refused[-1][0] == "3 more files"


def entries(count: int, name: str = "") -> bytes:
    """A zip whose list names one and the same member so many times, as bombs of overlapping members do."""
    packed = zlib.compressobj(wbits=-15)
    body = packed.compress(PICTURES[0][:16] + bytes(70_000)) + packed.flush()
    name = name.encode()
    sizes = struct.pack("<III", 0, len(body), 70_016)
    local = b"PK\x03\x04" + struct.pack("<HHHHH", 20, 0, 8, 0, 33) + sizes + struct.pack("<HH", len(name), 0) + name
    head = b"PK\x01\x02" + struct.pack("<HHHHHH", 20, 20, 0, 8, 0, 33) + sizes
    listed = (head + struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, 0) + name) * count
    end = struct.pack("<HHHHIIH", 0, 0, count & 0xFFFF, count & 0xFFFF, len(listed), len(local + body), 0)
    return local + body + listed + b"PK\x05\x06" + end


def counted(kind: type, made: list) -> type:
    """The class, with everything that is made of it noted: what zipfile has read of a list."""

    class Counted(kind):
        def __init__(self, *given):
            made.append(given[:1])
            super().__init__(*given)

    return Counted


def test_hundreds_of_thousands_of_entries_are_not_read(monkeypatch):
    data = entries(200_000)
    monkeypatch.setattr(zip_files.zipfile, "ZipInfo", counted(zipfile.ZipInfo, read := []))
    result = unpack([("million.zip", data), ("a.png", PICTURES[0])])
    assert not read
    assert result.pictures == (("a.png", PICTURES[0]),) and "lists more than it can hold" in result.refused[0][1]


@pytest.mark.slow
def test_the_lists_of_many_zips_count_together(monkeypatch):
    data, read = entries(40_000), []
    monkeypatch.setattr(zip_files.zipfile, "ZipInfo", counted(zipfile.ZipInfo, read))
    result = unpack([(f"{k}.zip", data) for k in range(30)])
    assert len(read) == 40_000 and result.pictures == ()  # of 1,200,000 in the lists of all
    more = sum(int(name.split()[0].replace(",", "")) for name, _ in result.refused[zip_files.MAX_LISTED :])
    assert len(result.refused) <= 102 and 100 + more == 40_000 + 29  # the first zip's files, and the other zips


def test_no_byte_of_a_zip_is_read_twice():
    """Every entry points at one and the same member, which can be read as often as the zip is longer than it."""
    data = entries(90, "a.png")
    times = len(data) // (len(data) - 90 * (46 + 5) - 22)
    result = unpack([("a.zip", data)])
    assert result.pictures == () and len(result.refused) == 90
    damaged = ["damaged" in sentence for _, sentence in result.refused]  # checksum 0
    assert damaged in ([k < times for k in range(90)], [True] * 90)  # newer Pythons read nothing of such a member
    assert all(
        is_so or "lists more than it can hold" in text for is_so, (_, text) in zip(damaged, result.refused, strict=True)
    )


def test_thousands_of_refusals_are_counted_and_not_listed():
    members = [(f"{k}.txt", b"words") for k in range(3000)]
    result = unpack([("a.zip", zipped([*members, ("a.png", PICTURES[0])]))])
    assert result.pictures == (("a.png", PICTURES[0]),)
    assert len(result.refused) == zip_files.MAX_LISTED + 1 and result.refused[-1][0] == "2,900 more files"
