"""Both stores: one room for all who read it, no answer lost, and rooms that end."""

import threading

import pytest
from live_class import choice, make_room, open_room, where
from redis_server import RedisServer

from abn.errors import RoomError
from abn.teaching.live_class import redis_store, store
from abn.teaching.live_class import room as rules
from abn.teaching.live_class.redis_store import RedisStore
from abn.teaching.live_class.store import IDLE, MemoryStore, NoRoomError, Stamp, StoreAwayError

CODE = "K7PM2"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = RedisServer(tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


@pytest.fixture(params=["memory", "redis"])
def rooms(request):
    """Two views of one store, as two processes have them; of the memory both are the same."""
    if request.param == "memory":
        kept = MemoryStore()
        return kept, kept
    server = request.getfixturevalue("server")
    first, second = RedisStore(server.address), RedisStore(server.address)
    first._client.flushdb()
    return first, second


def test_a_room_is_the_same_in_both_processes(rooms):
    first, second = rooms
    assert first.create(open_room(where(), choice())) and not second.create(make_room())
    assert second.read(CODE).question.id == "1"
    room = second.update(CODE, lambda room: rules.give_answer(room, "s0", "1", (2, 3)))
    assert room.version == 1 and first.read(CODE).answers_to(room.question) == {"s0": (2, 3)}
    assert first.read_stamp(CODE) == Stamp(1, room.scene)
    first.update(CODE, rules.reveal)
    assert second.read(CODE).phase == rules.REVEALED and second.read_stamp(CODE).scene == room.scene + 1


def test_a_change_that_is_refused_changes_nothing(rooms):
    first, second = rooms
    first.create(open_room(where()))
    with pytest.raises(RoomError, match="no answer"):
        first.update(CODE, lambda room: rules.give_answer(room, "s0", "1", (9, 9)))
    assert second.read_stamp(CODE).version == 0
    first.update(CODE, lambda room: room)
    assert second.read_stamp(CODE).version == 0


def test_no_answer_is_lost_when_all_come_at_once(rooms):
    first, second = rooms
    first.create(open_room(where(), students=40))

    def give(number: int) -> None:
        rooms[number % 2].update(CODE, lambda room: rules.give_answer(room, f"s{number}", "1", (2, 3)))

    threads = [threading.Thread(target=give, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    room = second.read(CODE)
    assert len(room.answers_to(room.question)) == 40 and first.read_stamp(CODE).version == 40


def test_what_is_not_there_is_one_sentence(rooms):
    first, _ = rooms
    assert first.read_stamp("NONE2") is None and first.read_image("NONE2", "x") is None
    for action in (
        lambda: first.read("NONE2"),
        lambda: first.update("NONE2", rules.reveal),
        lambda: first.put_image("NONE2", "x", b""),
    ):
        with pytest.raises(NoRoomError, match="NONE2"):
            action()
    first.delete("NONE2")


def test_images_are_bytes_and_leave_with_their_room(rooms, monkeypatch):
    first, second = rooms
    first.create(make_room())
    first.put_image(CODE, "cat", b"\x00\xff")
    assert second.read_image(CODE, "cat") == b"\x00\xff" and second.read_image(CODE, "dog") is None
    with pytest.raises(RoomError, match="MB"):
        first.put_image(CODE, "dog", b"x" * (store.MAX_IMAGE_BYTES + 1))
    for module in (store, redis_store):
        monkeypatch.setattr(module, "MAX_IMAGES", 1)
    with pytest.raises(RoomError, match="images"):
        first.put_image(CODE, "dog", b"x")
    first.put_image(CODE, "cat", b"y")
    first.delete(CODE)
    assert second.read_stamp(CODE) is None and second.read_image(CODE, "cat") is None
    with pytest.raises(NoRoomError):
        second.read(CODE)


# ---- in memory ----


def test_an_idle_room_is_deleted_and_looking_at_it_keeps_it_not_alive():
    now = [0.0]
    kept = MemoryStore(lambda: now[0])
    kept.create(make_room())
    kept.put_image(CODE, "cat", b"x")
    now[0] = IDLE - 1
    assert kept.read_stamp(CODE)
    now[0] = IDLE + 1
    assert kept.read_stamp(CODE) is None and not kept._entries


def test_a_change_keeps_a_room_alive():
    now = [0.0]
    kept = MemoryStore(lambda: now[0])
    kept.create(make_room())
    now[0] = IDLE - 1
    kept.update(CODE, lambda room: rules.join(room, "s0"))
    now[0] = 2 * IDLE - 2
    assert kept.read(CODE).students


def test_a_server_holds_so_many_rooms(monkeypatch):
    monkeypatch.setattr(store, "MAX_ROOMS", 2)
    kept = MemoryStore()
    kept.create(make_room(code="AAAAA"))
    kept.create(make_room(code="BBBBB"))
    with pytest.raises(RoomError, match="rooms"):
        kept.create(make_room(code="CCCCC"))


# ---- in Redis ----


def test_all_keys_expire_and_none_holds_a_pickle(server):
    rooms = RedisStore(server.address)
    rooms._client.flushdb()
    rooms.create(make_room(where()))
    rooms.put_image(CODE, "cat", b"x")
    rooms.update(CODE, rules.go_next)
    keys = rooms._client.keys()
    assert len(keys) == 2 and all(0 < rooms._client.ttl(key) <= IDLE for key in keys)
    assert rooms._client.hget(f"abn:room:{CODE}", "state").startswith(b"{")


def test_what_another_program_wrote_there_is_one_sentence(server):
    rooms = RedisStore(server.address)
    for fields in ({"state": "{}", "version": "1", "scene": "1"}, {"state": "x", "version": "many", "scene": "1"}):
        rooms._client.flushdb()
        rooms._client.hset(f"abn:room:{CODE}", mapping=fields)
        with pytest.raises(RoomError, match="can't be read"):
            rooms.read(CODE)
    rooms._client.flushdb()
    rooms._client.set(f"abn:room:{CODE}", "of another type")
    with pytest.raises(RoomError):
        rooms.read(CODE)


def test_a_store_that_is_away_is_one_sentence_and_the_room_continues_when_it_is_back(tmp_path):
    server = RedisServer(tmp_path)
    try:
        rooms = RedisStore(server.address)
        rooms.create(open_room(where()))
        rooms.update(CODE, lambda room: rules.give_answer(room, "s0", "1", (2, 3)))
        server.stop()
        for action in (lambda: rooms.read_stamp(CODE), lambda: rooms.update(CODE, rules.reveal)):
            with pytest.raises(StoreAwayError) as error:
                action()
            assert str(error.value) == redis_store.AWAY
        server.start()
        assert rooms.update(CODE, rules.reveal).answers_to(where(id="1")) == {"s0": (2, 3)}
    finally:
        server.stop()


@pytest.mark.parametrize("address", ["http://localhost", "redis://localhost:many", "localhost:6379"])
def test_an_address_of_another_kind_is_one_sentence(address):
    pytest.importorskip("redis")
    with pytest.raises(RoomError, match="ABN_ROOMS"):
        RedisStore(address)


def test_without_the_package_a_sentence_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "redis", None)
    with pytest.raises(RoomError, match="pip install"):
        RedisStore("redis://localhost")
