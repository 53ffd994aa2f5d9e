"""The live page: from a frame of the broker's stream to the changed cell, and what ten open pages
cost the watch.

    python tests/benchmarks/live_page.py            # both
    python tests/benchmarks/live_page.py cell       # needs chromium and playwright
    python tests/benchmarks/live_page.py watch

`cell`: 60 symbols are held and quoted, orders are given and replaced 20 times a second by another
program. When each was given, when its first frame had come from the broker's stream (to another
reader of it), when its change was with the browser, and when its row in headless Chromium had
changed: all by this machine's clock. Promised: from frame to cell within 100 ms at p99.

`watch`: from a frame until the watch has decided, as it says itself (`lag_ms`), with ten pages open
and with none, in turn; the median of the pairs' ratios at p99. Promised: within 1.25.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.harness.live_page import LivePage, chromium, live_page
from support.processes import Server, exchange, execbot
from support.watching import Watching
from websockets.asyncio.client import connect
from websockets.sync.client import connect as stream

SYMBOLS = 60
EVENTS_A_SECOND = 20
SECONDS = 20
PAGES = 10
PAIRS = 10
PAIR_SECONDS = 4
CONFIG = "trading_execution:\n  max_positions: 100\n"

ARRIVALS = """() => {
  window.came = [];
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", (event) => {
        const at = performance.timeOrigin + performance.now();
        const orders = JSON.parse(event.data).orders ?? {};
        for (const key of Object.keys(orders)) window.came.push([key, at]);
      });
    }
  };
}"""
"""When an order's change has reached the browser, before the page looks at it."""

OBSERVE = """() => {
  window.seen = [];
  new MutationObserver((changes) => {
    const at = performance.timeOrigin + performance.now(), rows = new Set();
    for (const change of changes) {
      const cell = change.target.nodeType === 1 ? change.target : change.target.parentElement;
      for (const node of [cell, ...change.addedNodes]) {
        const row = node?.closest?.("tr[data-key]");
        if (row) rows.add(row.dataset.key);
      }
    }
    for (const key of rows) window.seen.push([key, at]);
  }).observe(document.querySelector("#orders-body"),
    { childList: true, subtree: true, characterData: true });
}"""


@contextmanager
def watched() -> Iterator[tuple[Server, LivePage, Path]]:
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp") as folder:
        home = Path(folder)
        (home / "run").mkdir(mode=0o700)
        (home / "trading.yaml").write_text(CONFIG)
        with exchange(home) as server:
            env = server.environment(home, XDG_RUNTIME_DIR=str(home / "run"))
            assets = server.get("/v2/assets?status=active&asset_class=us_equity")
            for number, asset in enumerate(assets[:SYMBOLS]):
                give(server, f"held-{number}", symbol=asset["symbol"], type="market")
            done = execbot(["reconcile"], env, timeout=300)
            assert done.code in (0, 8), done.err
            watching = Watching(env)
            watching.start()
            try:
                with live_page(env) as page:
                    yield server, page, home
            finally:
                watching.kill()


def give(server: Server, name: str, **more: Any) -> Any:
    body = {"qty": "1", "side": "buy", "time_in_force": "day", "client_order_id": name}
    return server.call("POST", "/v2/orders", {**body, **more})


def events(server: Server, seconds: float, mark: str) -> dict[str, float]:
    """Orders given at that pace; when each was sent, by its id."""
    sent, began, number = {}, time.time(), 0
    while time.time() - began < seconds:
        name = f"{mark}-{number}"
        sent[name] = time.time()
        give(server, name, symbol="AAPL", type="limit", limit_price="1")
        number += 1
        time.sleep(max(began + number / EVENTS_A_SECOND - time.time(), 0))
    return sent


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def cell() -> None:
    with watched() as (server, page, _), chromium() as browser:
        tab = browser.new_page()
        tab.add_init_script(f"({ARRIVALS})()")
        tab.goto(page.link)
        tab.wait_for_selector("#orders-body tr[data-key]", timeout=120_000)
        tab.evaluate(OBSERVE)
        with frames(server) as told:
            sent = events(server, SECONDS, "cell")
            tab.wait_for_timeout(2000)
        came, first = _firsts(tab, "came"), _firsts(tab, "seen")
    print(f"{len(first.keys() & sent.keys())} of {len(sent)} events, {SYMBOLS} symbols, load "
          f"{os.getloadavg()[0]:.1f}")  # fmt: skip
    told = {name: at for name, at in told.items() if name in sent}
    _say("order given to its frame", sent, told)
    _say("frame to the browser", told, came)
    _say("in the browser, to the changed cell", came, first)
    _say("frame to changed cell", told, first)
    _say("order given to changed cell", sent, first)


