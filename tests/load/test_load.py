"""The load tool: its arithmetic, its bounds, what it keeps of a page, and students against a real server."""

import asyncio
import html
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from abn import vocabulary
from abn.explanations.explainer import explain
from abn.images.decode import open_picture
from abn.images.samples import gallery
from abn.plots import numbers
from abn.ui.controls.selection import default_variants
from abn.variants.store import list_variants
from load import processors, report, wire
from load.__main__ import parsed
from load.client import Browser
from load.page import Page
from load.phases import warm
from load.photographs import CAMERA, photographs
from load.server import Watch, serving
from load.students import Log, Student

# ---- arithmetic and bounds ----


def run(doing) -> object:
    """A coroutine to its end in a thread of its own: a browser of other tests may have a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, doing).result()


def test_percentiles_are_by_nearest_rank():
    hundred = list(range(100, 0, -1))
    assert [report.percentile(hundred, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert [report.percentile([3.0, 1.0], share) for share in (0.0, 0.5, 0.51)] == [1.0, 1.0, 3.0]


def test_waits_leave_out_what_was_never_done():
    assert report.waits({"upload": [2.0, 1.0, 4.0], "open": []}) == {
        "upload": {"count": 3, "p50": 2.0, "p95": 4.0, "p99": 4.0, "longest": 4.0}
    }


def test_the_share_is_of_the_mean_pace_before_and_after():
    before, after = {"separate": 5.0, "shared": 8.0, "had": 0.99}, {"separate": 7.0, "shared": 4.0, "had": 0.8}
    result = report.pace(30, 10.0, before, after)
    assert (result["per second"], result["bare per second"]) == (3.0, {"separate": 6.0, "shared": 6.0})
    assert result["share"] == {"separate": 0.5, "shared": 0.5}


@pytest.mark.parametrize(("others", "had", "alone"), [(0.1, 0.9, True), (0.11, 0.9, False), (0.1, 0.89, False)])
def test_a_share_means_something_only_where_nobody_else_was_at_work(others, had, alone):
    results = {"of the processors": {"others": others}, "bare before and after": [{"had": 1.0}, {"had": had}]}
    assert report.alone(results) is alone


def test_the_processors_time_is_shared_out_in_full(monkeypatch):
    monkeypatch.setattr(processors, "CORES", 2)
    assert processors.shares(10.0, app=12.0, tool=1.0, idle=3.0) == {
        "app": 0.6, "tool": 0.05, "others": 0.2, "nobody": 0.15,
    }  # fmt: skip
    assert processors.shares(1.0, app=2.1, tool=0.0, idle=0.0)["others"] == 0.0


def test_a_meter_tells_the_time_that_a_process_took(monkeypatch):
    readings = iter([(100.0, 5.0, 1.0, 50.0), (110.0, 17.0, 2.0, 53.0)])
    monkeypatch.setattr(processors.Meter, "_now", lambda self: next(readings))
    text = processors.Meter(0).read()
    assert (text["seconds"], text["app, processor seconds"], text["tool, processor seconds"]) == (10.0, 12.0, 1.0)


def test_processor_time_of_this_very_process_is_read():
    assert processors.cpu_seconds(os.getpid()) == pytest.approx(sum(os.times()[:2]), abs=1.0)
    assert processors.idle_seconds() >= 0


def test_a_result_is_written_whole_and_told_as_a_table(tmp_path):
    log = Log(seconds={"open": [1.0]}, troubles=["upload: Trouble: no"])
    result = {
        "students": 2, "machine": report.machine(), "throughput": log.told(), "classroom": Log().told(),
        "memory": {"most": 900}, "ended": "early, after 5 s",
    }  # fmt: skip
    report.write(tmp_path / "it.json", result)
    assert json.loads((tmp_path / "it.json").read_text()) == result
    assert [path.name for path in tmp_path.iterdir()] == ["it.json"]
    assert report.troubles(result) == ["throughput: upload: Trouble: no", "the run: early, after 5 s"]
    assert "TROUBLE  throughput: upload: Trouble: no" in report.table(result)


@pytest.mark.parametrize(
    "given",
    [
        "--students 61",
        "--students 0",
        "--uploads 21",
        "--uploads 1",
        "--seconds 1801",
        "--limit -1",
        "--think 3 2",
        "--limit nan",
    ],
)
def test_more_than_the_bounds_is_refused(given, capsys):
    with pytest.raises(SystemExit):
        parsed(given.split())
    capsys.readouterr()


@pytest.mark.parametrize("path", ["http://192.0.2.1/", "//192.0.2.1/", "192.0.2.1", "", "/a b", "/a\r\nHost: b"])
def test_no_other_address_can_be_asked(path):
    with pytest.raises(wire.Trouble, match="not a path on this machine"):
        run(wire.ask(9, path))


def test_photographs_are_distinct_of_a_cameras_size_and_the_same_for_a_seed():
    made = photographs(3, seed=5)
    assert len(set(made)) == 3
    assert {open_picture(data).full_size for data in made} == {CAMERA}
    assert photographs(2, seed=5) == made[:2]


def test_what_grew_is_told_without_the_files_that_are_held():
    result = {
        "students": 2, "machine": {}, "throughput": Log().told(), "classroom": Log().told(),
        "memory": {"2 uploads held": 1010, "20 uploads held": 1150},
        "files, MiB": {"2 uploads held": 10, "20 uploads held": 100},
    }  # fmt: skip
    assert "the files held: 10 and 100 MiB; all else grew by 5.0 %" in report.table(result)


def test_memory_is_looked_at_with_every_tenth_upload(monkeypatch):
    seen = iter([100.0, 110.0])
    monkeypatch.setattr("load.server.memory", lambda pid: (next(seen), 200.0))
    watch = Watch(0)
    for _ in range(20):
        watch.uploaded()
    assert [(mib, count) for _, mib, count in watch.seen] == [(100.0, 10), (110.0, 20)]


# ---- what a browser knows of a page ----


def element(path: list[int], **given) -> ForwardMsg:
    """A message that draws one element; `given` is its kind and what is set of it."""
    message = ForwardMsg()
    message.metadata.delta_path.extend(path)
    for kind, values in given.items():
        result = getattr(message.delta.new_element, kind)
        result.SetInParent()
        for name, value in values.items():
            setattr(result, name, value)
    return message


def begun() -> tuple[Page, ForwardMsg]:
    page, start, end = Page(), ForwardMsg(), ForwardMsg()
    start.new_session.config.max_cached_message_age = 2
    end.script_finished = ForwardMsg.FINISHED_SUCCESSFULLY
    page.ask()
    assert not page.take(end)  # of a run before
    assert not page.take(start)
    return page, end


def test_a_page_settles_when_the_run_that_was_asked_for_has_ended():
    page, end = begun()
    early = ForwardMsg()
    early.script_finished = ForwardMsg.FINISHED_EARLY_FOR_RERUN
    assert [page.take(early), page.take(end)] == [False, True]


def test_widgets_send_back_their_default_or_what_was_set_until_they_are_gone():
    page, end = begun()
    page.take(element([0, 0], checkbox={"id": "$$ID-a1-same", "default": True}))
    page.take(element([0, 1], checkbox={"id": "$$ID-b2-other", "default": True, "set_value": True, "value": False}))
    popover = ForwardMsg()
    popover.metadata.delta_path.extend([0, 2])
    popover.delta.add_block.popover.label = "View"
    page.take(popover)
    page.take(element([0, 2, 0], checkbox={"id": "$$ID-c3-hidden"}))
    assert page.take(end)
    assert page.widgets == {"same": "$$ID-a1-same", "other": "$$ID-b2-other", "hidden": "$$ID-c3-hidden"}
    assert {name: state.bool_value for name, state in page.states.items()} == {
        "$$ID-a1-same": True,
        "$$ID-b2-other": False,
    }
    start = ForwardMsg()
    start.new_session.SetInParent()
    page.take(start)
    page.take(end)
    assert page.states == {}


def test_a_large_message_is_kept_and_met_again_elsewhere_until_it_is_old():
    page, end = begun()
    large = element([0, 0], html={"body": '<dl class="abn-prediction"><dd title="cat">cat</dd><dd>9 %</dd></dl>'})
    large.hash, large.metadata.cacheable = "h", True
    page.take(large)
    reference = ForwardMsg(ref_hash="h")
    reference.metadata.delta_path.extend([0, 7])
    page.take(reference)
    assert page.answers == {(0, 0): [("cat", "9 %")], (0, 7): [("cat", "9 %")]}
    for left in (["h"], ["h"], []):
        page.take(end)
        assert page.kept == left


@pytest.mark.parametrize(
    ("drawn", "told"),
    [
        ({"exception": {"type": "ValueError", "message": "no"}}, "a traceback: ValueError no"),
        ({"alert": {"format": Alert.ERROR, "body": "It is broken."}}, "an error: It is broken."),
    ],
)
def test_errors_on_the_page_are_troubles(drawn, told):
    page, _ = begun()
    with pytest.raises(wire.Trouble, match=told):
        page.take(element([0, 0], **drawn))


# ---- against the app ----


def bitmap(photograph: bytes) -> bytes:
    """The same photograph, small, as a file whose size tells nothing of what is on it."""
    file = io.BytesIO()
    Image.open(io.BytesIO(photograph)).resize((320, 240)).save(file, "BMP")
    return file.getvalue()


@pytest.mark.slow
def test_students_get_the_networks_own_answers_to_their_own_picture_and_leave_no_trouble(runner):
    photos, log = photographs(12, seed=3), Log()
    alike = [bitmap(photo) for photo in photos]
    cards = default_variants(list_variants())
    known = {name: gallery()[name].alt for name in ("dogs-at-window", "coffee-cup")}

    def right(browser: Browser, picture: bytes) -> bool:
        """Whether the page says of a picture what the library says."""
        return list(browser.page.answers.values()) == [
            [
                (html.escape(numbers.short_label(best.label)), numbers.percent(best.probability))
                for best in (result.top(head, 1)[0] for head in vocabulary.HEADS)
            ]
            for result in explain(open_picture(picture), cards, load=runner)
        ]

    async def with_equal_names(port: int, own: list[bytes]) -> list[bool]:
        browser, result = Browser(port), []
        await browser.open()
        for picture in own:
            await browser.upload("files", "photograph.bmp", picture)
            result.append(right(browser, picture))
        await browser.leave()
        return result

    async def lesson(port: int) -> None:
        await warm(port)
        entry = Browser(port)
        await entry.open()
        await entry.choose("mechanism", "multiplicative")
        await entry.choose("mechanism", "as trained")
        await entry.upload("files", "mine_1.jpg", photos[0])
        assert any("mine_1.jpg" in message for message in entry.page.pictures.values())
        assert right(entry, photos[0])
        two = Browser(port)
        await two.open()
        two.files = entry.files  # as a page lists them whose server was started anew
        await two.upload("files", "mine_2.jpg", photos[1])
        assert right(two, photos[1])
        with pytest.raises(wire.Trouble, match="not an image"):
            await two.upload("files", "words.jpg", b"words")
        await two.upload("files", "mine_3.jpg", photos[2])  # what was told of the other is not told again
        assert right(two, photos[2])
        await entry.leave()
        await two.leave()
        assert len({len(picture) for picture in alike}) == 1
        result = await asyncio.gather(*(with_equal_names(port, alike[i::4]) for i in range(4)))
        assert result == [[True] * 3] * 4
        students = [Student(f"s{i}", port, photos[i::2], known, log) for i in range(2)]
        until = asyncio.get_running_loop().time() + 120
        await asyncio.gather(*(student.lesson(until, (0, 0), seed=1, most=8) for student in students))
        await asyncio.gather(*(student.leave() for student in students))

    with serving() as served:
        run(lesson(served.port))
        assert (log.troubles, served.tracebacks()) == ([], 0)
    assert sum(len(times) for times in log.seconds.values()) + log.left_in_the_middle >= 14
    assert log.received > 1e6


def test_the_page_tells_what_the_run_measured():
    """docs/load.md and its picture are those of docs/load.json and docs/start.json."""
    import xml.etree.ElementTree

    from load import told

    result = json.loads((told.DOCS / "load.json").read_text(encoding="utf-8"))
    text = (told.DOCS / "load.md").read_text(encoding="utf-8")
    assert told.page(text, **told.figures()) == text and "TROUBLE" not in text
    drawn = (told.DOCS / "memory.svg").read_text(encoding="utf-8")
    assert told.curve(result) == drawn
    points = xml.etree.ElementTree.fromstring(drawn).find("{http://www.w3.org/2000/svg}polyline").get("points").split()
    assert len(points) == len(result["memory over time: seconds, MiB, uploads"])


@pytest.mark.slow
def test_a_small_live_class_loses_no_answer_and_no_redraw():
    from load import live_class

    with ThreadPoolExecutor(1) as thread:  # Playwright leaves its event loop running in this one
        figures = thread.submit(live_class.measure, students=4, questions=2, idle=1).result()
    assert figures["tracebacks"] == 0
    assert [figures[f"{name}, seconds"]["count"] for name in live_class.STEPS] == [8, 8, 8]
