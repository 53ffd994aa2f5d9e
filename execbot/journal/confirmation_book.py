"""The journal's confirmations of executions and checks of each day's cash: every version is kept,
the highest is in force."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from execbot.journal.codec import AMONG, NULL, listed
from execbot.journal.confirmation import CashDay, CashSample, Confirmation
from execbot.journal.connection import Connection
from execbot.journal.packing.form import Packing
from execbot.journal.packing.texts import Kind, unpacked
from execbot.model.numbers import text
from execbot.model.times import iso

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Confirmation)
_DAY = msgspec.json.Decoder(CashDay)

_BODY = (
    "c.seq, c.body, CASE WHEN c.body >= x'80' THEN (SELECT f.body FROM confirmations f "
    "WHERE f.client_order_id = c.client_order_id AND f.version = 1) END AS first_body"
)
"""With the first version, where a later one was packed after that."""

_IN_FORCE = (
    f"SELECT {_BODY} FROM confirmations_in_force f "
    "JOIN confirmations c USING (client_order_id, version)"
)


class ConfirmationBook(Packing):
    """The confirmations of executions. Reads give the version in force unless they say
    otherwise."""

    def confirmation(self, client_order_id: str) -> Confirmation | None:
        """Of one order; None where nothing of it has been confirmed."""
        return self.confirmations_of([client_order_id]).get(client_order_id)

    def confirmations_of(self, client_order_ids: Iterable[str]) -> dict[str, Confirmation]:
        """Of these orders, by client_order_id; those without one are absent."""
        sql = f"{_IN_FORCE} WHERE f.client_order_id {AMONG}"
        found = self._read(_confirmation_of, sql, (listed(client_order_ids),))
        return {item.client_order_id: item for item in found}

    def confirmations(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        with_quotes: bool = True,
    ) -> list[Confirmation]:
        """Of the orders whose first fill lies in `[since, until)`, oldest first. Without the quotes
        that their figures were worked out from they take a third of the memory."""
        read = _confirmation_of if with_quotes else _figures_of
        return self._of_days(since, until, is_filled=True, read=read)

    def missed_orders(
        self, since: datetime | None = None, until: datetime | None = None
    ) -> list[Confirmation]:
        """Of the entries that ended in `[since, until)` and did not fill at all, oldest first."""
        return self._of_days(since, until, is_filled=False)

    def _of_days(
        self,
        since: datetime | None,
        until: datetime | None,
        *,
        is_filled: bool,
        read: Callable[[sqlite3.Row], Confirmation] | None = None,
    ) -> list[Confirmation]:
        return self._read(
            read or _confirmation_of,
            f"{_IN_FORCE} WHERE f.is_filled = ? AND f.day_of >= ? AND f.day_of < ? "
            "ORDER BY f.day_of, f.client_order_id",
            (int(is_filled), iso(since) if since else "", iso(until) if until else "~"),
        )

    def confirmation_versions(self, client_order_id: str) -> list[Confirmation]:
        """Every version, oldest first."""
        return self._read(
            _confirmation_of,
            f"SELECT {_BODY} FROM confirmations c WHERE client_order_id = ? ORDER BY version",
            (client_order_id,),
        )

    def confirmations_since(self, seq: int, *, limit: int = 200) -> list[tuple[int, Confirmation]]:
        """Versions written after the one with this number, whoever wrote them, with theirs."""
        return self._read(
            _numbered,
            f"SELECT {_BODY} FROM confirmations c WHERE seq > ? ORDER BY seq LIMIT ?",
            (seq, limit),
        )

    def last_confirmations(self, kind: str, *, limit: int) -> list[Confirmation]:
        """The first versions of the youngest orders of a kind (`OrderKind`)."""
        return self._read(
            _confirmation_of,
            f"SELECT {_BODY} FROM confirmations c WHERE kind = ? AND version = 1 "
            "ORDER BY seq DESC LIMIT ?",
            (kind, limit),
        )

    def last_confirmation_seq(self) -> int:
        return int(self._rows("SELECT coalesce(max(seq), 0) FROM confirmations")[0][0])

    def confirmations_due(self, now: datetime, *, limit: int = 20) -> list[Confirmation]:
        """Those that something can be looked up for, the longest due first."""
        return self._read(
            _confirmation_of,
            f"{_IN_FORCE} WHERE f.due_at IS NOT NULL AND f.due_at <= ? ORDER BY f.due_at LIMIT ?",
            (iso(now), limit),
        )

    def next_confirmation_due(self) -> datetime | None:
        """When something can be looked up next."""
        sql = "SELECT min(due_at) FROM confirmations_in_force WHERE due_at IS NOT NULL"
        found = self._rows(sql)[0][0]
        return None if found is None else datetime.fromisoformat(found)

    def add_confirmation(self, item: Confirmation, *, due_at: datetime | None = None) -> bool:
        """Write one version; False when that version is there already. `due_at`: when there is
        something to look up for it."""
        day_of = iso(item.times.first_fill or item.times.done or item.made_at)
        due = NULL if due_at is None else iso(due_at)
        with self.transaction(recoverable=True):
            text = _ENCODER.encode(item).decode()
            changed = self._run(
                "INSERT OR IGNORE INTO confirmations "
                "(client_order_id, version, made_at, verdict, kind, body) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (
                    item.client_order_id,
                    item.version,
                    iso(item.made_at),
                    str(item.verdict),
                    str(item.kind),
                    self._packed(text, Kind.CONFIRMATION, self._first_body(item)),
                ),
            )
            if changed == 1:
                self._run(
                    "INSERT INTO confirmations_in_force "
                    "(client_order_id, version, is_filled, day_of, due_at) "
                    "VALUES (?, ?, ?, ?, ?) "
                    "ON CONFLICT (client_order_id) DO UPDATE SET version = excluded.version, "
                    "is_filled = excluded.is_filled, day_of = excluded.day_of, "
                    "due_at = excluded.due_at WHERE excluded.version > version",
                    (item.client_order_id, item.version, int(item.is_filled), day_of, due),
                )
        return changed == 1

    def _first_body(self, item: Confirmation) -> str | None:
        """The first version of what this is a later one of; None where it cannot be read."""
        if item.version == 1:
            return None
        sql = "SELECT body FROM confirmations WHERE client_order_id = ? AND version = 1"
        with suppress(ValueError):
            for (body,) in self._rows(sql, (item.client_order_id,)):
                return unpacked(body)
        return None

    def put_off_confirmation(self, client_order_id: str, due_at: datetime | None) -> None:
        """Look again then, or never: nothing new was learned."""
        self._run(
            "UPDATE confirmations_in_force SET due_at = ? WHERE client_order_id = ?",
            (NULL if due_at is None else iso(due_at), client_order_id),
        )


def _confirmation_of(row: sqlite3.Row) -> Confirmation:
    first = row["first_body"]
    before = None if first is None else unpacked(first)
    return _DECODER.decode(unpacked(row["body"], before))


def _figures_of(row: sqlite3.Row) -> Confirmation:
    found = _confirmation_of(row)
    return replace(
        found,
        arrival=replace(found.arrival, quote=None),
        at_fill=None,
        later=tuple(replace(one, quote=None) for one in found.later),
    )


def _numbered(row: sqlite3.Row) -> tuple[int, Confirmation]:
    return row["seq"], _confirmation_of(row)


class CashBook(Connection):
    """Cash by samples and by days."""

    def add_cash_sample(self, sample: CashSample) -> None:
        self._run(
            "INSERT OR IGNORE INTO cash_samples (at, cash, accrued_fees) VALUES (?, ?, ?)",
            (iso(sample.at), text(sample.cash), text(sample.accrued_fees)),
        )

    def cash_sample(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> CashSample | None:
        """The first one `since` a moment (itself included), or the last one before `until`."""
        if until is not None:
            sql, moment = "at < ? ORDER BY at DESC LIMIT 1", until
        else:
            assert since is not None
            sql, moment = "at >= ? ORDER BY at LIMIT 1", since
        found = self._read(_sample_of, f"SELECT * FROM cash_samples WHERE {sql}", (iso(moment),))
        return found[0] if found else None

    def cash_day(self, day: date) -> CashDay | None:
        """The check in force of a New York day."""
        sql = "SELECT body FROM cash_days WHERE day = ? ORDER BY version DESC LIMIT 1"
        found = self._read(_day_of, sql, (str(day),))
        return found[0] if found else None

    def cash_days(self, since: date, until: date) -> list[CashDay]:
        """Those in force of the days from `since` to `until`, both included."""
        sql = "SELECT body FROM cash_days WHERE day >= ? AND day <= ? ORDER BY day, version"
        found = self._read(_day_of, sql, (str(since), str(until)))
        return list({item.day: item for item in found}.values())

    def add_cash_day(self, item: CashDay) -> bool:
        """Write one version; False when it is there already."""
        changed = self._run(
            "INSERT OR IGNORE INTO cash_days (day, version, made_at, verdict, body) "
            "VALUES (?, ?, ?, ?, ?)",
            (
                str(item.day),
                item.version,
                iso(item.made_at),
                str(item.verdict),
                msgspec.json.encode(item).decode(),
            ),
        )
        return changed == 1


def _sample_of(row: sqlite3.Row) -> CashSample:
    at = datetime.fromisoformat(row["at"])
    return CashSample(at, Decimal(row["cash"]), Decimal(row["accrued_fees"]))


def _day_of(row: sqlite3.Row) -> CashDay:
    return _DAY.decode(row["body"])
