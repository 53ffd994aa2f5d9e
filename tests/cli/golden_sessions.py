"""The sessions whose `--json` is kept in `tests/cli/golden/`: one for each command or group.

Each function is given a recorder of its own; the name of the function is the name of the file.
What only prepares the next command is run `quietly` and not kept.

    PYTHONPATH=tests python -m cli.golden_sessions [SESSION ...]     writes them anew
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from cli.golden_records import Recorder, recorder
from support.paths import ROOT
from support.processes import start_execbot

Session = Callable[[Recorder], None]
SESSIONS: dict[str, tuple[Session, Mapping[str, str]]] = {}
GOLDEN = ROOT / "tests" / "cli" / "golden"
SATURDAY = {"calendar": "exchange", "at": "2026-10-10 12:00"}


def session(**options: str) -> Callable[[Session], Session]:
    """Registers a session; `options` are those of `sim serve`, `_` for `-`."""
    given = {f"--{name.replace('_', '-')}": value for name, value in options.items()}

    def add(function: Session) -> Session:
        SESSIONS[function.__name__] = (function, given)
        return function

    return add


def record(name: str, home: Path) -> Recorder:
    """Play one session."""
    play, options = SESSIONS[name]
    with recorder(home, options) as taken:
        play(taken)
    return taken


# --- entering, changing, leaving -----------------------------------------------------------------


@session()
def submit(x: Recorder) -> None:
    x.price("WMT", "88")
    x.run("submit AAPL --qty 10 --client-order-id one")
    x.run("submit AAPL --qty 10 --client-order-id one")
    x.run("submit AAPL --qty 11 --client-order-id one")
    x.run("submit MSFT --qty 5 --limit 390 --tif gtc --strategy dip --client-order-id two")
    x.run("submit KO --qty 10 --stop-loss 2% --take-profit 2R --client-order-id three")
    x.run(
        "submit TSLA --qty 4 --stop-loss 2% --take-profit 1R --take-profit 2R --wait 20", live=True
    )
    x.run("submit BTC/USD --notional 100 --client-order-id coins")
    x.run("submit JPM --qty 3 --trail-percent 2 --side sell --client-order-id trail")
    x.run("submit MSFT --qty 1 --limit 380 --dry-run --client-order-id dry")
    x.run("submit MSFT --qty 90000 --dry-run --client-order-id large")
    x.run("submit MSFT --qty 90000 --client-order-id larger")
    x.run("submit WMT --risk 0.1% --stop-loss 2% --client-order-id risked")
    x.run("submit WMT --risk 1USD --stop-loss 2% --client-order-id tiny")
    x.run("submit WMT --risk 1%")
    x.run("submit ZZZZ --qty 1 --client-order-id unknown")
    x.run("submit MSFT --qty 1 --notional 5")
    x.run("submit")


@session()
def sides(x: Recorder) -> None:
    x.run("buy AAPL --qty 10 --stop-loss 2% --client-order-id bought")
    x.settle()
    x.run("buy AAPL --qty 10 --client-order-id bought")
    x.quietly("buy MSFT --qty 4 --client-order-id plain")
    x.settle()
    x.run("sell MSFT --qty 4 --client-order-id sold")
    x.run("sell KO --qty 4 --client-order-id nothing-held")
    x.run("short TSLA --qty 3 --limit 420 --stop-loss 430 --client-order-id shorted")
    x.run("buy AAPL --qty 1 --side sell")
    x.run("short AAPL")


@session()
def version(x: Recorder) -> None:
    x.run("version")


@session()
def help(x: Recorder) -> None:
    x.run("help market")
    x.run("help queue list")
    x.run("help nobody")


@session()
def orders(x: Recorder) -> None:
    x.run("orders")
    bought = x.quietly("submit AAPL --qty 10 --stop-loss 2% --client-order-id one")
    x.quietly("submit MSFT --qty 5 --limit 390 --tif gtc --client-order-id two")
    x.settle()
    x.run("orders")
    x.run("orders --status open")
    x.run("orders --status closed --symbol AAPL --limit 1")
    x.run("orders show one")
    x.run(f"orders show {bought['id'][:8]}")
    x.run("orders show nobody")
    x.run("orders --since yesterday")
    x.quietly("cancel two", live=True)
    x.run("orders retry two")
    x.run("orders retry one")
    x.run("orders abandon two")


@session()
def replace(x: Recorder) -> None:
    x.quietly("submit MSFT --qty 5 --limit 390 --tif gtc --client-order-id one")
    x.settle()
    x.run("replace one --limit 391", live=True)
    x.run("replace one --limit 392")
    x.run("replace nobody --limit 1")
    x.run("replace one")


@session()
def cancel(x: Recorder) -> None:
    x.quietly("submit MSFT --qty 5 --limit 390 --client-order-id one")
    x.quietly("submit AAPL --qty 5 --client-order-id filled")
    x.settle()
    x.run("cancel one", live=True)
    x.run("cancel one")
    x.run("cancel filled")
    x.run("cancel nobody")


@session()
def cancel_all(x: Recorder) -> None:
    x.run("cancel-all --yes")
    x.quietly("submit MSFT --qty 5 --limit 390 --client-order-id one")
    x.quietly("submit AAPL --qty 5 --stop-loss 2% --client-order-id two")
    x.settle()
    x.run("cancel-all --entries --yes", live=True)
    x.run("cancel-all --yes", live=True)


@session()
def close(x: Recorder) -> None:
    x.run("close AAPL")
    x.quietly("submit AAPL --qty 10 --stop-loss 2% --take-profit 4% --client-order-id one")
    x.quietly("submit KO --qty 5 --client-order-id two")
    x.settle()
    x.run("close AAPL --percent 50 --wait 20", live=True)
    x.run("close AAPL --qty 500")
    x.run("close --all --wait 20", live=True)
    x.run("close")


# --- looking -------------------------------------------------------------------------------------


@session()
def positions(x: Recorder) -> None:
    x.run("positions")
    x.quietly("submit AAPL --qty 10 --stop-loss 2% --take-profit 4% --client-order-id one")
    x.quietly("submit BTC/USD --qty 0.1 --client-order-id coins")
    x.settle()
    x.price("AAPL", "202")
    x.run("positions")
    x.run("positions history")
    x.run("positions history AAPL --limit 1")


@session()
def quote(x: Recorder) -> None:
    x.price("AAPL", "202")
    x.settle()
    x.run("quote AAPL BTC/USD")
    x.run("quote AAPL ZZZZ")
    x.run("quote ZZZZ")
    x.run("quote AAPL --csv")


@session()
def option(x: Recorder) -> None:
    x.run("option chain AAPL --near 1")
    x.run("option chain AAPL --expiries")
    low, *_, high = x.quietly("option chain AAPL --near 3 --calls")
    x.run(f"submit {low['symbol']} --qty 1 --limit {low['ask']} --client-order-id one")
    x.settle()
    x.run("option held")
    x.run(f"option protect {low['symbol']} --stop 0.05")
    x.run(f"option together {low['symbol']}")
    x.run(f"option exercise {high['symbol']}")
    x.run("option close AAPL --credit 1")
    x.run(f"option abandon {low['symbol']}")
    x.run(f"submit {low['symbol']} --qty 1 --stop-loss 20% --trail-percent 2")


@session()
def option_done(x: Recorder) -> None:
    """What is answered where it is done: a structure from a signal to its trade, an exercise, and a
    contract that is left to expire."""
    x.price("AAPL", "215")
    low, high, *_ = x.quietly("option chain AAPL --near 3 --calls")
    legs = [{"symbol": low["symbol"], "side": "buy"}, {"symbol": high["symbol"], "side": "sell"}]
    net = Decimal(low["ask"]) - Decimal(high["bid"])
    wish = {"id": "wings-1", "strength": 82, "legs": legs, "debit": str(net), "qty": 2}
    spoilt = {**wish, "id": "wings-0", "legs": legs[:1]}
    x.run("signal -", stdin=f"{json.dumps(spoilt)}\n{json.dumps(wish)}\n")
    x.settle()
    x.run("option held")
    x.run("option together AAPL")
    x.run("option protect AAPL --stop 0.05 --target 2.40")
    x.run("positions")
    x.run("exits show")
    x.run("health")
    x.run("account")
    x.run("option close AAPL --market --dry-run")
    x.run("option close AAPL --market --qty 1 --client-order-id half")
    x.settle()
    x.run("option close AAPL --market --client-order-id rest", live=True)
    x.settle()
    x.run("trades")
    x.run("trades show AAPL")
    x.quietly(f"submit {low['symbol']} --qty 1 --limit {low['ask']} --client-order-id call")
    x.settle()
    x.run(f"option exercise {low['symbol']}")
    x.run("reconcile")
    x.run("positions")
    first = x.quietly("option chain AAPL --expiries")[0]["expiry"]
    put, *_ = x.quietly(f"option chain AAPL --expiry {first} --puts --near 1")
    x.quietly(f"submit {put['symbol']} --qty 1 --limit {put['ask']} --client-order-id put")
    x.settle()
    x.server.call("POST", "/sim/clock", {"set": f"{first} 10:30"})
    x.settle()
    x.run(f"option abandon {put['symbol']}")


@session()
def account(x: Recorder) -> None:
    x.run("account")
    x.quietly("submit AAPL --qty 10 --client-order-id one")
    x.quietly("submit BTC/USD --qty 0.1 --client-order-id coins")
    x.settle()
    x.price("AAPL", "202")
    x.run("account")
    x.quietly("halt --reason feed --yes")
    x.run("account")


@session()
def report(x: Recorder) -> None:
    x.run("report --daily")
    x.quietly("submit AAPL --qty 10 --client-order-id one")
    x.settle()
    x.price("AAPL", "202")
    x.quietly("close AAPL --qty 4 --client-order-id out")
    x.settle()
    x.run("report --daily")
    x.run("report --daily --date 2026-10-06")
    x.run("report --daily --after-close")
    x.run("report --daily --after-close")
    x.run("report --daily --date tomorrow")
    x.run("report --weekly")
    x.run("report --date 2026-11-26")
    x.run("report --monthly --date 2027-01-01")
    x.run("report --from 2026-10-07 --to 2026-10-05")
    x.run("report --to 2026-10-05")
    x.run("report --weekly --monthly")


@session()
def trades(x: Recorder) -> None:
    x.run("trades")
    bought = "submit AAPL --qty 10 --stop-loss 2% --take-profit 4% --strategy dip"
    x.quietly(f"{bought} --client-order-id one")
    x.settle()
    x.price("AAPL", "202")
    x.run("trades")
    x.quietly("close AAPL --client-order-id out", live=True)
    x.settle()
    x.quietly("submit KO --qty 5 --client-order-id two")
    x.settle()
    x.run("trades --closed")
    x.run("trades --lots fifo")
    x.run("trades show AAPL")
    x.run("trades show nobody")
    x.run("trades --open --closed")


@session()
def chart(x: Recorder) -> None:
    """Of the bars only those of past days are the same in every run."""
    x.quietly("submit AAPL --qty 10 --stop-loss 2% --take-profit 4% --client-order-id one")
    x.settle()
    x.quietly("close AAPL --client-order-id out", live=True)
    x.settle()
    x.run("chart AAPL --since 2026-10-07 --until 2026-10-06")
    x.run("chart AAPL --since 2026-09-28 --until 2026-10-02 --bars 1day")
    x.run("chart ZZZZ --since 2020-01-04 --until 2020-01-04")
    x.run("chart --trade nobody")
    x.run("chart")
    x.run("chart AAPL --html /nowhere/chart.html")


@session()
def stats(x: Recorder) -> None:
    x.price("SPY", "600")
    x.run("stats")
    x.quietly("submit AAPL --qty 10 --stop-loss 2% --strategy dip --client-order-id one")
    x.settle()
    x.price("AAPL", "202")
    x.quietly("close AAPL --client-order-id out", live=True)
    x.settle()
    x.run("stats --by strategy --symbol AAPL")
    x.run("stats")
    x.run("stats --csv")


@session()
def reconcile(x: Recorder) -> None:
    x.run("reconcile")
    order = {"symbol": "KO", "qty": "5", "side": "buy", "type": "market", "time_in_force": "day"}
    x.server.call("POST", "/v2/orders", {**order, "client_order_id": "elsewhere"})
    x.server.call("POST", "/sim/clock", {"step": 5})
    x.run("reconcile")
    x.server.call("POST", "/sim/rename", {"symbol": "KO", "new_symbol": "INTC"})
    x.run("reconcile")
    x.run("reconcile --accept-positions")
    nothing = {"kind": "canned_reply", "method": "GET", "path": "/v2/positions"}
    x.server.call("POST", "/sim/faults", {**nothing, "params": {"status": 200, "body": []}})
    x.run("reconcile")


@session()
def market(x: Recorder) -> None:
    x.run("market --holidays 2")


@session(**SATURDAY)
def market_closed(x: Recorder) -> None:
    x.run("market --holidays 0")


@session()
def doctor(x: Recorder) -> None:
    x.run("doctor")


@session()
def health(x: Recorder) -> None:
    x.run("submit AAPL --qty 10 --stop-loss 2%")
    x.run("reconcile")
    x.run("health")
    x.run("health --nagios")
    x.run("health --docker")


@session()
def service(x: Recorder) -> None:
    x.run("service systemd --job watch --job backup")
    x.run("service cron --job report --write")
    x.run("service upstart")


@session()
def alerts(x: Recorder) -> None:
    x.run("alerts init ntfy --set topic=t --no-test --write")
    x.run("alerts init ntfy --set channel=t --no-test")
    x.run("alerts init telegram --no-test")
    x.run("alerts")
    x.run("alerts list")


@session()
def selftest(x: Recorder) -> None:
    held = {"symbol": "XLF", "price": "52", "hold": True}
    x.server.call("POST", "/sim/price", held, key=x.env["ALPACA_API_KEY"])
    x.run("selftest")
    x.run("selftest --mode sim", live=True)
    x.run("selftest --mode sim --symbol AAPL --max-cost 40", live=True)


@session()
def config(x: Recorder) -> None:
    x.run("config check")
    x.run("config show")
    path = Path(x.env["HOME"], "config", "execbot", "trading.yaml")
    x.run(f"config init {path}")
    x.run(f"config init {path}")
    path.write_text("trading_execution:\n  max_positions: 5\n")
    x.run("config check")
    path.write_text("trading_execution:\n  max_positons: 5\n")
    x.run("config check")
    x.run("positions")
    path.write_text("trading_execution:\n  max_positions: 5\n")
    x.run("config adopt")
    x.run("positions")


@session()
def init(x: Recorder) -> None:
    x.run("init --yes --mode paper --max-positions 3 --symbols AAPL,KO --run cron")
    x.run("init --yes --mode paper")
    x.run("init --yes")
    x.run("init --yes --mode paper --max-positions 0 --force")


@session()
def profiles(x: Recorder) -> None:
    x.run("init --yes --mode paper --profile swing --color blue")
    x.run("profiles")
    x.run("positions --profile swing")
    x.run("positions --profile swang")


@session()
def journal(x: Recorder) -> None:
    x.run("submit AAPL --qty 2 --stop-loss 2% --client-order-id one --wait 20")
    x.run("journal")
    x.run("journal rebuild")
    x.run("journal size")
    x.run("journal backup copy.db")
    x.run("journal backup copy.db")
    x.run("journal backup copies --keep 1")
    x.run("journal archive --before 2026-01-01")
    x.quietly("submit MSFT --qty 1 --client-order-id two --wait 20")
    x.run("journal restore copy.db")
    x.run("resume")
    x.run("journal verify")
    x.run("journal")


@session()
def schema(x: Recorder) -> None:
    x.run("schema cancel")
    x.run("schema nothing")


# --- exits ---------------------------------------------------------------------------------------


@session()
def exits(x: Recorder) -> None:
    x.run("exits show")
    x.quietly("submit AAPL --qty 10 --stop-loss 2% --take-profit 4% --client-order-id one")
    x.settle()
    x.run("exits")
    x.run("exits show AAPL")
    x.run("exits move AAPL --stop 197", live=True)
    x.run("exits move AAPL --target 1R --target 3R", live=True)
    x.run("exits move AAPL --stop 250", live=True)
    x.run("exits move KO --stop 60")
    x.run("exits show AAPL")


@session()
def protect(x: Recorder) -> None:
    x.run("protect KO --stop 2%")
    x.quietly("submit KO --qty 10 --client-order-id one")
    x.settle()
    x.run("protect KO --stop 2% --target 2R", live=True)
    x.run("protect KO", live=True)
    x.quietly("submit AAPL --qty 10 --client-order-id two")
    x.settle()
    x.run("protect AAPL --trail 1.5%", live=True)


# --- signals, halts, the queue -------------------------------------------------------------------


@session()
def signal(x: Recorder) -> None:
    x.price("JPM", "260")
    x.run("signal AAPL buy --strength 82 --id a --dry-run")
    x.run("signal AAPL buy --strength 82 --id a --expected-price 200")
    x.run("signal AAPL buy --strength 82 --id a")
    x.run("signal KO buy --strength 50 --id b")
    x.run("signal KO hold --strength 82")
    x.run("signal MSFT buy --strength 82 --qty 3 --stop 390 --target 420 --id c")
    x.settle()
    x.run("signal AAPL sell --strength 90 --id d", live=True)
    rows = [
        {"id": "e", "symbol": "JPM", "side": "buy", "strength": 90, "qty": 2},
        {"id": "f", "symbol": "KO", "side": "buy", "strength": 80, "color": "red"},
        {"id": "a", "symbol": "AAPL", "side": "buy", "strength": 90},
    ]
    x.run("signal -", stdin="\n".join(json.dumps(row) for row in rows) + "\n")


@session()
def halt(x: Recorder) -> None:
    x.quietly("submit MSFT --qty 5 --limit 390 --client-order-id one")
    x.quietly("submit AAPL --qty 5 --stop-loss 2% --client-order-id two")
    x.settle()
    x.run("halt --reason news --reduce-only")
    x.run("halt --reason news")
    x.run("submit KO --qty 1 --client-order-id three")
    x.run("halt --reason worse --flatten --yes", live=True)
    x.run("resume --reason over")
    x.run("resume")
    x.run("halt")


@session(**SATURDAY)
def queue(x: Recorder) -> None:
    x.run("queue list")
    x.run("submit AAPL --qty 5 --client-order-id one")
    x.run("submit KO --qty 5 --client-order-id two")
    x.run("queue")
    x.run("queue release")
    x.run("queue cancel two")
    x.run("queue cancel nobody")
    x.quietly("submit MSFT --qty 5 --client-order-id three")
    x.run("orders abandon three")
    x.server.call("POST", "/sim/clock", {"set": "2026-10-12 09:45"})
    x.run("queue release")
    x.run("queue list")


# --- the exchange itself, and watch --------------------------------------------------------------


@session()
def sim(x: Recorder) -> None:
    url = f"--url {x.server.rest}"
    x.quietly("submit AAPL --qty 5 --client-order-id one")
    x.run(f"sim status {url}")
    x.run(f"sim price AAPL {url}")
    x.run(f"sim price AAPL 187.50 {url}")
    x.run(f"sim halt AAPL {url}")
    x.run(f"sim resume AAPL {url}")
    x.run(f"sim deposit 2500 {url}")
    x.run(f"sim clock {url}")
    x.run(f"sim clock --step 60 {url}")
    x.run(f"sim replay {x.env['HOME']}/nowhere {url}")
    x.run(f"sim reset --yes {url}")
    x.run("sim status --url http://127.0.0.1:1")


@session()
def watch(x: Recorder) -> None:
    x.quietly("submit AAPL --qty 10 --stop-loss 2% --take-profit 4% --client-order-id one")
    with x.watch() as lines:
        for kind in ("guard", "stream", "session"):
            lines.wait_for(type=kind)
        x.price("AAPL", "190")
        with x.clock_runs():
            lines.wait_for(type="position", qty="0")
            lines.wait_for(type="guard", state="flat")


@session()
def sim_serve(x: Recorder) -> None:
    process = start_execbot(["sim", "serve", "--json"], x.env)
    assert process.stdout is not None
    line = json.loads(process.stdout.readline())
    process.terminate()
    process.communicate(timeout=60)
    x.add("sim serve", process.returncode, line, [])


@session()
def page(x: Recorder) -> None:
    env = {**x.env, "EXECBOT_PAGE_TOKEN": "the-token-of-this-recording"}
    x.run("page link")
    x.run("page 0.0.0.0:0")
    x.run("page 127.0.0.1:none")
    process = start_execbot(["page", "127.0.0.1:0", "--json"], env)
    assert process.stdout is not None
    line = json.loads(process.stdout.readline())
    x.env = env
    x.run("page link")
    process.terminate()
    process.communicate(timeout=60)
    x.add("page 127.0.0.1:0", process.returncode, line, [])


@session()
def sim_run(x: Recorder) -> None:
    x.run("sim run --json --unsealed -- true")
    x.run("sim run --json --unsealed -- false")
    x.run("sim run --json --unsealed -- no-such-command")


# --- keeping them --------------------------------------------------------------------------------


def text_of(cases: list[dict[str, Any]]) -> str:
    return json.dumps(cases, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Play the sessions named, or all of them, and write what they print."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="SESSION", help=", ".join(SESSIONS))
    parser.add_argument("--into", type=Path, default=GOLDEN, help="another folder")
    chosen = parser.parse_args()
    chosen.into.mkdir(exist_ok=True)
    for name in chosen.names or SESSIONS:
        with tempfile.TemporaryDirectory() as home:
            (chosen.into / f"{name}.json").write_text(text_of(record(name, Path(home)).cases))
        print(name)


if __name__ == "__main__":
    main()
