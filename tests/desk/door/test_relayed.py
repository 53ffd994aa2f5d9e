"""Goal: an error from the watch is told as it would have been told of itself: code, words, JSON."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from msgspec import json as wire

from execbot.broker.errors import NetworkError, RateLimited, RequestRefused
from execbot.broker.remedy import Remedy
from execbot.cli.errors import Failure, failure_of
from execbot.config.errors import ConfigError
from execbot.desk.door.relayed import carried, restored
from execbot.desk.door.wire import to_bytes
from execbot.desk.errors import OrderRejected
from execbot.exits.levels import LevelError
from execbot.journal.errors import JournalLocked
from execbot.journal.records import OrderRecord
from execbot.model.enums import OrderStatus, OrderType, Side, TimeInForce
from execbot.model.order import Order
from execbot.oms.errors import InDoubt, NotPossible, Refused
from execbot.oms.results import GateVerdict


def record(status: OrderStatus) -> OrderRecord:
    order = Order(
        id="b-1",
        client_order_id="c-1",
        symbol="AAPL",
        side=Side.BUY,
        type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        status=status,
        qty=Decimal(1),
    )
    return OrderRecord(order)


def noted(error: BaseException, **facts: object) -> BaseException:
    for name, value in facts.items():
        setattr(error, name, value)
    return error


ERRORS: dict[str, BaseException] = {
    "refused by checks": Refused(
        GateVerdict(False, "risk.max_position_size", "too large", hint="Failed checks: a."),
        record(OrderStatus.DENIED),
    ),
    "in doubt": InDoubt("not known", record=record(OrderStatus.IN_DOUBT)),
    "rejected by the broker": RequestRefused(
        "broker.insufficient_buying_power", "no", status=403, said="refused", client_order_id="c"
    ),
    "rejected later": OrderRejected(record(OrderStatus.REJECTED)),
    "no network": NetworkError("network.timeout", "no answer", url="http://x"),
    "rate limit": RateLimited(
        "broker.rate_limited", "too many", remedy=Remedy.RETRY_AFTER, status=429
    ),
    "not possible": NotPossible("it is filled", record=record(OrderStatus.FILLED)),
    "a level": LevelError("exits.side", "a stop above the price", "lower it"),
    "a configuration": ConfigError("bad", kind="config.value", hint="h", next_step="n"),
    "the journal": JournalLocked("locked"),
    "after something was done": noted(
        NotPossible("later"), after="canceled", noted={"done": [{"what": "cancel", "id": "x"}]}
    ),
    "a doubt that was noted": noted(
        JournalLocked("locked"), in_doubt=True, noted={"unrecorded": "x"}
    ),
    "a bug": KeyError("x"),
    "a bug after the first byte": noted(ValueError("odd"), in_doubt=True, noted={"done": []}),
    "a file": noted(OSError(28, "No space left on device", "/x/y"), after="accepted"),
}


def shown(failure: Failure) -> dict[str, object]:
    return json.loads(json.dumps(failure.as_json(), default=str))


@pytest.mark.parametrize("what", ERRORS)
def test_an_error_is_told_alike_on_both_sides(what: str) -> None:
    error = ERRORS[what]
    there = restored(wire.decode(to_bytes(carried(error))))
    assert shown(failure_of(there)) == shown(failure_of(error))
    assert type(there).__name__ in ("Relayed", type(error).__name__)
