"""Goal: what the page shows is what the exchange has on record, what is done on it is done as the
commands do it, and it can be used by keyboard, on a phone and on a wall, in the dark and in light.

Method: headless Chromium against an exchange, a watch and a page as processes.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from page.conftest import Site
from support.harness.live_page import number
from support.waiting import PATIENCE_SECONDS, eventually

MS = PATIENCE_SECONDS * 1000
SIZES = {"phone": (360, 800), "desk": (1280, 800), "wall": (2560, 1440)}


@pytest.fixture
def tab(site: Site, browser: Any) -> Iterator[Any]:
    """A page that is signed in; in the end nothing was said on the console, and nobody was asked
    but this server."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(MS)
    page.said, page.asked = [], set()
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.asked.add(re.sub(r"(//[^/]*).*", r"\1", request.url)))
    page.goto(site.page.link)
    page.wait_for_selector("#positions-body tr[data-key=AAPL]")
    yield page
    assert page.asked <= {site.page.url, site.page.url.replace("http", "ws")}
    assert not page.said, page.said
    context.close()


def cells(tab: Any, table: str) -> list[dict[str, str]]:
    """The rows of a table as they are shown, by the names of the columns."""
    found: list[dict[str, str]] = tab.evaluate(
        """(table) => [...document.querySelectorAll(`#${table}-body tbody tr`)].map((row) =>
        Object.fromEntries([...row.cells].map((cell) => [cell.dataset.name, cell.textContent])))""",
        table,
    )
    return found


def differences(site: Site, tab: Any) -> list[Any]:
    """What the page shows otherwise than the exchange has it: positions, orders, their states."""
    theirs = {p["symbol"]: Decimal(p["qty"]) for p in site.server.get("/v2/positions")}
    ours = {row["Symbol"]: number(row["Qty"]) for row in cells(tab, "positions")}
    every = site.server.get("/v2/orders?status=all&limit=500&nested=false")
    told = {(o["client_order_id"], o["status"]) for o in every}
    seen = set(tab.evaluate(STATES))
    shown = {tuple(pair.split("|")) for pair in seen}
    return [*(told ^ shown), *(theirs.items() ^ ours.items())]


STATES = """() => [...document.querySelectorAll("#orders-body tbody tr")].map((row) =>
  `${row.dataset.key}|${row.querySelector("[data-name=Status]").textContent.replaceAll(" ", "_")}`)
"""


def equals_the_record(site: Site, tab: Any) -> None:
    """Waits until it does."""
    assert eventually(lambda: not differences(site, tab)), differences(site, tab)


def test_the_link_leaves_no_token_and_the_page_equals_the_exchanges_record(
    site: Site, tab: Any
) -> None:
    assert site.page.token not in tab.url
    assert site.page.token not in tab.evaluate("document.cookie + JSON.stringify(localStorage)")
    assert site.page.token not in tab.content()
    equals_the_record(site, tab)
    site.do("buy", "MSFT", "--qty", "5", "--stop-loss", "3%")
    site.do("buy", "KO", "--qty", "3", "--limit", "10", "--client-order-id", "resting")
    equals_the_record(site, tab)
    site.do("cancel", "resting")
    equals_the_record(site, tab)
    [aapl] = [row for row in cells(tab, "positions") if row["Symbol"] == "AAPL"]
    [stop] = [o for o in site.server.orders() for o in (o["legs"] or ()) if o["symbol"] == "AAPL"
              and o["type"] == "stop"]  # fmt: skip
    assert number(aapl["Stop"]) == Decimal(stop["stop_price"])
    assert aapl["Guard"] == "protected"
    tab.wait_for_selector("#account-line [data-figure=Equity]:not(:text('–'))")


