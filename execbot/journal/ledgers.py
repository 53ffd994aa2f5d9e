"""The journal's other books: meta values, decisions, signals, exit plans, samples of equity."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from execbot.journal.codec import AMONG, NULL, dumps, listed, with_zone
from execbot.journal.packing.form import Packing
from execbot.journal.packing.texts import Kind, unpacked
from execbot.journal.records import (
    SAME_MOMENT,
    AccountRow,
    AuditRow,
    EquitySample,
    FeeSum,
    PlanRecord,
    SignalRecord,
    SignalTimes,
)
from execbot.journal.statements import DROP_FEE_SUMS
from execbot.model.account import Activity
from execbot.model.numbers import maybe_decimal, text, to_decimal
from execbot.model.times import eastern, iso, maybe_iso, parse_time

_LAST_CHARACTER = "\U0010ffff"


_REPORTED = "kind IN ('alarm', 'gate', 'guard', 'halt', 'pace', 'stream')"
"""In the words of its index."""

TOGETHER = "together"
"""The kind of decision that says which contracts are one structure. Trades of any day ask for every
one of them, so that none is archived."""

AMENDS = "json_extract(body, '$.previous_id') > ''"
"""In the words of its index."""


def _now() -> str:
    return iso(datetime.now(UTC))


def _time(value: str) -> datetime:
    return with_zone(datetime.fromisoformat(value))


def _decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _first_charged(day: date, raw: Mapping[str, Any]) -> str:
    """The first day whose fees a row can change: its own, or that of the moment it was written."""
    if raw.get("previous_id"):
        return ""
    written = parse_time(raw.get("created_at"))
    return str(day if written is None else min(day, eastern(written - SAME_MOMENT).date()))


class Ledgers(Packing):
    """Small tables beside the orders. They are records, not derived from the order events."""

    # --- meta: durable values by key -------------------------------------------------------

    def meta_get(self, key: str, default: Any = None) -> Any:
        found = self._read(_meta_of, "SELECT key, value FROM meta WHERE key = ?", (key,))
        return found[0][1] if found else default

    def meta_set(self, key: str, value: Any) -> None:
        """Keep a JSON value (Decimals and times become text)."""
        self._run(
            "INSERT OR REPLACE INTO meta (key, value, updated_at) VALUES (?, ?, ?)",
            (key, dumps(value), _now()),
        )

    def meta_delete(self, key: str) -> None:
        self._run("DELETE FROM meta WHERE key = ?", (key,))

    def meta_all(self, prefix: str = "") -> dict[str, Any]:
        return dict(
            self._read(
                _meta_of,
                "SELECT key, value FROM meta WHERE key >= ? AND key < ? ORDER BY key",
                (prefix, prefix + _LAST_CHARACTER),
            )
        )

    # --- audit: decisions ------------------------------------------------------------------

    def audit(
        self,
        kind: str,
        subject: str,
        rule: str,
        facts: Mapping[str, Any],
        result: str,
        at: datetime,
    ) -> None:
        """Record a decision: `subject` is what it was about (a client_order_id, a symbol)."""
        self._run(
            "INSERT INTO audit (at, kind, subject, rule, facts, result) VALUES (?, ?, ?, ?, ?, ?)",
            (iso(at), kind, subject, rule, self._packed(dumps(facts), Kind.DECISION), result),
        )

    def audit_of(self, subject: str) -> list[AuditRow]:
        """Every decision about a subject, oldest first."""
        return self._read(
            _audit_of, "SELECT * FROM audit WHERE subject = ? ORDER BY seq", (subject,)
        )

    def decisions(self, kind: str, subject: str) -> list[AuditRow]:
        """Those of one kind about a subject, oldest first."""
        return self._read(
            _audit_of,
            "SELECT * FROM audit WHERE subject = ? AND kind = ? ORDER BY seq",
            (subject, kind),
        )

    def last_audit(self, kind: str, subject: str) -> AuditRow | None:
        """The newest decision of a kind about a subject."""
        found = self._read(
            _audit_of,
            "SELECT * FROM audit WHERE subject = ? AND kind = ? ORDER BY seq DESC LIMIT 1",
            (subject, kind),
        )
        return found[0] if found else None

    def recoveries(self, since: datetime, until: datetime | None = None) -> list[AuditRow]:
        """Decisions about orders that failed, oldest first."""
        return self._read(
            _audit_of,
            "SELECT * FROM audit WHERE kind = 'recovery' AND at >= ? AND at < ? ORDER BY at, seq",
            (iso(since), "~" if until is None else iso(until)),
        )

    def reported(self, since: datetime, until: datetime | None = None) -> list[AuditRow]:
        """Alarms, denials of the risk checks, changes of a position's guard, halts, losses of the
        stream and the pace of `watch`, of `[since, until)`, oldest first."""
        return self._read(
            _audit_of,
            f"SELECT * FROM audit WHERE {_REPORTED} AND at >= ? AND at < ? ORDER BY at, seq",
            (iso(since), maybe_iso(until) or "~"),
        )

    # --- signals: each acted on once -------------------------------------------------------

    def claim_signal(
        self, signal_id: str, symbol: str, body: Mapping[str, Any], at: datetime
    ) -> bool:
        """Take a signal for this process; False when anybody has taken it before."""
        stamp = iso(at)
        changed = self._run(
            "INSERT OR IGNORE INTO signals (signal_id, received_at, symbol, body, outcome, "
            "updated_at) VALUES (?, ?, ?, ?, 'claimed', ?)",
            (signal_id, stamp, symbol, self._packed(dumps(body), Kind.DECISION), stamp),
        )
        return changed == 1

    def finish_signal(
        self,
        signal_id: str,
        outcome: str,
        at: datetime,
        *,
        reason: str | None = None,
        client_order_id: str | None = None,
    ) -> None:
        self._run(
            "UPDATE signals SET outcome = ?, reason = ?, client_order_id = "
            "coalesce(?, client_order_id), updated_at = ? WHERE signal_id = ?",
            (outcome, reason, client_order_id, iso(at), signal_id),
        )

    def signal(self, signal_id: str) -> SignalRecord | None:
        found = self._read(_signal_of, "SELECT * FROM signals WHERE signal_id = ?", (signal_id,))
        return found[0] if found else None

    def signals(self, *, since: datetime | None = None, limit: int = 1000) -> list[SignalRecord]:
        """Signals, newest first."""
        return self._read(
            _signal_of,
            "SELECT * FROM signals WHERE received_at >= ? "
            "ORDER BY received_at DESC, signal_id LIMIT ?",
            (iso(since) if since else "", limit),
        )

    def claimed_signals(self, since: datetime) -> list[SignalRecord]:
        """Of those received from then on, what somebody has taken and not finished, in turn."""
        return self._read(
            _signal_of,
            "SELECT * FROM signals WHERE received_at >= ? AND outcome = 'claimed' "
            "ORDER BY received_at",
            (iso(since),),
        )

    def signal_times(self, since: datetime, until: datetime | None = None) -> list[SignalTimes]:
        """Of the signals received in `[since, until)`, oldest first."""
        return self._read(
            _signal_times_of,
            "SELECT received_at, updated_at, outcome FROM signals "
            "WHERE received_at >= ? AND received_at < ? ORDER BY received_at",
            (iso(since), maybe_iso(until) or "~"),
        )

    def signal_symbols(self, since: datetime) -> frozenset[str]:
        """Of all signals from then on."""
        rows = self._rows(
            "SELECT DISTINCT symbol FROM signals WHERE received_at >= ?", (iso(since),)
        )
        return frozenset(str(row[0]) for row in rows)

    # --- rows of the account's activities that are no trades ---------------------------------

    def put_account_rows(self, rows: Iterable[tuple[date, AccountRow]]) -> None:
        """Each with its day. A row that came before is what it is now; its `worth` stays.

        Sums of fees fall that hold a day which a row charges; all of them where one takes the place
        of another, which may be of any day.
        """
        rows = list(rows)
        if not rows:
            return
        charged = [_first_charged(day, row.activity.raw) for day, row in rows]
        charged += self._read(
            _first_charged_of,
            f"SELECT day, body FROM account_rows WHERE activity_id {AMONG}",
            (listed(row.activity.id for _, row in rows),),
        )
        self._run(DROP_FEE_SUMS, (min(charged),))
        self._run_many(
            "INSERT INTO account_rows (activity_id, activity_type, day, worth, body) "
            "VALUES (?, ?, ?, ?, ?) ON CONFLICT (activity_id) DO UPDATE SET "
            "activity_type = excluded.activity_type, day = excluded.day, body = excluded.body, "
            "worth = coalesce(account_rows.worth, excluded.worth)",
            [
                (
                    row.activity.id,
                    row.activity.activity_type,
                    day.isoformat(),
                    None if row.worth is None else text(row.worth),
                    dumps(row.activity.raw),
                )
                for day, row in rows
            ],
        )

    def account_rows(
        self, kinds: Sequence[str], *, since: date | None = None, until: date | None = None
    ) -> list[AccountRow]:
        """Rows of these types by day, both days included; and of every day those that take the
        place of others, which may be among them."""
        of_kinds = f"SELECT * FROM account_rows WHERE activity_type {AMONG}"
        first = "" if since is None else since.isoformat()
        last = "~" if until is None else until.isoformat()
        found = [
            *self._read(
                _account_row_of,
                f"{of_kinds} AND day >= ? AND day <= ?",
                (listed(kinds), first, last),
            ),
            *self._read(_account_row_of, f"{of_kinds} AND {AMENDS}", (listed(kinds),)),
        ]
        by_key = dict(found)
        return [by_key[key] for key in sorted(by_key)]

    def fee_sum(self, symbol: str, *, until: date) -> FeeSum | None:
        """The youngest sum of a symbol's fees that is kept and stands, that day included."""
        found = self._read(
            _fee_sum_of,
            "SELECT * FROM fee_sums WHERE symbol = ? AND day <= ? ORDER BY day DESC LIMIT 1",
            (symbol, str(until)),
        )
        return found[0] if found else None

    def put_fee_sums(self, sums: Iterable[FeeSum]) -> None:
        """Worked out in the transaction that this is called in: what they follow from stands."""
        self._run_many(
            "INSERT OR REPLACE INTO fee_sums (symbol, day, amount, estimated) VALUES (?, ?, ?, ?)",
            [
                (s.symbol, str(s.day), None if s.amount is None else text(s.amount), s.estimated)
                for s in sums
            ],
        )

    def first_execution_at(self) -> datetime | None:
        """When the oldest execution in the books took place."""
        sql = "SELECT at FROM fills ORDER BY at LIMIT 1"
        found = self._read(lambda row: _time(row["at"]), sql)
        return found[0] if found else None

    # --- samples of equity: only ever appended to -------------------------------------------

    def add_equity_sample(self, sample: EquitySample) -> None:
        """A second one of the same microsecond says nothing new."""
        self._run(
            "INSERT OR IGNORE INTO equity_samples (at, equity, last_equity, cash, kind) "
            "VALUES (?, ?, ?, ?, ?)",
            (
                iso(sample.at),
                text(sample.equity),
                NULL if sample.last_equity is None else text(sample.last_equity),
                NULL if sample.cash is None else text(sample.cash),
                sample.kind,
            ),
        )

    def equity_samples(
        self, since: datetime | None = None, until: datetime | None = None
    ) -> list[EquitySample]:
        """Samples of `[since, until)`, oldest first."""
        return self._read(
            _sample_of,
            "SELECT * FROM equity_samples WHERE at >= ? AND at < ? ORDER BY at",
            (iso(since) if since else "", iso(until) if until else "~"),
        )

    # --- exit plans: every version kept ----------------------------------------------------

    def save_plan(
        self,
        plan_id: str,
        symbol: str,
        status: str,
        body: Mapping[str, Any],
        at: datetime,
        *,
        version: int,
    ) -> bool:
        """Write one version; False when another process has written that version first."""
        with self.transaction():
            packed = self._packed(dumps(body), Kind.PLAN)
            changed = self._run(
                "INSERT OR IGNORE INTO exit_plans (plan_id, version, symbol, status, body, at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (plan_id, version, symbol, status, packed, iso(at)),
            )
            if changed == 1:
                self._run(
                    "INSERT INTO plans_in_force (plan_id, version, symbol, status) "
                    "VALUES (?, ?, ?, ?) ON CONFLICT (plan_id) DO UPDATE SET "
                    "version = excluded.version, symbol = excluded.symbol, "
                    "status = excluded.status WHERE excluded.version > version",
                    (plan_id, version, symbol, status),
                )
        return changed == 1

    def plan(self, plan_id: str) -> PlanRecord | None:
        """The version in force."""
        found = self._read(
            _plan_of,
            "SELECT * FROM exit_plans WHERE plan_id = ? ORDER BY version DESC LIMIT 1",
            (plan_id,),
        )
        return found[0] if found else None

    def plan_history(self, plan_id: str) -> list[PlanRecord]:
        return self._read(
            _plan_of, "SELECT * FROM exit_plans WHERE plan_id = ? ORDER BY version", (plan_id,)
        )

    def plan_ends(self, plan_ids: Iterable[str]) -> list[PlanRecord]:
        """The first three versions of each of these plans, and the one in force: what was asked
        for, as what it began, and how it ended. By plan and version."""
        return self._read(
            _plan_of,
            "SELECT p.* FROM plans_in_force f CROSS JOIN exit_plans p USING (plan_id) "
            f"WHERE f.plan_id {AMONG} AND (p.version <= 3 OR p.version = f.version) "
            "ORDER BY p.plan_id, p.version",
            (listed(plan_ids),),
        )

    def plan_ids_of(
        self, symbols: Iterable[str], since: datetime | None = None, until: datetime | None = None
    ) -> list[str]:
        """Every plan of these symbols that was changed since a moment, and made until another."""
        begun, values = "", [listed(symbols), iso(since) if since else ""]
        if until is not None:
            first = "SELECT at FROM exit_plans WHERE plan_id = p.plan_id ORDER BY version LIMIT 1"
            begun = f" AND ({first}) <= ?"
            values.append(iso(until))
        changed = f"p.symbol {AMONG} AND p.at >= ?{begun}"
        # Those closed are found by time, the others, which are few, by not being closed.
        rows = self._rows(
            "SELECT p.plan_id FROM exit_plans p "
            "CROSS JOIN plans_in_force f USING (plan_id, version) "
            f"WHERE p.status = 'closed' AND {changed} "
            "UNION ALL SELECT p.plan_id FROM plans_in_force f "
            "CROSS JOIN exit_plans p USING (plan_id, version) "
            f"WHERE (f.status < 'closed' OR f.status > 'closed') AND {changed} "
            "ORDER BY 1",
            [*values, *values],
        )
        return [str(row[0]) for row in rows]

    def newest_plan(self, symbol: str, status: str) -> PlanRecord | None:
        """The version in force of the plan with the highest id: ids that we give sort by time."""
        found = self._read(
            _plan_of,
            "SELECT p.* FROM plans_in_force f JOIN exit_plans p USING (plan_id, version) "
            "WHERE f.status = ? AND f.symbol = ? ORDER BY f.plan_id DESC LIMIT 1",
            (status, symbol),
        )
        return found[0] if found else None

    def plan_versions(self, statuses: Sequence[str], plan_ids: Iterable[str]) -> dict[str, int]:
        """The number of the version in force of the plans of these statuses, and of those named."""
        rows = self._rows(
            f"SELECT plan_id, version FROM plans_in_force WHERE status {AMONG} "
            f"UNION SELECT plan_id, version FROM plans_in_force WHERE plan_id {AMONG}",
            (listed(statuses), listed(plan_ids)),
        )
        return {str(row[0]): int(row[1]) for row in rows}

    def plans(self, *, statuses: Sequence[str], symbol: str | None = None) -> list[PlanRecord]:
        """The version in force of each plan, filtered by what that version says."""
        wanted, values = [f"f.status {AMONG}"], [listed(statuses)]
        if symbol is not None:
            wanted.append("f.symbol = ?")
            values.append(symbol)
        return self._read(
            _plan_of,
            "SELECT p.* FROM plans_in_force f JOIN exit_plans p USING (plan_id, version) "
            f"WHERE {' AND '.join(wanted)} ORDER BY p.at, p.plan_id",
            values,
        )


