"""The order state machine's table: which status follows which, as data.

An order is moved by two kinds of event. *Acts* are our own: the intent was written, the order was
sent, its outcome is in doubt, it was proven never sent. *Reports* are the broker's: a stream event
or a snapshot that says "the order has this status". `ACTS` says what an act does in each state,
`MOVES` which reported statuses an order takes on from the state it is in, `STAYS` which reports
are legal there and change nothing (they are old news). Whatever stands in none of the three is
illegal: it moves nothing and is recorded.

Six rules stand behind the entries.

1. The broker's word beats our conclusions. While an order is only known to us (queued, pending, in
   doubt) and also after we closed it ourselves (never sent, denied, withdrawn), any report of the
   broker is believed; in the second case with an alarm.
2. An end reported by the broker is final. No report reopens a filled, canceled, expired, rejected
   or replaced order; a fill that arrives after the end is still booked, and one that completes the
   quantity makes the order `filled`, because that is what happened (a cancel can lose the race).
3. Among working statuses the younger report wins, by the broker's own time stamp. Reports without
   a time can only move an order forward (`RANK`). An order that reached the venue does not go back
   to `pending_new` or `accepted`.
4. A status never changes a quantity and a quantity never waits for a status: executions are booked
   whatever the state (see `executions`).
5. What a bust takes back from a filled order makes it no longer filled, if the broker says so in
   the bust or later; a `filled` from before the bust is old news then.
6. A word that is not known here is kept as `unknown`, which counts as working: assuming less would
   be unsafe.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from execbot.model.enums import (
    ENDS,
    LOCAL_STATUSES,
    NOT_YET_ROUTED,
    REPORTS,
    WORKING_STATUSES,
    OrderStatus,
)

_S = OrderStatus


class Act(StrEnum):
    """Our own act on an order, or our conclusion about it."""

    INTENT = "intent"  # written down, about to be sent
    QUEUE = "queue"  # kept for the open
    DENY = "deny"  # refused by our own checks
    RELEASE = "release"  # taken from the queue, about to be sent
    SEND = "send"  # sent again under the same id
    DOUBT = "doubt"  # sent, and the outcome is unknown
    EXISTS = "exists"  # the broker says that it has it, and does not show it
    REFUSE = "refuse"  # the broker refused the request itself
    NEVER_SENT = "never_sent"  # proven absent at the broker
    REQUEUE = "requeue"  # released and not taken: it waits again
    WITHDRAW = "withdraw"  # taken back before it was sent
    LAPSE = "lapse"  # waited in the queue for too long
    ABANDON = "abandon"  # given up by hand

    MISSING = "missing"  # a look-up did not find it
    CANCEL_REQUESTED = "cancel_requested"
    REPLACE_REQUESTED = "replace_requested"
    ANNOTATE = "annotate"


REMARKS = frozenset({Act.MISSING, Act.CANCEL_REQUESTED, Act.REPLACE_REQUESTED, Act.ANNOTATE})
"""Legal in every state; they are history, not movement."""

ACTS: dict[OrderStatus | None, dict[Act, OrderStatus]] = {
    None: {Act.INTENT: _S.PENDING, Act.QUEUE: _S.QUEUED, Act.DENY: _S.DENIED},
    _S.QUEUED: {
        Act.RELEASE: _S.PENDING,
        Act.WITHDRAW: _S.CANCELED,
        Act.LAPSE: _S.EXPIRED,
        Act.DENY: _S.DENIED,
        Act.ABANDON: _S.CANCELED,
    },
    _S.PENDING: {
        Act.SEND: _S.PENDING,
        Act.DOUBT: _S.IN_DOUBT,
        Act.EXISTS: _S.IN_DOUBT,
        Act.REFUSE: _S.REJECTED,
        Act.NEVER_SENT: _S.NEVER_SENT,
        Act.REQUEUE: _S.QUEUED,
        Act.ABANDON: _S.CANCELED,
    },
    _S.IN_DOUBT: {
        Act.SEND: _S.IN_DOUBT,
        Act.DOUBT: _S.IN_DOUBT,
        Act.EXISTS: _S.IN_DOUBT,
        Act.REFUSE: _S.REJECTED,
        Act.NEVER_SENT: _S.NEVER_SENT,
        Act.REQUEUE: _S.QUEUED,
        Act.ABANDON: _S.CANCELED,
    },
    # Nothing is at the broker, so a new request may use the id again: still at most one order.
    _S.DENIED: {Act.INTENT: _S.PENDING, Act.QUEUE: _S.QUEUED, Act.DENY: _S.DENIED},
    _S.NEVER_SENT: {
        Act.INTENT: _S.PENDING,
        Act.QUEUE: _S.QUEUED,
        Act.REQUEUE: _S.QUEUED,
        Act.DENY: _S.DENIED,
    },
} | {status: {Act.ABANDON: _S.CANCELED} for status in WORKING_STATUSES}

_ROUTED = REPORTS - NOT_YET_ROUTED

MOVES: dict[OrderStatus, frozenset[OrderStatus]] = (
    dict.fromkeys(LOCAL_STATUSES, REPORTS)
    | dict.fromkeys(NOT_YET_ROUTED, REPORTS)
    | dict.fromkeys(WORKING_STATUSES - NOT_YET_ROUTED, _ROUTED)
    | {status: frozenset() for status in ENDS}
)
"""From a state, the reported statuses that it takes on."""

STAYS: dict[OrderStatus, frozenset[OrderStatus]] = (
    {status: frozenset() for status in LOCAL_STATUSES | NOT_YET_ROUTED}
    | dict.fromkeys(WORKING_STATUSES - NOT_YET_ROUTED, NOT_YET_ROUTED)
    | {status: WORKING_STATUSES | {status} for status in ENDS}
)
"""From a state, the reported statuses that are legal old news. A younger working report on an
ended order is a contradiction, though, and is treated as illegal."""

for _ended in ENDS - {_S.FILLED}:
    STAYS[_ended] |= {_S.FILLED}
    # `filled` after another end is decided by the quantities, see rule 2.

RANK: dict[OrderStatus, int] = {
    _S.PENDING_NEW: 0,
    _S.ACCEPTED: 1,
    _S.UNKNOWN: 2,
    _S.ACCEPTED_FOR_BIDDING: 2,
    _S.HELD: 2,
    _S.NEW: 3,
    _S.SUSPENDED: 4,
    _S.STOPPED: 4,
    _S.PARTIALLY_FILLED: 5,
    _S.DONE_FOR_DAY: 6,
    _S.CALCULATED: 6,
    _S.PENDING_REPLACE: 7,
    _S.PENDING_CANCEL: 8,
}
"""Decides between working reports of the same instant, or without a time: the higher one."""

STATUS_OF_EVENT: dict[str, OrderStatus] = {
    "new": _S.NEW,
    "pending_new": _S.PENDING_NEW,
    "accepted": _S.ACCEPTED,
    "fill": _S.FILLED,
    "partial_fill": _S.PARTIALLY_FILLED,
    "canceled": _S.CANCELED,
    "expired": _S.EXPIRED,
    "rejected": _S.REJECTED,
    "replaced": _S.REPLACED,
    "pending_cancel": _S.PENDING_CANCEL,
    "pending_replace": _S.PENDING_REPLACE,
    "done_for_day": _S.DONE_FOR_DAY,
    "stopped": _S.STOPPED,
    "suspended": _S.SUSPENDED,
    "calculated": _S.CALCULATED,
    "held": _S.HELD,
}
"""Stream events that name a status. Every other event, known or not (`order_cancel_rejected`,
`order_replace_rejected`, `restated`, `trade_bust`, `trade_correct`), reports its order's status."""

