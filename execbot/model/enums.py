"""Alpaca's words as enums, and the named sets that logic tests membership of.

Statuses are open-ended on the wire: `OrderStatus.parse` maps a word it does not know to
`UNKNOWN` instead of failing, and the raw word stays in the order's raw payload.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """+1 for buy, -1 for sell: what a fill does to a signed position."""
        return 1 if self is Side.BUY else -1

    @property
    def to_close(self) -> str:
        """Alpaca's `position_intent` of an order that may only close."""
        return f"{self.value}_to_close"


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"


class TimeInForce(StrEnum):
    DAY = "day"
    GTC = "gtc"
    OPG = "opg"
    CLS = "cls"
    IOC = "ioc"
    FOK = "fok"


class OrderClass(StrEnum):
    """`""` is what Alpaca sends for a simple order since July 2026; both mean the same."""

    NONE = ""
    SIMPLE = "simple"
    BRACKET = "bracket"
    OCO = "oco"
    OTO = "oto"
    MLEG = "mleg"


class AssetClass(StrEnum):
    US_EQUITY = "us_equity"
    CRYPTO = "crypto"
    US_OPTION = "us_option"


class PositionSide(StrEnum):
    LONG = "long"
    SHORT = "short"

    @classmethod
    def of(cls, qty: Decimal) -> PositionSide:
        """Of a signed quantity; nothing at all counts as long."""
        return cls.SHORT if qty < 0 else cls.LONG

    @classmethod
    def opened_by(cls, side: Side) -> PositionSide:
        return cls.LONG if side is Side.BUY else cls.SHORT

    @property
    def closing(self) -> Side:
        """The side of the orders that close it."""
        return Side.SELL if self is PositionSide.LONG else Side.BUY


class OrderStatus(StrEnum):
    """The first group is ours, before or instead of the broker; the rest is Alpaca's."""

    QUEUED = "queued"  # kept for the open; nothing was sent
    PENDING = "pending"  # intent is durable; the POST may or may not have left
    IN_DOUBT = "in_doubt"  # the POST left and its outcome is unknown
    NEVER_SENT = "never_sent"  # proven absent at the broker after a quiet period
    DENIED = "denied"  # refused by our own risk checks

    PENDING_NEW = "pending_new"
    NEW = "new"
    ACCEPTED = "accepted"
    ACCEPTED_FOR_BIDDING = "accepted_for_bidding"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    PENDING_CANCEL = "pending_cancel"
    CANCELED = "canceled"
    PENDING_REPLACE = "pending_replace"
    REPLACED = "replaced"
    REJECTED = "rejected"
    EXPIRED = "expired"
    DONE_FOR_DAY = "done_for_day"
    HELD = "held"
    STOPPED = "stopped"
    SUSPENDED = "suspended"
    CALCULATED = "calculated"

    UNKNOWN = "unknown"  # a word the broker added after this was written

    @classmethod
    def parse(cls, word: object) -> OrderStatus:
        """Read a status from the wire; an unknown word is UNKNOWN, never an error."""
        return _STATUS_WORDS.get(str(word), cls.UNKNOWN)


_STATUS_WORDS = {status.value: status for status in OrderStatus}


LOCAL_STATUSES = frozenset(
    {
        OrderStatus.QUEUED,
        OrderStatus.PENDING,
        OrderStatus.IN_DOUBT,
        OrderStatus.NEVER_SENT,
        OrderStatus.DENIED,
    }
)
"""States the broker does not know of."""

UNSETTLED_STATUSES = frozenset({OrderStatus.PENDING, OrderStatus.IN_DOUBT})
"""An order may exist at the broker; only a look-up by client_order_id can tell."""

TERMINAL_STATUSES = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.EXPIRED,
        OrderStatus.REJECTED,
        OrderStatus.REPLACED,
        OrderStatus.NEVER_SENT,
        OrderStatus.DENIED,
    }
)
"""Nothing more is expected. A late fill is still booked (a cancel can lose the race)."""

WORKING_STATUSES = frozenset(
    set(OrderStatus) - TERMINAL_STATUSES - LOCAL_STATUSES - {OrderStatus.UNKNOWN}
) | {OrderStatus.UNKNOWN}
"""May still fill at the broker. UNKNOWN counts: assuming less would be unsafe."""

OPEN_STATUSES = WORKING_STATUSES | UNSETTLED_STATUSES | {OrderStatus.QUEUED}
"""Everything that may still become a position: what limits must count."""

# The sets below say what may be done with an order, or believed of it. A status that Alpaca adds
# is decided here, set by set: tests/model/test_status_sets.py asks for each of them.

UNCONFIRMED = UNSETTLED_STATUSES | {OrderStatus.QUEUED}
"""Open here and not known at the broker: its list cannot show them, and the trader may abandon
them. What works at the broker is canceled instead."""

REOPENABLE = frozenset({OrderStatus.DENIED, OrderStatus.NEVER_SENT})
"""Nothing is at the broker under this id: a new request may use it."""

ENDS = TERMINAL_STATUSES - LOCAL_STATUSES
"""How the broker ends an order."""

REPORTS = WORKING_STATUSES | ENDS
"""Everything a broker can say of an order's status."""

OVER = TERMINAL_STATUSES - {OrderStatus.REPLACED}
"""Ended for good. A replaced order lives on in the order that took its place."""