def test_two_browsers_see_the_same_and_the_server_may_die_and_come_back(
    site: Site, browser: Any, tab: Any
) -> None:
    """The second one signs in by typing; a new process knows neither its session nor its token."""
    context = browser.new_context()
    other = context.new_page()
    other.set_default_timeout(MS)
    other.goto(site.page.url)
    other.fill("#token", "wrong")
    other.press("#token", "Enter")
    other.wait_for_selector("#gate-error:not(:empty)")
    assert not cells(other, "positions")
    other.fill("#token", site.page.token)
    other.press("#token", "Enter")
    other.wait_for_selector("#positions-body tr[data-key=AAPL]")
    equals_the_record(site, other)
    equals_the_record(site, tab)

    before, port = site.page.token, site.page.port
    site.page.kill()
    tab.wait_for_selector("#banner:has-text('does not answer')")
    site.page.address = f"127.0.0.1:{port}"
    site.page.start()
    assert site.page.token != before
    tab.wait_for_selector("#gate:has-text('session has ended')")
    assert "AAPL" not in tab.evaluate("document.body.innerText")
    tab.fill("#token", before)
    tab.press("#token", "Enter")
    tab.wait_for_selector("#gate-error:not(:empty)")
    tab.goto(site.page.link)
    tab.wait_for_selector("#positions-body tr[data-key=AAPL]")
    equals_the_record(site, tab)
    context.close()
    tab.said.clear()  # a browser says on its console that nobody answers, and what was refused


def test_without_a_watch_the_page_says_so_and_goes_on_by_itself(site: Site, tab: Any) -> None:
    site.watching.kill()
    tab.wait_for_selector("#banner:has-text('No watch runs')")
    tab.wait_for_selector("#link-state:has-text('without watch')")
    site.do("buy", "PEP", "--qty", "2", "--client-order-id", "alone")
    equals_the_record(site, tab)
    site.watching.start()
    tab.wait_for_selector("#link-state:has-text('live')")
    equals_the_record(site, tab)


def agree(tab: Any, press: Callable[[], object]) -> str:
    """Press, read the review, agree; what came of it."""
    press()
    tab.wait_for_selector("#agree")
    tab.click("#agree")
    tab.wait_for_selector("#dialog-title:text-matches('^(Done|Not done)$')")
    words: str = tab.inner_text("#dialog-body")
    tab.keyboard.press("Escape")
    return words


def test_actions_are_agreed_to_and_stand_in_the_audit_with_the_page(site: Site, tab: Any) -> None:
    site.do("buy", "WMT", "--qty", "4", "--stop-loss", "5%", "--client-order-id", "held")
    site.do("buy", "KO", "--qty", "3", "--limit", "10", "--client-order-id", "rests")
    tab.wait_for_selector("#positions-body tr[data-key=WMT]")
    tab.wait_for_selector("#orders-body tr[data-key=rests]")

    tab.click("#orders-body tr[data-key=rests] button.danger")
    tab.wait_for_selector("#agree")
    tab.keyboard.press("Escape")
    assert site.server.get("/v2/orders:by_client_order_id?client_order_id=rests")["status"] == "new"
    said = agree(tab, lambda: tab.click("#orders-body tr[data-key=rests] button.danger"))
    assert "canceled" in said
    equals_the_record(site, tab)

    price = Decimal(site.server.get("/v2/positions/WMT")["avg_entry_price"])
    level = (price * Decimal("0.97")).quantize(Decimal("0.01"))
    tab.click("#positions-body tr[data-key=WMT] button:text('Stop')")
    tab.fill("#new-stop", str(level))
    said = agree(tab, lambda: tab.press("#new-stop", "Enter"))
    assert "moved" in said
    assert eventually(
        lambda: any(number(row["Stop"]) == level for row in cells(tab, "positions")
                    if row["Symbol"] == "WMT"))  # fmt: skip

    agree(tab, lambda: tab.click("#halt"))
    tab.wait_for_selector("#banner:has-text('New entries are stopped')")
    agree(tab, lambda: tab.click("#halt"))
    tab.wait_for_selector("#halt:has-text('Halt entries')")

    said = agree(tab, lambda: tab.click("#positions-body tr[data-key=WMT] button.danger"))
    assert "filled" in said
    equals_the_record(site, tab)
    rows = audit_of_the_page(site)
    assert [row["kind"] for row in rows if row["result"].startswith("agreed")] == [
        "cancel", "move_stop", "halt", "resume", "close"]  # fmt: skip
    assert all(row["rule"] == "page" for row in rows)


def audit_of_the_page(site: Site) -> list[dict[str, Any]]:
    from execbot.journal.journal import Journal
    from execbot.page.actions import AUDIT_KIND

    with Journal.open(site.directory / "journal.db") as journal:
        subjects = ("rests", "WMT", "account")
        rows = [row for name in subjects for row in journal.audit_of(name)]
        kept = sorted((r for r in rows if r.kind == AUDIT_KIND), key=lambda r: r.seq)
        return [{"kind": r.facts["kind"], "rule": r.rule, "result": r.result} for r in kept]


