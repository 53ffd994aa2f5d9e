"""What execbot does about an error of the broker, drawn from what its rules answer.

Each row of the tables of errors is made into an error and put to `next_step`: once as the first
failure, once when every further attempt is used up. Rows with the same answers share a way; only
the words of the ways stand here.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from support import risk_facts

from execbot.broker.error_page import MORE_ROWS
from execbot.broker.error_table import ROWS
from execbot.broker.errors import NETWORK_ROWS, TLS_ROW, BrokerError
from execbot.broker.refusals.change import CHANGE_ROWS, MISSING_ROWS
from execbot.broker.remedy import Remedy
from execbot.config.schema import OrderManagementSettings
from execbot.model.enums import OrderType, TimeInForce
from execbot.model.order import OrderRequest
from execbot.oms.place.after_error import History, RetryDecision, RetryStep, next_step

SETTINGS = OrderManagementSettings()
OF_CHANGES = (*CHANGE_ROWS, *MISSING_ROWS)
"""Refusals of a replace, a cancel or a look-up: no order is lost by them, and none follows."""

EXTRA = {
    "buying_power": "1000",
    "cost_basis": "2000",
    "available": "5",
    "balance": "5",
}
"""What a refusal says of what would fit."""

D = Decimal
REQUESTS = (
    risk_facts.request(client_order_id="c", qty=D("10.5")),
    risk_facts.request(client_order_id="c", qty=None, notional=D("1000.005")),
    risk_facts.request(
        client_order_id="c", qty=D(10), type=OrderType.LIMIT, limit_price=D("100.0001")
    ),
    risk_facts.request(client_order_id="c", qty=D(10), time_in_force=TimeInForce.GTC),
)
"""Orders of which at least one can be altered, whatever was refused."""


class Way(NamedTuple):
    """The answers to the first failure and to one after the last attempt; `tell`: a person."""

    sent_again: bool
    first: RetryStep
    last: RetryStep
    tell: bool


class Words(NamedTuple):
    question: str
    does: str


WORDS: dict[Way, Words] = {
    Way(False, RetryStep.SETTLE, RetryStep.SETTLE, False): Words(
        "may it have arrived, or is its id in use?",
        "looked up by client_order_id; sent again under the same id only while it is absent and "
        "young; else in doubt, exit 7",
    ),
    Way(True, RetryStep.STOP, RetryStep.STOP, True): Words(
        "did certainly nothing happen?",
        "sent again under the same id, retry_attempts times; then not sent, exit 10, and told "
        "(the entry of a signal waits in the queue)",
    ),
    Way(False, RetryStep.QUEUE, RetryStep.QUEUE, False): Words(
        "is only the hour wrong?", "kept in the queue for the open"
    ),
    Way(False, RetryStep.RETRY, RetryStep.ADJUST, False): Words(
        "do orders that are ending hold the shares?",
        "waits and tries again, retry_attempts times; then the shares that are free",
    ),
    Way(False, RetryStep.RETRY, RetryStep.STOP, False): Words(
        "does an order of ours stand in the way for a moment?",
        "waits and tries again, retry_attempts times; then stops, exit 6",
    ),
    Way(False, RetryStep.ADJUST, RetryStep.ADJUST, False): Words(
        "would a smaller, a rounded or a limit order be taken?",
        "that order under a new id (.2, .3), adjust_attempts times, never the same twice; a submit "
        "by hand is not altered, exit 6",
    ),
    Way(False, RetryStep.STOP, RetryStep.STOP, True): Words(
        "is it the account, or the keys?", "stops and tells a person; exit 4 or 6"
    ),
    Way(False, RetryStep.STOP, RetryStep.STOP, False): Words(
        "anything else", "stops and says why; exit 2 or 6"
    ),
}
"""In the order in which the questions are asked."""


def errors() -> Iterator[tuple[str, BrokerError]]:
    """Every error of the tables that an order can meet: its name for people, and the error."""
    for row in ROWS:
        if row in OF_CHANGES:
            continue
        yield row.kind, _error(row.kind, row.remedy, row.remedy is Remedy.IN_DOUBT)
    for kind, remedy, _ in MORE_ROWS:
        if not kind.startswith("stream."):
            yield kind, _error(kind, remedy, remedy is Remedy.IN_DOUBT)
    for network in (*NETWORK_ROWS, TLS_ROW):
        yield "network.* before a byte left", _error(network.kind, Remedy.RETRY, False)
        yield "network.* after a byte left", _error(network.kind, Remedy.IN_DOUBT, True)


def way_of(error: BrokerError) -> Way:
    fresh = [_next(error, History(), request) for request in REQUESTS]
    spent = History(retries=SETTINGS.retry_attempts)
    later = [_next(error, spent, request) for request in REQUESTS]
    first = max(fresh, key=lambda decision: decision.step is RetryStep.ADJUST)
    last = max(later, key=lambda decision: decision.step is RetryStep.ADJUST)
    again = error.remedy in (Remedy.RETRY, Remedy.RETRY_AFTER) and not error.in_doubt
    return Way(again, first.step, last.step, last.tell)


def ways() -> dict[Way, list[str]]:
    """The ways in the order of their questions, each with the errors that take it."""
    found: dict[Way, list[str]] = {way: [] for way in WORDS}
    for name, error in errors():
        taken = found[way_of(error)]
        if name not in taken:
            taken.append(name)
    return found


def diagram() -> str:
    lines = ["```mermaid", "flowchart TD", '    failed["an order failed"]']
    before = "failed"
    for number, (way, words) in enumerate(WORDS.items(), 1):
        leaf = f'does{number}["{way.first}: {words.does}"]'
        if words.question == "anything else":
            lines.append(f"    {before} -->|no| {leaf}")
            continue
        label = "" if before == "failed" else "|no|"
        lines.append(f'    {before} -->{label} ask{number}{{"{words.question}"}}')
        lines.append(f"    ask{number} -->|yes| {leaf}")
        before = f"ask{number}"
    return "\n".join([*lines, "```", ""])


def table() -> str:
    rows = ["| question | then | errors |", "|---|---|---|"]
    for way, names in ways().items():
        words = WORDS[way]
        rows.append(f"| {words.question} | {words.does} | {_listed(names)} |")
    return "\n".join([*rows, ""])


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name.split()[0]}`{name[len(name.split()[0]) :]}" for name in names)


def _error(kind: str, remedy: Remedy, in_doubt: bool) -> BrokerError:
    return BrokerError(kind, kind, remedy=remedy, in_doubt=in_doubt, extra=EXTRA)


def _next(error: BrokerError, history: History, request: OrderRequest) -> RetryDecision:
    return next_step(error, request, history, SETTINGS, quote=risk_facts.quote())
