"""Goal: many processes share one exchange in a directory. Method: real processes, real files."""

from __future__ import annotations

import json
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from execbot.sim.doors.transport import FILE_NAME, SharedVenue, open_shared
from execbot.sim.records import Delivery
from execbot.sim.store import VERSION, SqliteRecords, Store, StoreError

HEADERS = {"APCA-API-KEY-ID": "sim", "APCA-API-SECRET-KEY": "sim"}


def call(venue: SharedVenue, method: str, target: str, body: Any = None) -> Any:
    raw = None if body is None else json.dumps(body).encode()
    status, _, answer = venue.request(method, target, dict(HEADERS), raw)
    assert status < 300, answer
    return json.loads(answer) if answer else None


def buy(venue: SharedVenue, client_order_id: str, **fields: Any) -> Any:
    order = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market"}
    order |= {"time_in_force": "day", "client_order_id": client_order_id, **fields}
    return call(venue, "POST", "/v2/orders", order)


def standing(path: Path) -> SharedVenue:
    return open_shared(path, at="2026-10-08 10:30", speed=0)


def test_second_opener_sees_what_the_first_did(tmp_path: Path) -> None:
    first = standing(tmp_path)
    order = buy(first, "one")
    call(first, "POST", "/sim/clock", {"step": 1})
    first.close()
    second = open_shared(tmp_path, seed=99)
    shown = call(second, "GET", f"/v2/orders/{order['id']}")
    assert shown["status"] == "filled"
    assert call(second, "GET", "/v2/positions/AAPL")["qty"] == "1"
    assert call(second, "GET", "/v2/account/activities/FILL")[0]["order_id"] == order["id"]


def test_a_bounded_table_is_bounded_also_where_rows_come_in_twos(tmp_path: Path) -> None:
    store = Store(tmp_path / "exchange.db")
    records = SqliteRecords(store.db, limit=10)
    for first in range(2, 2000, 2):  # the last of two is never the 256th of anything
        records.deliver([Delivery(seq, "one", 0, "event", b"") for seq in (first, first + 1)])
    assert len(records.deliveries(None, 0)) < 10 + 256
    store.close()


@pytest.mark.parametrize(("code", "kind"), [
    (sqlite3.SQLITE_BUSY, "journal.locked"), (sqlite3.SQLITE_BUSY_SNAPSHOT, "journal.locked"),
    (sqlite3.SQLITE_LOCKED, "journal.locked"), (sqlite3.SQLITE_CORRUPT, "config.exchange_file"),
])  # fmt: skip
def test_that_it_is_locked_follows_from_the_code_of_sqlite(code: int, kind: str) -> None:
    error = sqlite3.OperationalError("the file /locked/exchange.db")
    error.sqlite_errorcode = code
    assert StoreError(Path("exchange.db"), error).kind == kind


def test_two_open_at_once_take_turns(tmp_path: Path) -> None:
    first, second = standing(tmp_path), standing(tmp_path)
    for number in range(10):
        buy(first, f"a{number}")
        buy(second, f"b{number}")
    call(second, "POST", "/sim/clock", {"step": 1})
    assert call(first, "GET", "/v2/positions/AAPL")["qty"] == "20"