def test_an_action_is_good_once_and_a_wrong_one_says_why(site: Site) -> None:
    review = site.page.json("/api/actions/review", {"kind": "halt"})
    first = site.page.json("/api/actions/agree", {"ticket": review["ticket"]})
    assert first["ok"]
    status, text, _ = site.page.ask("/api/actions/agree", {"ticket": review["ticket"]})
    assert status == 409 and "not valid any more" in text
    assert site.page.ask("/api/actions/review", {"kind": "sell_all"})[0] == 422
    status, text, _ = site.page.ask("/api/actions/review", {"kind": "close", "subject": "ZZZZ"})
    assert status == 409 and "no position" in text
    site.do("resume", "--reason", "test")


def test_no_stop_is_moved_where_no_plan_is(site: Site) -> None:
    """It is said before anybody agrees to anything."""
    site.do("buy", "INTC", "--qty", "1", "--wait", "30")
    wanted = {"kind": "move_stop", "subject": "INTC", "stop": "2%"}
    status, text, _ = site.page.ask("/api/actions/review", wanted)
    assert status == 409 and "execbot protect INTC" in text
    site.do("close", "INTC")


def test_an_action_that_nobody_answered_is_not_told_as_not_done(site: Site, tab: Any) -> None:
    """The server is gone when it is agreed to: it may have begun with it."""
    tab.click("#halt")
    tab.wait_for_selector("#agree")
    port = site.page.port
    site.page.kill()
    tab.click("#agree")
    tab.wait_for_selector("#dialog-title:text('Not known')")
    assert "Look at orders" in tab.inner_text("#dialog-body")
    tab.keyboard.press("Escape")
    tab.click("#halt")
    tab.wait_for_selector("#dialog-title:text('Not done')")
    assert "server does not answer" in tab.inner_text("#dialog-body")
    site.page.address = f"127.0.0.1:{port}"
    site.page.start()
    tab.wait_for_selector("#gate:has-text('session has ended')")
    assert not tab.locator("#dialog").is_visible() and not tab.locator("#session").is_visible()
    tab.said.clear()  # a browser says on its console that nobody answers


def test_markup_and_escapes_in_what_comes_from_outside_are_text(site: Site, tab: Any) -> None:
    bad = '<img src=x onerror="document.title=1"></script><script>document.title=2</script>\x1b[31m'
    site.do("halt", "--reason", bad)
    tab.wait_for_selector("#banner:has-text('onerror')")
    assert tab.title().startswith("execbot ")
    assert tab.locator("#banner img, #banner script").count() == 0
    assert "\x1b" not in tab.inner_text("body")
    _, _, headers = site.page.ask("/api/chart?symbol=%3Cscript%3E")
    assert headers["content-type"] == "application/json"
    assert headers["x-content-type-options"] == "nosniff"
    site.do("resume", "--reason", "test")
    tab.wait_for_selector("#banner", state="hidden")


def test_a_broker_that_is_neither_heard_nor_answers_is_told_in_red(site: Site, tab: Any) -> None:
    site.server.process.send_signal(signal.SIGSTOP)
    try:
        tab.wait_for_selector("#banner.bad:has-text('was known last')")
        tab.wait_for_selector("#positions-body td[data-name=Age]:has-text('old')")
    finally:
        site.server.process.send_signal(signal.SIGCONT)
    tab.wait_for_selector("#banner", state="hidden")


def test_on_paper_it_is_dark_on_white_and_without_buttons(site: Site, tab: Any) -> None:
    """Printers leave backgrounds out: light letters of the dark theme would be gone."""
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_selector(":root[data-theme=dark]")
    tab.emulate_media(media="print", color_scheme="dark")
    tab.wait_for_selector(":root[data-theme=light]")
    ink = tab.evaluate("getComputedStyle(document.querySelector('#positions-body td')).color")
    assert max(map(int, re.findall(r"[0-9]+", ink))) < 100, ink
    tab.set_viewport_size({"width": 794, "height": 1123})  # A4
    for table in ("positions", "orders"):
        cut = f"(() => {{ const s = document.querySelector('#{table}-body .scroll');"
        assert tab.evaluate(f"{cut} return s.scrollWidth - s.clientWidth; }})()") <= 1, table
    for hidden in ("#top .tools", "#tabs", "#positions-body .acts", "th[data-name=Act]"):
        assert not tab.locator(hidden).first.is_visible(), hidden
    tab.emulate_media(media="screen", color_scheme="dark")
    tab.wait_for_selector(":root[data-theme=dark]")


