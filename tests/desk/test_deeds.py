"""Goal: what was done is known from the wire, also when an answer is lost and found later.

Method: the noting adapter around a desk at the built-in exchange, with faults on the wire.
"""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from support.desk import Desk
from support.processes import clean_environment

from execbot.broker.errors import BrokerError
from execbot.cli.errors import failure_of
from execbot.cli.exit_codes import ExitCode
from execbot.desk.account import open_desk
from execbot.desk.errors import NothingClosed
from execbot.desk.opening.deeds import Deeds, noting, outcome_of
from execbot.desk.opening.exchange import control
from execbot.desk.opening.outcomes import carrying_out
from execbot.desk.opening.read_only import NotingClient
from execbot.journal.errors import JournalLocked
from execbot.model.enums import ErrorCategory, OrderType, Outcome, Side
from execbot.model.order import OrderRequest
from execbot.oms.errors import InDoubt, NotPossible

REST = OrderRequest(
    "AAPL",
    Side.BUY,
    qty=Decimal(1),
    type=OrderType.LIMIT,
    limit_price=Decimal(1),
    client_order_id="mine",
)


def test_an_answer_that_was_read_is_done(desk: Desk) -> None:
    client, deeds = NotingClient(desk.client), Deeds()
    with noting(deeds):
        order = client.place_order(REST)
        client.cancel_order(order.id)
    assert [deed.outcome for deed in deeds.done] == [Outcome.ACCEPTED, Outcome.CANCELED]
    assert outcome_of(deeds.done) is Outcome.ACCEPTED
    assert outcome_of(deeds.done[1:]) is Outcome.CANCELED
    assert not deeds.unknown


def test_an_answer_that_was_lost_is_unknown_until_the_broker_shows_the_order(desk: Desk) -> None:
    client, deeds = NotingClient(desk.client), Deeds()
    desk.fault("reset_after", method="POST", path="/v2/orders")
    with noting(deeds):
        with pytest.raises(BrokerError):
            client.place_order(REST)
        assert [deed.name for deed in deeds.unknown] == ["mine"]
        with suppress(BrokerError):
            client.place_order(REST)  # refused, the id is taken: that is no answer to the first
        assert [deed.name for deed in deeds.unknown] == ["mine"]
        client.get_order_by_client_id("mine")
    assert not deeds.unknown
    assert [deed.outcome for deed in deeds.done] == [Outcome.ACCEPTED]


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_journal_that_fails_after_a_cancel_says_what_is_known_of_it(
    tmp_path: Path, is_lost: bool
) -> None:
    """The error that comes up last knows nothing of the answer that was lost before it."""
    env = clean_environment(tmp_path, EXECBOT_MODE="sim")
    account = open_desk(env=env)
    try:
        order = account.client.place_order(REST)
        if is_lost:
            control("POST", "faults", {"kind": "reset_after", "method": "DELETE"}, env=env)
        with pytest.raises(JournalLocked) as caught, carrying_out(account):
            with suppress(BrokerError):
                account.client.cancel_order(order.id)
            raise JournalLocked("the journal is locked")
    finally:
        account.close()
    told = failure_of(caught.value)
    if is_lost:
        assert (told.exit_code, told.outcome) == (ExitCode.IN_DOUBT, "in_doubt")
        assert f"whether it was done is not known: canceled {order.id}" in told.message
        assert "never resubmit" in told.next_step
    else:
        assert (told.exit_code, told.outcome) == (ExitCode.PARTLY, "canceled")
        assert f"done before: canceled {order.id}" in told.message


def test_a_refusal_has_done_nothing_although_a_byte_has_left(desk: Desk) -> None:
    client, deeds = NotingClient(desk.client), Deeds()
    with noting(deeds), pytest.raises(BrokerError):
        client.place_order(OrderRequest("ZZZZ", Side.BUY, qty=Decimal(1), client_order_id="no"))
    assert (deeds.has_begun, deeds.done, deeds.unknown) == (True, [], [])


def test_nothing_is_noted_outside_of_a_command(desk: Desk) -> None:
    deeds = Deeds()
    with noting(deeds):
        pass
    NotingClient(desk.client).place_order(REST)
    assert not deeds.has_begun


def test_that_no_position_was_closed_is_in_doubt_where_one_of_them_is() -> None:
    refused, doubtful = NotPossible("it is held"), InDoubt("no answer")
    error = NothingClosed([("AAPL", refused), ("MSFT", doubtful)])
    assert (error.in_doubt, error.outcome) == (True, "in_doubt")
    assert error.category is ErrorCategory.WAITING
    assert not NothingClosed([("AAPL", refused)]).in_doubt