REVERSALS = frozenset({"order_cancel_rejected", "order_replace_rejected"})
"""They take back a pending_cancel or pending_replace, with or without a time stamp."""

ACTIVITY = "activity_fill"
SNAPSHOT = "snapshot"
"""Kinds of the two reports that come from REST."""

BUST = "trade_bust"
CORRECTION = "trade_correct"
EXECUTIONS = frozenset({"fill", "partial_fill", ACTIVITY})
ADJUST = "position_adjusted"
"""A booking that is no trade: an adopted position, a fee in coins. It belongs to no order."""

COIN_FEE = "crypto_fee"
"""The reason of such a booking: the broker took coins for a purchase."""


CHAIN = "chain"
"""What the orders before a replacement have filled has changed: an event of ours, see `chains`."""

UNTIMED = datetime(1970, 1, 1, tzinfo=UTC)
"""`status_at` of a status whose report carried no time: any report with a time is younger."""


class Verdict(StrEnum):
    """The table's verdict on a report."""

    MOVE = "move"
    STAY = "stay"
    ILLEGAL = "illegal"


def verdict(current: OrderStatus, reported: OrderStatus) -> Verdict:
    """Look the pair up; times are not considered here."""
    if reported in MOVES[current]:
        return Verdict.MOVE
    return Verdict.STAY if reported in STAYS[current] else Verdict.ILLEGAL