IS_IN_SIGHT = """() => document.activeElement.getBoundingClientRect().top >=
  document.querySelector("#top").getBoundingClientRect().bottom"""


def test_sums_of_money_are_told_to_the_cent(site: Site, tab: Any) -> None:
    shown = tab.evaluate(
        """async () => { const { money, signedMoney } = await import("/static/format.js");
        const signed = ["-11.13193375", "-0.001", "2"].map(signedMoney);
        return [money("8171.0335"), money(null), ...signed]; }"""
    )
    assert shown == ["8,171.03", "–", "-11.13", "0.00", "+2.00"]


def test_an_order_in_the_queue_says_in_words_what_it_waits_for(site: Site, tab: Any) -> None:
    row = {"client_order_id": "q", "symbol": "KO", "words": "buy 3 KO at market", "due": "keep",
           "waits_for": "opens Monday", "expires_at": "2026-01-05T15:00:00.000000Z"}  # fmt: skip
    shown = tab.evaluate(
        """async (row) => { const { showQueue } = await import("/static/lists.js");
        showQueue({ queue: [row] });
        return document.querySelector("#queue-body li").innerText; }""",
        row,
    )
    assert "buy 3 KO at market: waits (opens Monday), until 2026-01-05 10:00 ET" in shown


def test_everything_is_reached_by_keyboard(site: Site, tab: Any) -> None:
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "positions"
    for _ in range(3):
        tab.keyboard.press("Tab")
        if "Chart of" in (tab.evaluate("document.activeElement.ariaLabel") or ""):
            break
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#chart canvas")
    assert tab.evaluate("document.activeElement.id") == "chart-title"
    assert "stop" in tab.inner_text("#chart-body"), "a table says what the canvas shows"
    assert tab.evaluate(IS_IN_SIGHT), "the head does not cover it"
    tab.keyboard.press("o")
    assert tab.evaluate("document.activeElement.id") == "orders"
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#dialog h3:has-text('History')")
    tab.keyboard.press("Escape")
    assert tab.evaluate("document.activeElement.classList.contains('quiet')"), "back where it was"
    tab.keyboard.press("2")
    tab.wait_for_selector("#trades-body table")
    tab.keyboard.press("3")
    tab.wait_for_selector("#report-body table")


CUT = """() => [...document.querySelectorAll("td")].filter((cell) => cell.offsetParent &&
  !cell.closest(".scroll:not(:has(> table.rows))") && cell.scrollWidth > cell.clientWidth + 1)
  .map((cell) => `${cell.dataset.name}: ${cell.textContent}`)"""


def test_on_a_phone_no_cell_runs_into_the_next_one(site: Site, tab: Any) -> None:
    tab.set_viewport_size({"width": 360, "height": 800})
    for key, table in (("2", "#trades-body"), ("3", "#report-body"), ("1", "#orders-body")):
        tab.keyboard.press(key)
        tab.wait_for_selector(f"{table} td")
        assert tab.evaluate(CUT) == [], table
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360, table


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_three_sizes_hold_together_and_axe_finds_nothing(site: Site, tab: Any, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-core here")
    tab.emulate_media(color_scheme=scheme)
    tab.wait_for_selector("#quality-body table")
    for name, (width, height) in SIZES.items():
        tab.set_viewport_size({"width": width, "height": height})
        over = tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert over <= 0, f"{name}: {over} pixels wider than the window"
        cut = tab.evaluate(
            """[...document.querySelectorAll("button")].filter((b) => b.offsetParent &&
            b.scrollWidth > b.clientWidth + 1).map((b) => b.textContent)"""
        )
        assert not cut, (name, cut)
    found = axe.Axe().run(tab)
    assert found.violations_count == 0, found.generate_report()