def _meta_of(row: sqlite3.Row) -> tuple[str, Any]:
    return row["key"], json.loads(row["value"])


def _audit_of(row: sqlite3.Row) -> AuditRow:
    return AuditRow(
        seq=row["seq"],
        at=_time(row["at"]),
        kind=row["kind"],
        subject=row["subject"],
        rule=row["rule"],
        facts=json.loads(unpacked(row["facts"])),
        result=row["result"],
    )


def _first_charged_of(row: sqlite3.Row) -> str:
    return _first_charged(date.fromisoformat(row["day"]), json.loads(row["body"]))


def _account_row_of(row: sqlite3.Row) -> tuple[tuple[str, str], AccountRow]:
    """With its day and id, by which rows are sorted and told apart."""
    activity = Activity.from_wire(json.loads(row["body"]))
    return (str(row["day"]), str(row["activity_id"])), AccountRow(activity, _decimal(row["worth"]))


def _fee_sum_of(row: sqlite3.Row) -> FeeSum:
    day, amount = date.fromisoformat(row["day"]), _decimal(row["amount"])
    return FeeSum(row["symbol"], day, amount, bool(row["estimated"]))


def _signal_times_of(row: sqlite3.Row) -> SignalTimes:
    return SignalTimes(
        datetime.fromisoformat(row["received_at"]),
        datetime.fromisoformat(row["updated_at"]),
        row["outcome"],
    )


def _signal_of(row: sqlite3.Row) -> SignalRecord:
    return SignalRecord(
        signal_id=row["signal_id"],
        received_at=_time(row["received_at"]),
        symbol=row["symbol"],
        body=json.loads(unpacked(row["body"])),
        outcome=row["outcome"],
        reason=row["reason"],
        client_order_id=row["client_order_id"],
        updated_at=_time(row["updated_at"]),
    )


def _plan_of(row: sqlite3.Row) -> PlanRecord:
    return PlanRecord(
        plan_id=row["plan_id"],
        version=row["version"],
        symbol=row["symbol"],
        status=row["status"],
        body=json.loads(unpacked(row["body"])),
        at=_time(row["at"]),
    )


def _sample_of(row: sqlite3.Row) -> EquitySample:
    return EquitySample(
        at=with_zone(datetime.fromisoformat(row["at"])),
        equity=to_decimal(row["equity"]),
        last_equity=maybe_decimal(row["last_equity"]),
        cash=maybe_decimal(row["cash"]),
        kind=row["kind"],
    )
