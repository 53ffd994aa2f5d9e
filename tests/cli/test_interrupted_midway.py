"""Goal: Ctrl-C in the middle of a submit never says that nothing was sent where something was.

Method: a real desk at the built-in exchange; the interrupt comes after a cancel of a living order,
before the intent of the next one.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, cast, get_args, get_type_hints

import pytest
from support.processes import clean_environment

from execbot.cli import main
from execbot.cli.begun import begins
from execbot.cli.errors import Failure, failure_of
from execbot.cli.interrupted import known_if_interrupted
from execbot.desk.account import Desk, open_desk
from execbot.desk.opening import outcomes
from execbot.desk.opening.deeds import What
from execbot.desk.opening.outcomes import carrying_out
from execbot.desk.opening.read_only import NotingClient
from execbot.model.enums import OrderType, Side
from execbot.model.order import OrderRequest
from execbot.schemas.errors import Done


def resting(desk: Desk) -> str:
    request = OrderRequest(
        "AAPL", Side.BUY, qty=Decimal(1), type=OrderType.LIMIT, limit_price=Decimal(1)
    )
    return desk.oms.submit(request).order_id


def told(desk: Desk, *, cancels: str = "", raises: BaseException) -> Failure:
    with pytest.raises((KeyboardInterrupt, Failure)) as caught:  # noqa: SIM117
        with carrying_out(desk), known_if_interrupted(desk) as sending:
            sending.client_order_id = "never-written"
            if cancels:
                desk.client.cancel_order(cancels)
            raise raises
    return failure_of(caught.value)


def test_an_interrupt_after_a_cancel_says_what_was_done(tmp_path: Path) -> None:
    desk = open_desk(env=clean_environment(tmp_path, EXECBOT_MODE="sim"))
    try:
        after = told(desk, cancels=resting(desk), raises=KeyboardInterrupt())
        assert after.outcome == "canceled"
        assert "before anything was sent" not in after.message
        before = told(desk, raises=KeyboardInterrupt())
        assert before.outcome == "not_sent"
        assert before.message == "Interrupted before anything was sent"
    finally:
        desk.close()


CALL = "AAPL261218C00250000"


class Stops:
    """A broker that takes an exercise, or is interrupted before its answer was read."""

    def __init__(self, *, answers: bool) -> None:
        self._answers = answers

    def exercise(self, symbol: str) -> None:
        if not self._answers:
            raise KeyboardInterrupt

    do_not_exercise = exercise


@pytest.mark.parametrize(("answers", "outcome"), [(True, "accepted"), (False, "in_doubt")])
@pytest.mark.parametrize(
    ("asked", "words"), [("exercise", "exercised"), ("do_not_exercise", "said not to exercise")]
)
def test_an_interrupt_around_an_exercise_says_what_is_known_of_it(
    tmp_path: Path, asked: str, words: str, answers: bool, outcome: str
) -> None:
    client: Any = NotingClient(cast("Any", Stops(answers=answers)))
    desk = open_desk(env=clean_environment(tmp_path, EXECBOT_MODE="sim"))
    try:
        with pytest.raises(KeyboardInterrupt) as caught, carrying_out(desk) as deeds:
            getattr(client, asked)(CALL)
            raise KeyboardInterrupt
        assert failure_of(caught.value).outcome == outcome
        (deed,) = deeds.all.values()
        assert outcomes.words_of(deed, desk) == f"{words} {CALL}"
        if answers:
            done = {"what": asked, "symbol": CALL, "outcome": "accepted"}
            assert failure_of(caught.value).extra["done"] == [done]
    finally:
        desk.close()


def test_every_write_has_its_words() -> None:
    assert set(outcomes.VERBS) == set(What)
    assert set(get_args(get_type_hints(Done)["what"])) == {what.value for what in What}


@pytest.mark.parametrize(("begun", "outcome"), [(False, "not_sent"), (True, "in_doubt")])
def test_an_interrupt_while_a_command_still_starts_leaves_nothing_in_doubt(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    begun: bool,
    outcome: str,
) -> None:
    """Its modules are imported, its configuration is read: no byte has left."""

    def interrupted(given: list[str]) -> int:
        begins(begun)
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "_carry_out", interrupted)
    try:
        assert main._run(["submit", "AAPL", "--qty", "1", "--json"]) == 130
    finally:
        begins(False)
    said = json.loads(capsys.readouterr().err)
    assert said["outcome"] == outcome
    assert bool(said["hint"]) is bool(said["next"]) is begun
