"""What docs/events.md says of the journal's events and decisions, from the enums and the schema."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from execbot.journal import Journal
from execbot.journal.records import EventResult, Origin, Role
from execbot.model.enums import EventSource
from execbot.oms.machine.changes import EventName
from execbot.oms.machine.table import (
    ACTIVITY,
    ADJUST,
    BUST,
    CHAIN,
    CORRECTION,
    REVERSALS,
    SNAPSHOT,
    STATUS_OF_EVENT,
    Act,
)

ACTS = {
    Act.INTENT: "written down, about to be sent",
    Act.QUEUE: "kept for the open",
    Act.DENY: "refused by our own checks",
    Act.RELEASE: "taken from the queue, about to be sent",
    Act.SEND: "sent again under the same id",
    Act.DOUBT: "sent, and the outcome is unknown",
    Act.EXISTS: "the broker says that it has it, and does not show it",
    Act.REFUSE: "the broker refused the request itself",
    Act.NEVER_SENT: "proven absent at the broker, or certainly not sent",
    Act.REQUEUE: "released and not taken: it waits again",
    Act.WITHDRAW: "taken back before it was sent",
    Act.LAPSE: "waited in the queue for too long",
    Act.ABANDON: "given up by hand",
    Act.MISSING: "a look-up did not find it",
    Act.CANCEL_REQUESTED: "a cancel was asked for",
    Act.REPLACE_REQUESTED: "a change was asked for",
    Act.ANNOTATE: "a remark",
}

REPORTS = {
    SNAPSHOT: "the order as REST told it",
    ACTIVITY: "a FILL row of the account's activities",
    BUST: "an execution was taken back",
    CORRECTION: "an execution was corrected",
    ADJUST: "a booking that is no trade: an adopted position, a fee in coins, a split",
    CHAIN: "what the orders before a replacement have filled has changed",
}

RESULTS = {
    EventResult.APPLIED: "it changed something",
    EventResult.NO_CHANGE: "legal, and known already",
    EventResult.DUPLICATE: "this execution, bust or correction is in the books",
    EventResult.LATE: "older than what is known",
    EventResult.ILLEGAL: "contradicts the table: nothing changed",
}

SOURCES = {
    EventSource.LOCAL: "an act of ours",
    EventSource.REST: "a reply or a snapshot",
    EventSource.STREAM: "a frame of `trade_updates`",
    EventSource.ACTIVITY: "a row of the account's activities",
    EventSource.RECONCILE: "concluded while both sides were compared",
}

NAMES = {
    EventName.ORDER_SUBMITTED: "the broker has an order of ours",
    EventName.ORDER_FAILED: "refused by the broker or by us, or never sent",
    EventName.ORDER_CANCELED: "canceled",
    EventName.ORDER_STATUS_UPDATED: "any other change of its status",
    EventName.ORDER_FILLED: "filled in part or whole: its status says which",
}

EVENT_COLUMNS = {
    "seq": "its number, for ever; `order:118` of `watch --json` is event 118",
    "recorded_at": "when we wrote it, by the broker's time",
    "at": "when it happened, by the broker; empty for our acts",
    "client_order_id": "whose it is",
    "order_id": "the broker's id, once there is one",
    "kind": "what happened, see below",
    "source": "who told us, see below",
    "execution_id": "of a fill, a bust, a correction",
    "qty": "shares of this execution",
    "price": "its price",
    "cum_qty": "filled by then, as the report says",
    "position_qty": "the position after it, as the report says",
    "details": "facts of ours that the state machine needs again (JSON, packed when long)",
    "raw": "the payload as it came (JSON, packed when long)",
    "result": "what it did, see below",
    "status": "where the order stood after it",
    "note": "in words",
    "has_lives": "whether `position_lives` was told of it; 0 for events of earlier versions",
}

AUDIT_COLUMNS = {
    "seq": "its number",
    "at": "when",
    "kind": "what kind of decision, see below",
    "subject": "what it was about: a client_order_id, a symbol, a signal's id",
    "rule": "by which rule",
    "facts": "on which facts (JSON, packed when long)",
    "result": "with which result",
}

AUDITS = {
    "risk": "every check of an order that passed, with the numbers seen",
    "gate": "the checks that refused one, with the numbers seen",
    "sizing": "how a size came about, step by step; or why there was none",
    "signal": "what a signal led to, and by which rule",
    "queue": "why an order was kept for the open",
    "recovery": "what was done about an error or a rejection",
    "by_hand": "an order that was retried or given up by hand",
    "exits_denied": "exits asked for with an entry that was denied; `orders retry` brings them",
    "halt": "the kill switch: who, why, and its end",
    "limits": "a looser configuration was adopted",
    "unread": "a row of the broker that holds an impossible value, as it came",
    "alarm": "an alarm of `watch`",
    "option": "a contract that was exercised or abandoned by hand",
    "action": "what `watch` sent for an exit, and why",
    "guard": "the protection of a position changed",
    "stop_moved": "a rule moved a stop",
    "target_moved": "a target was measured anew",
    "moved_at_broker": "the trader moved an exit elsewhere",
    "stream": "the stream was lost, or is back",
    "pace": "how fast `watch` kept up, for reports",
}

TABLES = {
    "order_events": "everything that happened to orders; append-only, the truth",
    "orders": "each order as the events leave it",
    "fills": "executions, corrected and busted ones with their state",
    "positions": "the sum of the fills of each symbol",
    "position_days": "how each position stood before its first execution of a day",
    "position_lives": "how each position came and went; append-only",
    "meta": "single values: kill switch, marks, the account",
    "audit": "decisions",
    "signals": "each signal once, and what became of it",
    "exit_plans": "every version of every plan; append-only",
    "plans_in_force": "the newest version of each open plan",
    "account_rows": "rows of the account: fees, cash, splits, transfers",
    "fee_sums": "fees added up; laid anew when asked for",
    "archives": "files of archived months",
    "archived_ids": "ids that stay used after archiving",
    "archive_returns": "what came back out of an archive",
    "confirmations": "every version of each confirmation of an execution",
    "confirmations_in_force": "the newest version of each",
    "cash_samples": "the account's cash when it was looked at",
    "cash_days": "each day's check of the cash",
    "equity_samples": "the account's equity, each minute of the session",
    "hand_overs": "requests handed over to `watch`, or taken back; append-only",
}


def columns_of(table: str) -> list[str]:
    """As a journal of today has them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        Journal.open(path).close()
        with closing(sqlite3.connect(path)) as database:
            return [row[1] for row in database.execute(f"PRAGMA table_info({table})")]


