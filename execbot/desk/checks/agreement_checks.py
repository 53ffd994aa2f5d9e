"""Do journal and broker agree: the last reconciliation, quantities now, orders in doubt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from execbot.desk.account import Desk
from execbot.desk.checks.finding import Examination, Finding, Status
from execbot.desk.look.freshen import freshen
from execbot.journal.care.reconciled import Reconciliation, last_reconciliation
from execbot.journal.records import OrderRecord
from execbot.market.sessions import SessionTable, trading_days
from execbot.model.enums import OrderStatus
from execbot.model.timer import Timer, of_ours
from execbot.model.times import eastern, show_age, show_eastern
from execbot.oms.sync.coin_fees import is_fee
from execbot.oms.sync.differences import PositionDifference, compare
from execbot.oms.sync.options.pending_events import pending_events

LOOK_BACK = timedelta(days=14)
PAUSE_SECONDS = 0.5
"""Between two looks: a fill that arrives in between is no difference."""

DOUBT_AGE = timedelta(minutes=1)
NAMED_MAX = 3


def agreement(examined: Examination) -> Iterator[Finding]:
    """The last reconciliation and what it found, and the quantities as they are now."""
    desk = examined.opened()
    last = last_reconciliation(desk.journal)
    examined.figures["breaks"] = 0 if last is None else last.count
    has_traded = desk.journal.first_written() is not None
    yield reconciled(last, desk.risk.reader.table_at(desk.now()), desk.now(), has_traded)
    found = [item for item in _differences(desk) if not _is_known(item, last)]
    fees = [item for item in found if _is_fee(desk, item)]
    found = [item for item in found if item not in fees]
    pending = pending_events(desk.journal, desk.client.get_positions(), desk.now()) if found else {}
    for words in dict.fromkeys(pending.values()):
        yield Finding("quantities", Status.OK, words)
    differing = [item for item in found if item.symbol not in pending]
    for item in differing[:NAMED_MAX]:
        yield Finding("quantities", Status.FAIL, str(item), "execbot reconcile")
    if not differing and not pending:
        but = f", but for fees in coins: {', '.join(map(str, fees))}" if fees else ""
        yield Finding("quantities", Status.OK, f"journal and broker hold the same{but}")


def reconciled(
    last: Reconciliation | None, table: SessionTable, now: datetime, has_traded: bool
) -> Finding:
    """What to say of the last reconciliation. Pure."""
    if last is None:
        if not has_traded:
            return Finding("reconcile", Status.OK, "nothing was traded yet")
        return Finding("reconcile", Status.WARN, "never done", "execbot reconcile")
    age = show_age(max(int((now - last.at).total_seconds()), 0))
    if last.count:
        named = ", ".join(last.breaks[:NAMED_MAX])
        breaks = "a break" if last.count == 1 else f"{last.count} breaks"
        words = f"{breaks} {age} ago: {named}"
        return Finding("reconcile", Status.FAIL, words, "execbot reconcile")
    ended = _last_ended(table, now)
    if ended is not None and last.at < ended:
        words = f"last done {show_eastern(last.at)}, before the last session ended"
        return Finding("reconcile", Status.WARN, words, "execbot reconcile")
    return Finding("reconcile", Status.OK, f"no breaks {age} ago")


def _last_ended(table: SessionTable, now: datetime) -> datetime | None:
    """The open of the last regular session that is over: a reconcile since then has seen its day,
    and one at the start of the next comes in time."""
    today = eastern(now).date()
    days = [day for day in trading_days(table, today - LOOK_BACK, today) if day.close <= now]
    return days[-1].open if days else None


def _differences(desk: Desk) -> list[PositionDifference]:
    """Those that two looks show the same. Raises BrokerError."""
    first = compare(desk.journal.positions(), desk.client.get_positions())
    if not first:
        return []
    Timer().sleep(PAUSE_SECONDS)
    freshen(desk)
    again = compare(desk.journal.positions(), desk.client.get_positions())
    return [item for item in again if item in first]


def _is_fee(desk: Desk, item: PositionDifference) -> bool:
    """Coins that the broker has taken as its fee, and that nobody has booked yet (E-FEE-2)."""
    ours = desk.journal.position(item.symbol)
    return ours is not None and ours.qty == item.ours and is_fee(desk.journal, ours, item.theirs)


def _is_known(item: PositionDifference, last: Reconciliation | None) -> bool:
    """The last reconciliation has it among its breaks, and says so already."""
    return last is not None and any(item.symbol in words.split() for words in last.breaks)


def _since(record: OrderRecord) -> datetime | None:
    """When it was handed to the broker; what waited in the queue for days is sent only now."""
    is_sending = record.status is OrderStatus.PENDING and record.sent_at is not None
    return record.sent_at if is_sending else record.intent_at


def doubt(examined: Examination) -> Iterator[Finding]:
    """Whether the outcome of an order is unknown."""
    desk = examined.opened()
    unsettled = desk.journal.unsettled_orders()
    examined.figures["in_doubt"] = len(unsettled)
    if not unsettled:
        yield Finding("orders in doubt", Status.OK, "none")
        return
    yield doubtful(unsettled, desk.now(), of_ours(DOUBT_AGE, desk.now))


def doubtful(
    unsettled: Sequence[OrderRecord], now: datetime, patience: timedelta = DOUBT_AGE
) -> Finding:
    """Some of them are just being sent: those are no trouble yet. Pure."""
    old = [item for item in unsettled if (at := _since(item)) is None or now - at >= patience]
    named = ", ".join(item.client_order_id for item in (old or unsettled)[:NAMED_MAX])
    status = Status.FAIL if old else Status.WARN
    words = f"{len(unsettled)}, outcome unknown: {named}"
    return Finding("orders in doubt", status, words, "execbot reconcile")
