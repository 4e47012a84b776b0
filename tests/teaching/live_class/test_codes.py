"""Codes, keys, and the limit for wrong codes."""

import pytest

from abn.errors import RoomError
from abn.teaching.live_class import codes


def test_codes_and_keys_are_random_and_codes_have_no_letters_that_look_alike():
    made = {codes.make_code() for _ in range(200)}
    assert len(made) > 190 and all(len(code) == codes.LENGTH for code in made)
    assert not set("".join(made)) & set("01OIL") and len({codes.make_key() for _ in range(50)}) == 50
    assert all(len(codes.make_student()) == 16 for _ in range(20))


@pytest.mark.parametrize("typed", ["K7PM2", "k7pm2", " k7 pm2\n", "K7-PM2"])
def test_a_code_is_read_as_people_type_it(typed):
    assert codes.read_code(typed) == "K7PM2"


@pytest.mark.parametrize("typed", ["", "K7PM", "K7PM22", "K7PM0", "К7PM2", "../..", "K7PM2*", "\x00" * 5])
def test_what_is_no_code_is_one_sentence(typed):
    with pytest.raises(RoomError, match="letters and digits"):
        codes.read_code(typed)


def test_only_the_key_opens_its_room():
    key = codes.make_key()
    assert codes.is_key(key, codes.hash_key(key)) and key not in codes.hash_key(key)
    for wrong in ("", key[:-1], key + "x", "é"):
        assert not codes.is_key(wrong, codes.hash_key(key))


def test_too_many_wrong_codes_are_refused_for_a_minute_and_only_from_that_address():
    now = [0.0]
    wrong = codes.WrongCodes(lambda: now[0])
    for _ in range(codes.MAX_WRONG):
        wrong.check("a")
        wrong.count("a")
    with pytest.raises(RoomError, match="Wait a minute"):
        wrong.check("a")
    wrong.check("b")
    now[0] = codes.PERIOD + 1
    wrong.check("a")


def test_the_limit_remembers_no_more_addresses_than_it_may(monkeypatch):
    monkeypatch.setattr(codes, "MAX_ADDRESSES", 3)
    wrong = codes.WrongCodes(lambda: 0.0)
    for number in range(10):
        wrong.count(str(number))
    assert len(wrong._times) == 3
