"""Goal: an alert that turns a position round closes it, and enters the other side only once the
close is proven; where it is not, nothing is entered, and that is told.

The exchange's own record is the judge.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from page.signals.alerting import now_of, reversal
from page.signals.listening import CONFIG, Doors
from page.signals.making import NOW, body, row
from support.processes import Server, exchange
from support.waiting import eventually
from support.watching import watching

from execbot.model.order_ids import client_order_id_of
from execbot.page.signals.intake import ENTRY_SUFFIX, ID_LENGTH_MAX, entry_id_of
from execbot.page.signals.reversals import Close, close_of
from execbot.page.signals.rows import Row, State
from execbot.page.signals.store import SignalStore

# --- what is decided -----------------------------------------------------------------------


def test_the_entrys_id_follows_from_the_closes_and_is_an_id_itself() -> None:
    assert entry_id_of("tv-1") == f"tv-1{ENTRY_SUFFIX}"
    longest = "x" * ID_LENGTH_MAX
    assert len(entry_id_of(longest)) <= ID_LENGTH_MAX
    assert entry_id_of(longest) == entry_id_of(longest) != entry_id_of("y" * ID_LENGTH_MAX)


OWN = client_order_id_of("s-1")


def closed(
    outcome: str, *, name: str | None = OWN, later: str = "", reason: str = "", **more: Any
) -> Row:
    order = {"outcome": later} if later else None
    result = {"outcome": outcome, "client_order_id": name, "reason": reason or None}
    values = {"state": State.DONE, "result": result, "order": order, **more}
    first = row(1, side="sell")
    return Row(1, first.signal, first.source, None, values.pop("state"), NOW, **values)


@pytest.mark.parametrize(
    ("first", "stage"),
    [
        (None, Close.FAILED),
        (row(1, side="sell"), Close.UNDER_WAY),
        (closed("accepted", state=State.BEGUN), Close.UNDER_WAY),
        (closed("accepted", is_followed=True), Close.UNDER_WAY),
        (closed("accepted", later="partially_filled", is_followed=True), Close.UNDER_WAY),
        (closed("filled"), Close.DONE),
        (closed("accepted", later="filled"), Close.DONE),
        (closed("accepted", later="canceled"), Close.FAILED),
        (closed("accepted", later="partially_filled"), Close.FAILED),
        (closed("accepted", later="expired"), Close.FAILED),
        (closed("rejected"), Close.FAILED),
        (closed("not_sent", name=None), Close.FAILED),
        # Exits were lifted, the close was refused, nothing of it is left.
        (closed("canceled", name=None, reason="broker.qty_held_for_orders"), Close.FAILED),
        (closed("in_doubt"), Close.FAILED),
        (closed("canceled"), Close.FAILED),
        (closed("canceled", name="its-pending-entry"), Close.DONE),
    ],
)  # fmt: skip
def test_only_what_is_filled_is_closed(first: Row | None, stage: Close) -> None:
    assert close_of(first) is stage


# --- what is kept --------------------------------------------------------------------------


def test_both_halves_are_kept_in_one_commit_and_a_store_of_before_learns_of_them(
    tmp_path: Path,
) -> None:
    from page.signals.test_deliveries import alert, take

    from execbot.page.signals.rows import Delivery

    store = SignalStore(tmp_path)
    store.close()
    with sqlite3.connect(store.path) as db:  # as an earlier version has left it
        for name in ("after_id", "then_id"):
            db.execute(f"ALTER TABLE signals DROP COLUMN {name}")
    store = SignalStore(tmp_path)
    what = take(alert(id="turn", position="short", previous_position="long", action="sell"))
    kept = store.keep(Delivery(what, NOW, 60, 1000)).result()
    assert kept.entry is not None
    assert [(one.id, one.then, one.after) for one in store.unfinished()] == [
        ("turn", "turn.open", None), ("turn.open", None, "turn")]  # fmt: skip
    again = store.keep(Delivery(what, NOW + timedelta(days=1), 60, 1000)).result()
    assert (again.is_new, again.row.then) == (False, "turn.open")
    # Nothing was sent for the close: the same alert begins both of them anew.
    for one in (kept.row, kept.entry):
        store.finish(one.number, NOW, {"outcome": "not_sent"}, may_come_again=True)
    assert store.unfinished() == []
    assert store.keep(Delivery(what, NOW, 60, 1000)).result().is_new
    assert [(one.id, one.state) for one in store.unfinished()] == [
        ("turn", State.BEGUN), ("turn.open", State.BEGUN)]  # fmt: skip
    store.close()


# --- what is done --------------------------------------------------------------------------

PATIENT = CONFIG + "  signal_ttl_seconds: 604800\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with exchange(tmp_path_factory.mktemp("exchange"), "--speed", "60") as running:
        yield running


@pytest.fixture(scope="module")
def doors(served: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    running = Doors(served, tmp_path_factory.mktemp("page"), config=PATIENT)
    yield running
    running.kill()


def held(served: Server, symbol: str) -> Decimal:
    found = served.get("/v2/positions")
    return sum((Decimal(p["qty"]) for p in found if p["symbol"] == symbol), Decimal(0))


def orders_of(served: Server, signal_id: str) -> list[dict[str, Any]]:
    wanted = client_order_id_of(signal_id)
    return [one for one in served.orders() if one["client_order_id"] == wanted]


def hold(doors: Doors, served: Server, symbol: str, side: str = "buy") -> None:
    doors.post(body(id=f"before-{symbol}", symbol=symbol, side=side, qty=4, ttl_seconds=604_800))
    assert eventually(lambda: abs(held(served, symbol)) == 4), doors.state(f"before-{symbol}")


@pytest.mark.parametrize(("symbol", "before", "to"), [("AAPL", "buy", "short"),
                                                      ("MSFT", "sell_short", "long")])  # fmt: skip
def test_it_closes_then_enters_the_other_side_each_once(
    doors: Doors, served: Server, symbol: str, before: str, to: str
) -> None:
    hold(doors, served, symbol, before)
    sent = reversal(now_of(served), to, ticker=symbol, qty="3")
    answer = doors.post(sent)
    assert answer.status == 202
    close, entry = answer.data["id"], answer.data["then"]
    assert entry == f"{close}.open"
    assert "follows as" in answer.data["message"]
    assert doors.post(sent).data["then"] == entry
    done = doors.outcome(entry)
    assert (done["after"], done["reason"]) == (close, None)
    sign = 1 if to == "long" else -1
    assert eventually(lambda: held(served, symbol) == sign * 3)
    [closing], [opening] = orders_of(served, close), orders_of(served, entry)
    assert (closing["qty"], closing["status"]) == ("4", "filled")
    assert opening["qty"] == "3"
    assert opening["created_at"] > closing["filled_at"]
    assert doors.state(close)["outcome"] == "filled"


@pytest.mark.parametrize("fault", ["partial_then_cancel", "accepted_then_rejected"])
def test_a_close_that_ends_otherwise_enters_nothing_and_is_told(
    doors: Doors, served: Server, fault: str
) -> None:
    symbol = {"partial_then_cancel": "IBM", "accepted_then_rejected": "INTC"}[fault]
    hold(doors, served, symbol)
    rule = {"kind": fault, "method": "POST", "path": "/v2/orders", "count": 1}
    served.call("POST", "/sim/faults", {**rule, "params": {}})
    answer = doors.post(reversal(now_of(served), "short", ticker=symbol, qty="3"))
    done = doors.outcome(answer.data["then"])
    assert (done["outcome"], done["reason"]) == ("not_sent", "signal.not_closed")
    assert answer.data["id"] in done["message"]
    assert held(served, symbol) > 0
    assert not orders_of(served, answer.data["then"])
    assert "signals.not_reversed" in doors.log_text


def test_a_missed_alert_turns_nothing_round(doors: Doors, served: Server) -> None:
    answer = doors.post(reversal(now_of(served), "short", ticker="KO", qty="3"))
    assert doors.outcome(answer.data["id"])["reason"] == "signal.contradicts"
    assert doors.outcome(answer.data["then"])["reason"] == "signal.not_closed"
    assert held(served, "KO") == 0


def test_where_our_own_stop_was_hit_before_the_alert_nothing_is_entered_and_that_is_seen(
    doors: Doors, served: Server
) -> None:
    """The strategy believes that it is long; the account is flat. A person and the page are told.
    Without a watch the stop's fill is perhaps learned when the close is tried."""
    quote = served.get("/v2/stocks/PEP/quotes/latest")["quote"]
    stop = f"{Decimal(str(quote['ap'])) * Decimal('0.95'):.2f}"
    doors.post(body(id="stopped", symbol="PEP", qty=4, stop=stop, ttl_seconds=604_800))
    assert eventually(lambda: held(served, "PEP") == 4), doors.state("stopped")
    served.call("POST", "/sim/price", {"symbol": "PEP", "price": str(Decimal(stop) - 5)})
    assert eventually(lambda: held(served, "PEP") == 0)
    answer = doors.post(reversal(now_of(served), "short", ticker="PEP", qty="3"))
    first, entry = answer.data["id"], answer.data["then"]
    flat = ("signal.contradicts", "signal.nothing_to_close")
    assert doors.outcome(first)["reason"] in flat
    assert doors.outcome(entry)["reason"] == "signal.not_closed"
    told = f"{entry}), the other side of a reversal, was not entered"
    address, token = doors.link.removeprefix("http://").split("/#token=")
    bearer = {"Authorization": f"Bearer {token}"}

    def of_page(name: str) -> bool:
        board = doors.ask("GET", "/api/board", bearer, netloc=address).data["board"]
        return any(told in row["text"] for row in board[name])

    assert eventually(lambda: of_page("events") and of_page("alerts"), 30)
    doors.post(body(id="more", symbol="KO", qty=1, ttl_seconds=604_800))  # the journal goes on
    doors.outcome("more")
    time.sleep(1)
    assert of_page("events") and of_page("alerts")
    assert told in doors.log_text
    assert held(served, "PEP") == 0 and not orders_of(served, entry)


