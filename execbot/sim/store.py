"""The exchange on disk: one SQLite file that many processes share, with no server between.

A turn at the exchange is one write transaction: read the live state if another process changed
it, act, write it back. What is over (orders, activities), the request log and the stream's
deliveries are rows; the live state is one small JSON text.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from execbot.sim.engine.accounts.archive import Activity, ActivityFilter, OrderFilter, Span
from execbot.sim.engine.order import Order
from execbot.sim.records import Delivery

VERSION = 4
"""The version of the tables and of the state in them: one more with every change that an old file
lacks.
"""
_BUSY_MS = 30_000  # how long a process waits for its turn
_CACHE_KB = 16_000  # of a temporary file: the parts of its indexes that are in use
_PRUNE_EVERY = 256  # rows between two looks at the size of a bounded table

_TABLES = """
create table if not exists live (
    id integer primary key check (id = 1), version integer, config text, state text);
create table if not exists orders (
    id text primary key, account_id text, client_order_id text, submitted_at integer,
    seq integer, symbol text, side text, asset_class text, parent_id text, body text);
create unique index if not exists orders_client on orders (account_id, client_order_id);
create index if not exists orders_time on orders (account_id, submitted_at, seq);
create table if not exists activities (
    account_id text, at integer, seq integer, id text, kind text, order_id text, body text,
    primary key (account_id, id)) without rowid;
create index if not exists activities_time on activities (account_id, at, seq);
create table if not exists log (seq integer primary key autoincrement, body text);
create table if not exists deliveries (
    seq integer primary key, account_id text, at integer, what text, frame blob);
"""


class StoreError(Exception):
    """The exchange's file cannot be used: damaged, locked, not ours, or of another version."""

    hint = "The built-in exchange keeps its accounts there."
    next_step = "Move the file away to start with a fresh exchange."

    def __init__(self, path: Path, reason: object) -> None:
        self.message = f"{path}: {reason}"
        self.kind = "journal.locked" if _is_locked(reason) else "config.exchange_file"
        super().__init__(self.message)