@contextmanager
def frames(server: Server) -> Iterator[dict[str, float]]:
    """When each order's first frame came, by its id."""
    told: dict[str, float] = {}
    with stream(server.stream, proxy=None) as socket:
        socket.send(json.dumps({"action": "auth", "key": "test-key", "secret": "test-secret"}))
        listen = {"action": "listen", "data": {"streams": ["trade_updates"]}}
        socket.send(json.dumps(listen))

        def hear() -> None:
            for frame in socket:
                data = json.loads(frame)["data"]
                if "order" in data:
                    told.setdefault(data["order"]["client_order_id"], time.time())

        hearing = threading.Thread(target=hear, daemon=True)
        hearing.start()
        yield told
    hearing.join(timeout=5)


def _firsts(tab: Any, name: str) -> dict[str, float]:
    """When each order was seen first, in seconds."""
    found: dict[str, float] = {}
    for key, at in tab.evaluate(f"window.{name}"):
        found.setdefault(key, at / 1000)
    return found


def _say(what: str, begin: dict[str, float], end: dict[str, float]) -> None:
    took = [(end[name] - at) * 1000 for name, at in begin.items() if name in end]
    shares = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
    print(f"  {what}:", ", ".join(f"{n} {percentile(took, share):.1f} ms" for n, share in shares))


async def _hold(page: LivePage, until: threading.Event, ready: threading.Event) -> None:
    url = f"{page.url.replace('http', 'ws')}/live"
    headers = {"Authorization": f"Bearer {page.token}"}

    async def one() -> None:
        async with connect(url, additional_headers=headers, proxy=None, max_size=None) as socket:
            while not until.is_set():
                await socket.recv()

    opening = [asyncio.create_task(one()) for _ in range(PAGES)]
    ready.set()
    await asyncio.gather(*opening)


@contextmanager
def ten_pages(page: LivePage) -> Iterator[None]:
    until, ready = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_hold(page, until, ready)))
    thread.start()
    ready.wait()
    time.sleep(1)
    try:
        yield
    finally:
        until.set()
        thread.join()


def decided(server: Server, home: Path, mark: str) -> float:
    """p99 of the time from an order's frame to the watch's word of it, by the log of the watch."""
    before = (home / "watch.out").stat().st_size
    sent = events(server, PAIR_SECONDS, mark)
    time.sleep(1)
    took = []
    with (home / "watch.out").open() as lines:
        lines.seek(before)
        for line in lines:
            said = json.loads(line) if line.startswith("{") else {}
            name = said.get("client_order_id")
            if said.get("type") == "order" and name in sent:
                took.append(_seconds(said["at"]) - sent.pop(name))
    return percentile(took, 0.99) * 1000


def _seconds(iso: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(iso).timestamp()


def watch() -> None:
    ratios, without, with_pages = [], [], []
    with watched() as (server, page, home):
        decided(server, home, "warm")
        for number in range(PAIRS):
            alone = decided(server, home, f"alone-{number}")
            with ten_pages(page):
                looked_at = decided(server, home, f"pages-{number}")
            without.append(alone)
            with_pages.append(looked_at)
            ratios.append(looked_at / alone)
    print(
        f"frame to decision, p99, {PAIRS} pairs: none open {statistics.median(without):.1f} ms, "
        f"{PAGES} open {statistics.median(with_pages):.1f} ms, "
        f"median ratio {statistics.median(ratios):.2f}"
    )


if __name__ == "__main__":
    chosen = sys.argv[1:] or ["cell", "watch"]
    for name in chosen:
        {"cell": cell, "watch": watch}[name]()