def test_a_close_that_hangs_holds_up_no_exit_and_nothing_is_entered(
    doors: Doors, served: Server
) -> None:
    hold(doors, served, "TSLA")
    served.call("POST", "/sim/halt", {"symbol": "TSLA"})
    answer = doors.post(reversal(now_of(served), "short", ticker="TSLA", qty="3"))
    close, entry = answer.data["id"], answer.data["then"]
    assert eventually(lambda: doors.state(close)["state"] == "done")
    assert doors.state(entry)["state"] == "waiting"
    later = doors.post(body(id="out", symbol="TSLA", side="sell", ttl_seconds=604_800))
    assert later.status == 202
    done = doors.outcome(entry)
    assert done["reason"] == "signal.not_closed" and "another exit" in done["message"]
    doors.outcome("out")
    served.call("POST", "/sim/resume", {"symbol": "TSLA"})
    assert eventually(lambda: held(served, "TSLA") == 0)
    assert not orders_of(served, entry)


def test_where_shorts_are_off_it_only_closes_and_says_so(served: Server, tmp_path: Path) -> None:
    config = PATIENT.replace("risk: {", "risk: {allow_short: false, ")
    doors = Doors(served, tmp_path, config=config)
    try:
        hold(doors, served, "AMD")
        answer = doors.post(reversal(now_of(served), "short", ticker="AMD", qty="3"))
        assert "risk.allow_short" in answer.data["message"]
        assert doors.outcome(answer.data["then"])["reason"] == "signal.shorts_off"
        assert eventually(lambda: held(served, "AMD") == 0)
        assert not orders_of(served, answer.data["then"])
    finally:
        doors.kill()


