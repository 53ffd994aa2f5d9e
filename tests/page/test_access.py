"""Goal: who has the token may look, everybody else may not, and what waits for a slow reader is
bounded. Pure objects, and a clock that the test moves."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from execbot.config.errors import ConfigError
from execbot.config.schema import Mode
from execbot.desk.confirming import NotConfirmed
from execbot.exits.rules.view import Guarded
from execbot.page.access import SESSION_SECONDS, SESSIONS_MAX, WRONG_MAX, Access, cookie_name, knows
from execbot.page.addresses import Address
from execbot.page.guard import Caller
from execbot.page.hub import MESSAGES_WAITING_MAX, SOCKETS_MAX, Hub, Looker
from execbot.page.link import TOKEN_VARIABLE, Link, full_link, own_token
from execbot.page.options import Options, check
from execbot.page.rows import GUARDS

TOKEN = "a-token-that-is-long-enough"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def caller(**headers: str) -> Caller:
    return Caller("127.0.0.1", "GET", "/api/board", headers, False, False)


def test_a_session_lives_for_its_time_and_ends_when_it_is_told_to() -> None:
    clock = Clock()
    access = Access(TOKEN, clock)
    first, second = access.begin(), access.begin()
    assert first != second and access.has(first) and access.has(second)
    access.end(first)
    assert not access.has(first) and access.has(second)
    clock.now += SESSION_SECONDS
    assert not access.has(second)
    assert not access.has("") and not access.has("é\ud800")


def test_sessions_are_bounded_and_the_oldest_ends_first() -> None:
    access = Access(TOKEN, Clock())
    sessions = [access.begin() for _ in range(SESSIONS_MAX + 1)]
    assert [access.has(one) for one in sessions] == [False] + [True] * SESSIONS_MAX


def test_a_caller_is_known_by_the_cookie_of_this_port_or_by_the_token() -> None:
    access = Access(TOKEN, Clock())
    may, session = knows(access, 8787), access.begin()
    assert may(caller(cookie=f"other=1; {cookie_name(8787)}={session}"))
    assert not may(caller(cookie=f"{cookie_name(8788)}={session}"))
    assert may(caller(authorization=f"Bearer {TOKEN}"))
    assert not may(caller(authorization=f"Basic {TOKEN}"))
    assert not may(caller(authorization="Bearer "))
    assert not may(caller())


def test_wrong_tokens_bar_their_address_for_a_minute() -> None:
    clock = Clock()
    access = Access(TOKEN, clock)
    for _ in range(WRONG_MAX):
        assert not access.is_barred("10.0.0.1")
        access.was_wrong("10.0.0.1")
    assert access.is_barred("10.0.0.1") and not access.is_barred("10.0.0.2")
    clock.now += 61
    assert not access.is_barred("10.0.0.1")


def test_a_token_of_ones_own_must_be_long_and_is_in_no_file() -> None:
    assert own_token({}) is None
    assert own_token({TOKEN_VARIABLE: TOKEN}) == TOKEN
    for weak in ("short", "x" * 19, "ümlaut" * 5):
        with pytest.raises(ConfigError):
            own_token({TOKEN_VARIABLE: weak})
    kept = Link(1, "http://127.0.0.1:1")
    assert full_link(kept, {TOKEN_VARIABLE: TOKEN}) == f"http://127.0.0.1:1/#token={TOKEN}"
    with pytest.raises(ConfigError):
        full_link(kept, {})


def test_what_would_be_open_to_others_or_trade_real_money_must_be_said(tmp_path: Path) -> None:
    wide = Address("0.0.0.0", 8787)
    pem = tmp_path / "some.pem"
    pem.touch()
    check(Options(), Mode.LIVE)
    check(Options(actions=True), Mode.PAPER)
    check(Options(actions=True, yes=True), Mode.LIVE)
    check(Options(page=wide, is_public=True, certificate=pem, key=pem), Mode.SIM)
    with pytest.raises(NotConfirmed):
        check(Options(actions=True), Mode.LIVE)
    for bad in (
        Options(page=wide),
        Options(page=wide, is_public=True),
        Options(page=wide, certificate=pem, key=pem),
        Options(certificate=pem),
        Options(certificate=pem, key=tmp_path / "nowhere.pem"),
    ):
        with pytest.raises(ConfigError):
            check(bad, Mode.SIM)


def test_a_slow_browser_loses_messages_is_told_and_begins_again() -> None:
    async def play() -> list[str]:
        looker = Looker()
        for number in range(MESSAGES_WAITING_MAX + 5):
            looker.put(str(number))
        first = await looker.take(lambda: "snapshot")
        looker.put("after")
        return [first, await looker.take(lambda: "snapshot")]

    assert asyncio.run(play()) == ["snapshot", "after"]


def test_so_many_browsers_have_a_place_and_no_more() -> None:
    hub = Hub()
    inside = [hub.join() for _ in range(SOCKETS_MAX)]
    assert all(inside) and hub.join() is None and hub.is_watched
    assert inside[0] is not None
    hub.leave(inside[0])
    assert hub.join() is not None


def test_every_state_of_protection_has_a_word_and_a_tone() -> None:
    assert set(GUARDS) == set(Guarded)
    words = json.dumps(list(GUARDS.values()))
    assert "UNPROTECTED" in words