def test_another_process_takes_nothing_away_from_two_in_one(tmp_path: Path) -> None:
    """Two are open in one process, as a page has them. The end of another's look must not be taken
    for that of the last one, or what is traded next would be in a file without a name."""
    first, second = standing(tmp_path), standing(tmp_path)
    buy(first, "before")
    look = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); "
        "db.execute('SELECT count(*) FROM sqlite_master').fetchone(); db.close()"
    )
    path = tmp_path / FILE_NAME
    subprocess.run([sys.executable, "-c", look, str(path)], check=True)
    assert path.with_name(f"{FILE_NAME}-wal").exists()
    buy(second, "after")
    names = "import json, sys; from pathlib import Path; "
    names += "from execbot.sim.doors.transport import open_shared; "
    names += "venue = open_shared(Path(sys.argv[1])); "
    names += f"print(venue.request('GET', '/v2/orders?status=all', {HEADERS!r}, None)[2].decode())"
    done = subprocess.run(
        [sys.executable, "-c", names, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert {o["client_order_id"] for o in json.loads(done.stdout)} == {"before", "after"}


def test_stream_is_read_by_another_process_from_where_it_stands(tmp_path: Path) -> None:
    writer, reader = standing(tmp_path), standing(tmp_path)
    buy(writer, "before")
    call(writer, "POST", "/sim/clock", {"step": 1})
    seq = reader.last_seq("sim")
    buy(writer, "after")
    call(writer, "POST", "/sim/clock", {"step": 1})
    rows = reader.trade_updates_since("sim", seq)
    events = [json.loads(frame)["data"] for _, frame in rows]
    assert [event["event"] for event in events] == ["pending_new", "new", "fill"]
    assert {event["order"]["client_order_id"] for event in events} == {"after"}
    assert reader.trade_updates_since("sim", rows[-1][0]) == []


SUBMIT = """
import json, sys
from pathlib import Path
from execbot.sim.doors.transport import open_shared

venue = open_shared(Path(sys.argv[1]))
keys = {"APCA-API-KEY-ID": "sim", "APCA-API-SECRET-KEY": "sim"}
statuses = []
for number in range(15):
    order = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market"}
    order |= {"time_in_force": "day", "client_order_id": f"shared-{number}"}
    body = json.dumps(order).encode()
    statuses.append(venue.request("POST", "/v2/orders", dict(keys), body)[0])
venue.close()
print(json.dumps(statuses))
"""


def test_processes_at_once_get_each_order_in_exactly_once(tmp_path: Path) -> None:
    standing(tmp_path).close()
    command = [sys.executable, "-c", SUBMIT, str(tmp_path)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    results = [json.loads(worker.communicate(timeout=60)[0]) for worker in workers]
    for number in range(15):
        statuses = sorted(row[number] for row in results)
        assert statuses == [200, 422, 422, 422]


def test_threads_of_one_process_take_turns(tmp_path: Path) -> None:
    venue = standing(tmp_path)
    errors: list[BaseException] = []

    def work(name: int) -> None:
        try:
            for number in range(10):
                buy(venue, f"{name}-{number}")
                venue.trade_updates_since("sim", 0)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(call(venue, "GET", "/v2/orders?status=all")) == 40


def test_a_crash_in_the_middle_of_a_turn_leaves_the_state_before_it(tmp_path: Path) -> None:
    venue = standing(tmp_path)
    buy(venue, "kept")
    with pytest.raises(RuntimeError), venue.turn() as inside:
        inside.exchange.place(
            inside.account_of("sim"),  # type: ignore[arg-type]
            {
                "symbol": "MSFT",
                "qty": "1",
                "side": "buy",
                "type": "market",
                "time_in_force": "day",
                "client_order_id": "lost",
            },
        )
        inside.changed = True
        raise RuntimeError("power cut")
    names = [row["client_order_id"] for row in call(venue, "GET", "/v2/orders?status=all")]
    assert names == ["kept"]


def test_files_are_private(tmp_path: Path) -> None:
    place = tmp_path / "new"
    standing(place).close()
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE((place / FILE_NAME).stat().st_mode) == 0o600


def test_file_that_is_no_exchange_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="exchange"):
        open_shared(tmp_path)


def test_file_of_another_version_is_refused(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / FILE_NAME)
    database.execute("pragma user_version=99")
    database.close()
    with pytest.raises(StoreError, match="version"):
        open_shared(tmp_path)


def test_file_without_a_part_of_the_state_is_of_another_version(tmp_path: Path) -> None:
    """Who adds a part to the state counts VERSION up: old files are refused, not misread."""
    venue = standing(tmp_path)
    call(venue, "GET", "/v2/account")
    state = json.loads(venue.store.db.execute("select state from live").fetchone()[0])
    assert (VERSION, " ".join(sorted(state)), " ".join(sorted(state["exchange"]))) == (
        4,
        "clock down_until exchange faults generation keys market outbox pending seen served "
        "watchlists",
        "accounts bands counter faults halted late_rows now option_changes option_looked_at "
        "options orders past renamed seqs splits stale",
    )


def test_file_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    venue = standing(tmp_path)
    call(venue, "GET", "/v2/account")
    venue.store.db.execute("pragma query_only=1")
    with pytest.raises(StoreError, match="exchange"):
        buy(venue, "never")
    venue.store.db.execute("pragma query_only=0")
    buy(venue, "later")
    names = [row["client_order_id"] for row in call(venue, "GET", "/v2/orders?status=all")]
    assert names == ["later"]


def test_reset_starts_over_with_new_settings(tmp_path: Path) -> None:
    venue = standing(tmp_path)
    buy(venue, "old")
    call(venue, "POST", "/sim/reset", {"seed": 5})
    assert call(venue, "GET", "/v2/orders?status=all") == []
    assert call(open_shared(tmp_path), "GET", "/sim/status")["seed"] == 5


def test_log_and_faults_are_shared(tmp_path: Path) -> None:
    first, second = standing(tmp_path), standing(tmp_path)
    call(first, "POST", "/sim/faults", {"kind": "server_error", "method": "POST", "count": 1})
    status, _, _ = second.request("POST", "/v2/orders", dict(HEADERS), b"{}")
    assert status == 500
    assert call(first, "GET", "/sim/log")[0]["faults"] == ["server_error"]
    assert call(first, "GET", "/sim/faults")[0]["fired"] == 1


def test_opening_and_one_request_need_no_heavy_import(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from execbot.sim.doors.transport import open_shared\n"
        f"v = open_shared(Path({str(tmp_path)!r}))\n"
        "v.request('GET', '/v2/account', {'APCA-API-KEY-ID': 'k'}, None)\n"
        "heavy = {'aiohttp', 'asyncio', 'yaml', 'pandas', 'requests', 'pydantic', 'msgpack'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