def test_a_close_that_takes_too_long_enters_nothing(served: Server, tmp_path: Path) -> None:
    """Five minutes of the exchange's time are five seconds here."""
    doors = Doors(served, tmp_path)
    try:
        hold(doors, served, "META")
        served.call("POST", "/sim/halt", {"symbol": "META"})
        answer = doors.post(reversal(now_of(served), "short", ticker="META", qty="3"))
        done = doors.outcome(answer.data["then"])
        served.call("POST", "/sim/resume", {"symbol": "META"})
        assert done["reason"] == "signal.not_closed" and "its time is over" in done["message"]
        assert eventually(lambda: held(served, "META") == 0)
        assert not orders_of(served, answer.data["then"])
    finally:
        doors.kill()


def test_beside_a_watch_the_other_side_gets_its_own_exits(tmp_path: Path) -> None:
    """At real speed: a watch counts the seconds in which shares have no stop."""
    with (
        exchange(tmp_path) as served,
        TemporaryDirectory(prefix="turn-", dir="/tmp") as folder,  # a socket's path must be short
    ):
        home = Path(folder)
        (home / "run").mkdir(mode=0o700)
        doors = Doors(served, home, config=PATIENT, XDG_RUNTIME_DIR=str(home / "run"))
        with watching(doors.env):
            hold(doors, served, "ORCL")
            answer = doors.post(reversal(now_of(served), "short", ticker="ORCL", qty="3"))
            done = doors.outcome(answer.data["then"])
            assert done["reason"] is None, (done, doors.state(answer.data["id"]))
            assert eventually(lambda: held(served, "ORCL") == -3)
            assert eventually(lambda: stopped(served, "ORCL", "buy") == 3)
        doors.kill()


def stopped(served: Server, symbol: str, side: str) -> Decimal:
    """Shares that stops of that side cover, legs of pairs too."""
    every = [leg for one in served.orders() for leg in (one, *(one["legs"] or ()))]
    stops = [one for one in every if one["type"] == "stop" and one["status"] in ("new", "held")]
    ours = [one for one in stops if (one["symbol"], one["side"]) == (symbol, side)]
    return sum((Decimal(one["qty"]) for one in ours), Decimal(0))