def _is_locked(reason: object) -> bool:
    """Whether SQLite waited for another process in vain. The low byte of its code is the kind of
    error, whatever the rest says more of it (https://sqlite.org/rescode.html).
    """
    code = getattr(reason, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


_encode = msgspec.json.Encoder().encode


def _dumps(value: Any) -> str:
    return _encode(value).decode()


class SqliteArchive:
    """What is over, in tables: memory stays flat however many orders there were."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @classmethod
    def temporary(cls) -> SqliteArchive:
        """A private file that disappears with the process."""
        connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        connection.execute("pragma journal_mode=off")
        connection.execute("pragma synchronous=off")
        connection.execute(f"pragma cache_size=-{_CACHE_KB}")
        connection.executescript(_TABLES)
        # Nobody else reads the file and nothing of it is kept: one transaction without an end.
        connection.execute("begin")
        return cls(connection)

    def put_order(self, order: Order) -> None:
        self._db.execute(
            "insert or replace into orders values (?,?,?,?,?,?,?,?,?,?)",
            (
                order.id,
                order.account_id,
                order.client_order_id,
                order.submitted_at,
                order.seq,
                order.symbol,
                str(order.side),
                str(order.asset_class),
                order.parent_id,
                _dumps(order),
            ),
        )

    def get_order(self, order_id: str) -> Order | None:
        return self._order("select body from orders where id=?", order_id)

    def order_by_client_id(self, account_id: str, client_order_id: str) -> Order | None:
        sql = "select body from orders where account_id=? and client_order_id=?"
        return self._order(sql, account_id, client_order_id)

    def _order(self, sql: str, *args: str) -> Order | None:
        row = self._db.execute(sql, args).fetchone()
        return Order.from_record(json.loads(row[0])) if row else None

    def find_orders(
        self, account_id: str, span: Span, wanted: OrderFilter, limit: int
    ) -> list[Order]:
        columns = "symbol, side, asset_class, parent_id, body"
        rows = self._db.execute(*_selected("orders", columns, "submitted_at", account_id, span))
        bodies = (body for *about, body in rows if wanted.wants(*about))
        return [Order.from_record(json.loads(body)) for body in islice(bodies, limit)]

    def put_activity(self, activity: Activity) -> None:
        self._db.execute(
            "insert or replace into activities values (?,?,?,?,?,?,?)",
            (
                activity.account_id,
                activity.at,
                activity.seq,
                activity.id,
                activity.kind,
                activity.order_id,
                _dumps(activity.data),
            ),
        )

    def get_activity(self, account_id: str, activity_id: str) -> Activity | None:
        sql = "select * from activities where account_id=? and id=?"
        row = self._db.execute(sql, (account_id, activity_id)).fetchone()
        return _activity(row) if row else None

    def find_activities(
        self, account_id: str, span: Span, wanted: ActivityFilter, limit: int | None
    ) -> list[Activity]:
        rows = self._db.execute(*_selected("activities", "*", "at", account_id, span))
        found = (row for row in rows if wanted.wants(row[_KIND], row[_ORDER_ID]))
        return [_activity(row) for row in islice(found, limit)]

    def clear(self) -> None:
        self._db.execute("delete from orders")
        self._db.execute("delete from activities")


_KIND, _ORDER_ID = 4, 5  # columns of an activity


def _selected(
    table: str, columns: str, time: str, account_id: str, span: Span
) -> tuple[str, list[Any]]:
    """The rows of an account in a span as a statement, to be read as far as wanted."""
    where: list[str] = ["account_id=?"]
    args: list[Any] = [account_id]
    for key, sign in ((span.after, ">"), (span.until, "<")):
        if key is not None:
            where.append(f"({time}, seq) {sign} (?, ?)")
            args.extend(key)
    way = "asc" if span.ascending else "desc"
    order = f"order by {time} {way}, seq {way}"
    return f"select {columns} from {table} where {' and '.join(where)} {order}", args


def _activity(row: Sequence[Any]) -> Activity:
    account_id, at, seq, activity_id, kind, order_id, body = row
    return Activity(account_id, seq, activity_id, kind, at, order_id, json.loads(body))


class SqliteRecords:
    """The request log and the deliveries as bounded tables."""

    def __init__(self, connection: sqlite3.Connection, limit: int) -> None:
        self._db, self._limit = connection, limit

    def log(self, entry: Mapping[str, Any]) -> None:
        done = self._db.execute("insert into log (body) values (?)", (_dumps(entry),))
        self._prune("log", done.lastrowid or 0)

    def entries(self, since: int, limit: int) -> Sequence[Mapping[str, Any]]:
        sql = "select seq, body from log where seq>? order by seq limit ?"
        rows = self._db.execute(sql, (since, limit))
        return [{"seq": seq, **json.loads(body)} for seq, body in rows]

    def deliver(self, rows: Iterable[Delivery]) -> None:
        for row in rows:
            values = (row.seq, row.account_id, row.at, row.what, row.frame)
            self._db.execute("insert or replace into deliveries values (?,?,?,?,?)", values)
            self._prune("deliveries", row.seq)

    def deliveries(self, account_id: str | None, since: int) -> Sequence[Delivery]:
        where = "seq>?" if account_id is None else "seq>? and account_id=?"
        args = (since,) if account_id is None else (since, account_id)
        rows = self._db.execute(f"select * from deliveries where {where} order by seq", args)
        return [Delivery(*row) for row in rows]

    def clear(self) -> None:
        self._db.execute("delete from log")
        self._db.execute("delete from deliveries")

    def _prune(self, table: str, last: int) -> None:
        if last % _PRUNE_EVERY == 0:
            self._db.execute(f"delete from {table} where seq<=?", (last - self._limit,))


class Store:
    """The file. `turn()` is one exclusive transaction; everything happens inside one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with suppress(FileExistsError):
                # One that is there is not opened beside SQLite: to close it would drop the locks of
                # this process (SQLite, "How To Corrupt", 2.2), which has opened it several times.
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            self.db = sqlite3.connect(
                path, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False
            )
        except OSError as error:
            raise StoreError(path, error.strerror) from error
        except sqlite3.Error as error:
            raise StoreError(path, error) from error
        try:
            self._prepare()
        except BaseException as error:
            self.db.close()
            if isinstance(error, sqlite3.Error):
                raise StoreError(path, error) from error
            raise

    def _prepare(self) -> None:
        (version,) = self.db.execute("pragma user_version").fetchone()
        if version == VERSION:
            self.db.execute("pragma synchronous=normal")
            return
        if version != 0:
            raise StoreError(self.path, f"written by another version ({version})")
        self.db.execute("pragma journal_mode=wal")
        self.db.execute("pragma synchronous=normal")
        self.db.execute("begin immediate")
        for statement in _TABLES.split(";"):
            self.db.execute(statement)
        self.db.execute(f"pragma user_version={VERSION}")
        self.db.execute("commit")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Holds the file alone. Commits on success, rolls back on any exception.

        Raises `StoreError` when the file is locked for too long, full, or cannot be written.
        """
        try:
            self.db.execute("begin immediate")
            try:
                yield
                self.db.execute("commit")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("rollback")
                raise
        except sqlite3.Error as error:
            raise StoreError(self.path, error) from error

    def version(self) -> int:
        """Changes with every write of the live state; 0 before the first one."""
        row = self.db.execute("select version from live").fetchone()
        return row[0] if row else 0

    def read(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The settings and the live state, or None in a new file."""
        row = self.db.execute("select config, state from live").fetchone()
        return (json.loads(row[0]), json.loads(row[1])) if row else None

    def write(self, config: Mapping[str, Any], state: Mapping[str, Any]) -> int:
        version = self.version() + 1
        self.db.execute(
            "insert or replace into live values (1, ?, ?, ?)",
            (version, json.dumps(config, default=str), _dumps(state)),
        )
        return version

    def close(self) -> None:
        self.db.close()
