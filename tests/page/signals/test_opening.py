"""Goal: the doors open only as they safely may, and each refusal says how they do."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execbot.config.errors import ConfigError
from execbot.config.schema import Mode
from execbot.desk.confirming import NotConfirmed
from execbot.page.addresses import Address
from execbot.page.options import Options, check
from execbot.page.signals.secrets import LENGTH_MIN, SECRET_VARIABLE, Secret
from execbot.page.signals.serving import secret_of
from execbot.page.signals.silence import watch_silence

HERE, EVERYWHERE = Address("127.0.0.1", 8788), Address("0.0.0.0", 8788)


def test_signals_in_live_need_a_yes_at_the_start() -> None:
    check(Options(signals=HERE), Mode.PAPER)
    check(Options(signals=HERE, yes=True), Mode.LIVE)
    with pytest.raises(NotConfirmed) as refused:
        check(Options(signals=HERE), Mode.LIVE)
    assert refused.value.next_step == "execbot page --signals 127.0.0.1:8788 --yes"


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (Options(signals=EVERYWHERE), "usage.public"),
        (Options(signals=EVERYWHERE, is_public=True), "usage.tls"),
        (Options(metrics=EVERYWHERE), "usage.public"),
        (Options(metrics=EVERYWHERE, is_public=True), "usage.public"),
    ],
)
def test_other_machines_reach_no_door_by_accident(options: Options, kind: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check(options, Mode.PAPER)
    assert refused.value.kind == kind


@pytest.mark.parametrize("words", [None, "", "  ", "x" * (LENGTH_MIN - 1)])
def test_without_a_secret_worth_the_name_nothing_listens(words: str | None) -> None:
    env = {} if words is None else {SECRET_VARIABLE: words}
    with pytest.raises(ConfigError) as refused:
        secret_of(env)
    assert SECRET_VARIABLE in str(refused.value)
    assert "token_urlsafe" in refused.value.next_step


@given(st.text(max_size=40))
def test_only_the_secret_itself_matches_and_it_shows_nowhere(guess: str) -> None:
    secret = Secret("the-secret-of-these-tests")
    assert secret.matches(guess) is (guess == "the-secret-of-these-tests")
    assert secret.matches("the-secret-of-these-tests")
    assert "tests" not in repr(secret)


def test_each_silence_is_told_once_and_a_signal_begins_it_anew() -> None:
    """Virtual time: each look at the store moves the clock by half an hour."""
    began = datetime(2026, 11, 20, tzinfo=UTC)
    now, told = [began], list[datetime]()
    came = [began + timedelta(hours=3, minutes=10)]

    def look() -> datetime | None:
        now[0] += timedelta(minutes=30)
        return max((at for at in came if at <= now[0]), default=None)

    async def run() -> None:
        watching = watch_silence(look, lambda: now[0], 2, lambda: told.append(now[0]), 0)
        task = asyncio.ensure_future(watching)
        while now[0] < began + timedelta(hours=9):
            await asyncio.sleep(0)
        task.cancel()

    asyncio.run(run())
    assert told == [began + timedelta(hours=2), began + timedelta(hours=5, minutes=30)]