def event_columns() -> str:
    return _columns("order_events", EVENT_COLUMNS)


def audit_columns() -> str:
    return _columns("audit", AUDIT_COLUMNS)


def kinds() -> str:
    rows = [f"| `{act}` | act | {ACTS[act]} |" for act in Act]
    named = ", ".join(f"`{name}`" for name in sorted(STATUS_OF_EVENT))
    rows.append(f"| {named} | stream | the order is what the name says |")
    taken = ", ".join(f"`{name}`" for name in sorted(REVERSALS))
    rows.append(f"| {taken} | stream | the request to cancel or replace is taken back |")
    rows += [f"| `{kind}` | report | {words} |" for kind, words in REPORTS.items()]
    return "\n".join(["| kind | is | means |", "|---|---|---|", *rows, ""])


def results() -> str:
    return _two("result", [(str(one), RESULTS[one]) for one in EventResult])


def sources() -> str:
    return _two("source", [(str(one), SOURCES[one]) for one in EventSource])


def names() -> str:
    return _two("event", [(str(one), NAMES[one]) for one in EventName])


def audits() -> str:
    return _two("kind", list(AUDITS.items()))


def tables() -> str:
    return _two("table", list(TABLES.items()))


def words() -> str:
    origins = ", ".join(f"`{one}`" for one in Origin)
    roles = ", ".join(f"`{one}`" for one in Role)
    return f"`origin`: {origins}. `role`: {roles}.\n"


def _columns(table: str, meanings: dict[str, str]) -> str:
    return _two("column", [(name, meanings[name]) for name in columns_of(table)])


def _two(head: str, rows: list[tuple[str, str]]) -> str:
    lines = [f"| `{name}` | {meaning} |" for name, meaning in rows]
    return "\n".join([f"| {head} | means |", "|---|---|", *lines, ""])