CUT_SHORT = OVER - {OrderStatus.FILLED}
"""Ended before it was complete: what had not filled never will, and may be asked for again."""

FAILED = frozenset({OrderStatus.REJECTED, OrderStatus.DENIED, OrderStatus.NEVER_SENT})
"""It never worked: refused by the broker or by us, or not sent. Told as a failure, unlike an order
that was canceled or whose time was over."""

NOT_AT_BROKER = LOCAL_STATUSES | FAILED
"""The broker has taken no such order: it is known here alone, or was refused."""

LAPSED = frozenset({OrderStatus.CANCELED, OrderStatus.EXPIRED})
"""Taken back, or its time was over."""

ENDED_UNFILLED = LAPSED | {OrderStatus.REJECTED}
"""The broker had it, and it ended without being filled whole: what is missed of it is counted."""

NOT_TAKEN = frozenset({OrderStatus.REJECTED, OrderStatus.NEVER_SENT, OrderStatus.IN_DOUBT})
"""Handed to the broker, and it did not take them, or nobody knows."""

OWN_ENDS = frozenset({OrderStatus.DENIED, OrderStatus.QUEUED, OrderStatus.PENDING})
"""Our own checks refused them, or they have not been sent yet: the broker was never asked."""

TRADED = frozenset({OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED})
"""The broker's word that shares changed hands; after another end only the quantity tells."""

NOT_YET_ROUTED = frozenset({OrderStatus.PENDING_NEW, OrderStatus.ACCEPTED})
"""At Alpaca, not yet at the venue: an order passes through them once."""

SHOWS_FILLS = NOT_YET_ROUTED | {OrderStatus.ACCEPTED_FOR_BIDDING, OrderStatus.NEW}
"""An order in one of these with a fill in the books is `partially_filled`."""

ARRIVING = UNSETTLED_STATUSES | {OrderStatus.PENDING_NEW}
"""Sent or about to be, and not acknowledged: it protects nothing yet."""

ACKNOWLEDGED = frozenset(
    {
        OrderStatus.NEW,
        OrderStatus.ACCEPTED,
        OrderStatus.ACCEPTED_FOR_BIDDING,
        OrderStatus.PARTIALLY_FILLED,
        OrderStatus.HELD,
        OrderStatus.PENDING_REPLACE,
        OrderStatus.STOPPED,
    }
)
"""The broker has the order and it can trigger. `pending_replace` still stands as it was."""

ACTIVATED = frozenset({OrderStatus.NEW, OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED})
"""A leg in one of these is `held` no longer: its trigger has come."""

REPLACEABLE = frozenset({OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.HELD})
"""PATCH is refused in every other status (`accepted`: the market is closed)."""

UNDER_WAY = frozenset({OrderStatus.PENDING_CANCEL, OrderStatus.PENDING_REPLACE})
"""A request of ours is on its way through the venue."""

IN_MOTION = UNDER_WAY | {OrderStatus.PENDING_NEW}
"""At the broker, and left again within milliseconds in an open market: a longer stay means that a
report was lost."""

UNSTEADY = ARRIVING | UNDER_WAY
"""On its way in, out or into another order: nothing is rearranged around it before it stands."""

UNCANCELABLE = ARRIVING | {OrderStatus.PENDING_CANCEL}
"""Asking for a cancel is useless: not at the broker yet, or being canceled already."""

STANDING = WORKING_STATUSES - {OrderStatus.PENDING_CANCEL}
"""At the broker, and nobody has asked for its end."""


class Outcome(StrEnum):
    """The one-word answer every command gives about an order (see docs/cli.md)."""

    NOT_SENT = "not_sent"
    ACCEPTED = "accepted"
    FILLED = "filled"
    PARTIALLY_FILLED = "partially_filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    QUEUED = "queued"
    IN_DOUBT = "in_doubt"


OUTCOME_OF: dict[OrderStatus, Outcome] = {
    OrderStatus.QUEUED: Outcome.QUEUED,
    OrderStatus.PENDING: Outcome.IN_DOUBT,
    OrderStatus.IN_DOUBT: Outcome.IN_DOUBT,
    OrderStatus.NEVER_SENT: Outcome.NOT_SENT,
    OrderStatus.DENIED: Outcome.NOT_SENT,
    OrderStatus.PARTIALLY_FILLED: Outcome.PARTIALLY_FILLED,
    OrderStatus.FILLED: Outcome.FILLED,
    OrderStatus.CANCELED: Outcome.CANCELED,
    OrderStatus.REJECTED: Outcome.REJECTED,
    OrderStatus.EXPIRED: Outcome.EXPIRED,
}
"""Statuses not listed are working at the broker: `accepted`. A replaced order counts as such, since
nobody canceled it: it works on as the order that `replaced_by` names."""


class ErrorCategory(StrEnum):
    RETRYABLE = "retryable"
    ADJUSTABLE = "adjustable"
    FATAL = "fatal"
    WAITING = "waiting"


class EventSource(StrEnum):
    """Where an event came from; the audit trail keeps it with every event."""

    LOCAL = "local"  # a decision or act of ours
    REST = "rest"  # a reply or a snapshot
    STREAM = "stream"  # a trade_updates frame
    ACTIVITY = "activity"  # an account activity (FILL row)
    RECONCILE = "reconcile"  # inferred while comparing both sides


STOP_TYPES = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})
