"""The journal's other books: meta values, decisions, signals and exit plans."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from execbot.journal.codec import AMONG, dumps, listed
from execbot.journal.connection import Connection
from execbot.journal.records import AuditRow, PlanRecord, SignalRecord
from execbot.model.times import iso


def _now() -> str:
    return iso(datetime.now(UTC))


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value)


class Ledgers(Connection):
    """Small tables beside the orders. They are records, not derived from the order events."""

    # --- meta: durable values by key -------------------------------------------------------

    def meta_get(self, key: str, default: Any = None) -> Any:
        rows = self._rows("SELECT value FROM meta WHERE key = ?", (key,))
        return json.loads(rows[0][0]) if rows else default

    def meta_set(self, key: str, value: Any) -> None:
        """Keep a JSON value (Decimals and times become text)."""
        self._run(
            "INSERT OR REPLACE INTO meta (key, value, updated_at) VALUES (?, ?, ?)",
            (key, dumps(value), _now()),
        )

    def meta_delete(self, key: str) -> None:
        self._run("DELETE FROM meta WHERE key = ?", (key,))

    def meta_all(self, prefix: str = "") -> dict[str, Any]:
        rows = self._rows(
            "SELECT key, value FROM meta WHERE substr(key, 1, ?) = ? ORDER BY key",
            (len(prefix), prefix),
        )
        return {row["key"]: json.loads(row["value"]) for row in rows}

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
            (iso(at), kind, subject, rule, dumps(facts), result),
        )

    def audit_of(self, subject: str) -> list[AuditRow]:
        """Every decision about a subject, oldest first."""
        rows = self._rows("SELECT * FROM audit WHERE subject = ? ORDER BY seq", (subject,))
        return [_audit_of(row) for row in rows]

    def audit_rows(
        self, *, kind: str | None = None, since: datetime | None = None, limit: int = 1000
    ) -> list[AuditRow]:
        """Decisions of a kind, newest first."""
        rows = self._rows(
            "SELECT * FROM audit WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR at >= ?2) "
            "ORDER BY seq DESC LIMIT ?3",
            (kind, iso(since) if since else None, limit),
        )
        return [_audit_of(row) for row in rows]

    # --- signals: each acted on once -------------------------------------------------------

    def claim_signal(
        self, signal_id: str, symbol: str, body: Mapping[str, Any], at: datetime
    ) -> bool:
        """Take a signal for this process; False when anybody has taken it before."""
        stamp = iso(at)
        changed = self._run(
            "INSERT OR IGNORE INTO signals (signal_id, received_at, symbol, body, outcome, "
            "updated_at) VALUES (?, ?, ?, ?, 'claimed', ?)",
            (signal_id, stamp, symbol, dumps(body), stamp),
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
        rows = self._rows("SELECT * FROM signals WHERE signal_id = ?", (signal_id,))
        return _signal_of(rows[0]) if rows else None

    def signals(
        self, *, since: datetime | None = None, outcome: str | None = None, limit: int = 1000
    ) -> list[SignalRecord]:
        """Signals, newest first."""
        rows = self._rows(
            "SELECT * FROM signals WHERE (?1 IS NULL OR received_at >= ?1) "
            "AND (?2 IS NULL OR outcome = ?2) ORDER BY received_at DESC, signal_id LIMIT ?3",
            (iso(since) if since else None, outcome, limit),
        )
        return [_signal_of(row) for row in rows]

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
            changed = self._run(
                "INSERT OR IGNORE INTO exit_plans (plan_id, version, symbol, status, body, at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (plan_id, version, symbol, status, dumps(body), iso(at)),
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
        rows = self._rows(
            "SELECT * FROM exit_plans WHERE plan_id = ? ORDER BY version DESC LIMIT 1", (plan_id,)
        )
        return _plan_of(rows[0]) if rows else None

    def plan_history(self, plan_id: str) -> list[PlanRecord]:
        rows = self._rows("SELECT * FROM exit_plans WHERE plan_id = ? ORDER BY version", (plan_id,))
        return [_plan_of(row) for row in rows]

    def plans(
        self, *, symbol: str | None = None, statuses: Sequence[str] | None = None
    ) -> list[PlanRecord]:
        """The version in force of each plan, filtered by what that version says."""
        wanted, values = ["TRUE"], []
        if statuses is not None:
            wanted.append(f"f.status {AMONG}")
            values.append(listed(statuses))
        if symbol is not None:
            wanted.append("f.symbol = ?")
            values.append(symbol)
        rows = self._rows(
            "SELECT p.* FROM plans_in_force f JOIN exit_plans p USING (plan_id, version) "
            f"WHERE {' AND '.join(wanted)} ORDER BY p.at, p.plan_id",
            values,
        )
        return [_plan_of(row) for row in rows]


def _audit_of(row: sqlite3.Row) -> AuditRow:
    return AuditRow(
        seq=row["seq"],
        at=_time(row["at"]),
        kind=row["kind"],
        subject=row["subject"],
        rule=row["rule"],
        facts=json.loads(row["facts"]),
        result=row["result"],
    )


def _signal_of(row: sqlite3.Row) -> SignalRecord:
    return SignalRecord(
        signal_id=row["signal_id"],
        received_at=_time(row["received_at"]),
        symbol=row["symbol"],
        body=json.loads(row["body"]),
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
        body=json.loads(row["body"]),
        at=_time(row["at"]),
    )
