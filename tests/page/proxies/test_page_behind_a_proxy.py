"""Goal: behind the proxies of docs/page.md one signs in, sees the account live and may act, nobody
is taken for somebody else, and what comes from elsewhere is refused as ever.

Method: each recipe is taken out of the page and run before a real page, with TLS; only ports and
paths of files are others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from page.proxies.fronts import KINDS, Front, front
from support.harness.live_page import LivePage, chromium, live_page
from support.processes import done, exchange
from support.waiting import PATIENCE_SECONDS, eventually
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from execbot.charts.library import library
from execbot.journal.journal import Journal
from execbot.page.access import WRONG_MAX

NAME = "trading.example"
ORIGIN = f"https://{NAME}"
OURS = {"Origin": ORIGIN, "Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def env() -> Iterator[dict[str, str]]:
    with TemporaryDirectory(prefix="page-", dir="/tmp") as folder:
        home = Path(folder)
        with exchange(home) as server:
            found = server.environment(home)
            done(found, "buy", "AAPL", "--qty", "10", "--stop-loss", "2%", "--wait", "60")
            yield found


@pytest.fixture(scope="module")
def page(env: dict[str, str]) -> Iterator[LivePage]:
    options = ("--page-actions", "--page-host", NAME, "--trusted-proxy", "127.0.0.1")
    with live_page(env, *options) as running:
        yield running


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def proxy(kind: str, page: LivePage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    changes = {"127.0.0.1:8787": f"127.0.0.1:{page.port}"}
    with front(kind, tmp_path_factory.mktemp(kind), "page.md", NAME, changes) as running:
        yield running


@pytest.fixture(scope="module")
def session(proxy: Front, page: LivePage) -> str:
    """A cookie, by the door that browsers take."""
    signed_in = proxy.ask("POST", "/login", OURS, json.dumps({"token": page.token}).encode())
    assert signed_in.status == 200, signed_in.text
    cookie = signed_in.headers["set-cookie"]
    assert "Secure" in cookie and "HttpOnly" in cookie
    return cookie.partition(";")[0]


def rest(env: dict[str, str], name: str) -> None:
    """An order that rests under this name."""
    order = ("buy", "KO", "--qty", "1", "--limit", "10", "--also", "--allow-duplicate")
    done(env, *order, "--client-order-id", name)


def live(proxy: Front, headers: dict[str, str], origin: str | None) -> ClientConnection:
    return connect(
        f"wss://{NAME}/live",
        sock=proxy.plain("127.0.0.1"),
        ssl=proxy.trust,
        server_hostname=NAME,
        additional_headers=headers,
        origin=origin,  # type: ignore[arg-type]
        proxy=None,
    )


def test_who_has_signed_in_sees_the_account_and_its_changes(
    kind: str, proxy: Front, page: LivePage, env: dict[str, str], session: str
) -> None:
    board = proxy.ask("GET", "/api/board", {"Cookie": session})
    assert board.status == 200 and "AAPL" in board.data["board"]["positions"]
    script = proxy.ask("GET", "/static/lightweight-charts.js", {"Cookie": session})
    assert script.text.startswith(library().script or "?")
    with live(proxy, {"Cookie": session}, ORIGIN) as socket:
        assert json.loads(socket.recv(PATIENCE_SECONDS))["type"] == "snapshot"
        rest(env, f"by-{kind}")
        seen = ""
        while f"by-{kind}" not in seen:
            seen = str(socket.recv(PATIENCE_SECONDS))


def test_what_comes_from_elsewhere_is_refused_as_ever(
    proxy: Front, page: LivePage, session: str
) -> None:
    known = {"Cookie": session}
    for foreign in (
        {"Origin": "https://evil.example"},
        {"Origin": f"http://{NAME}:1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        for path in ("/api/board", "/", "/api/order?id=x"):
            assert proxy.ask("GET", path, {**known, **foreign}).status == 403, (path, foreign)
    for path in ("/api/board", "/metrics", "/nowhere", "/docs", "/openapi.json"):
        assert proxy.ask("GET", path).status == 401
    assert proxy.ask("POST", "/api/actions/review", known, b"{}").status == 403
    for headers, origin in ((known, "https://evil.example"), (known, None), ({}, ORIGIN)):
        with pytest.raises(InvalidStatus) as refused:
            live(proxy, headers, origin)
        assert refused.value.response.status_code == 403
    other = proxy.ask("GET", "/api/board", {**known, "Host": "evil.example"})
    assert other.status == 403 or not other.text  # nginx passes it on; Caddy has no such site


def test_nobody_is_taken_for_somebody_else(proxy: Front, page: LivePage, session: str) -> None:
    """Wrong tokens bar the address that they came from, whatever its request says of itself."""
    lie = {**OURS, "X-Forwarded-For": "9.9.9.9", "Forwarded": "for=9.9.9.9", "X-Real-IP": "9.9.9.9"}
    wrong = json.dumps({"token": "wrong"}).encode()
    guesser = "127.0.0.7" if proxy.authority.name == "ca.pem" else "127.0.0.8"
    for number in range(WRONG_MAX + 1):
        said = {**lie, "X-Forwarded-For": f"9.9.9.{number}"}
        last = proxy.ask("POST", "/login", said, wrong, source=guesser)
    assert last.status == 429
    assert proxy.ask("POST", "/login", lie, wrong, source="127.0.0.1").status == 401
    right = json.dumps({"token": page.token}).encode()
    assert proxy.ask("POST", "/login", lie, right, source="127.0.0.9").status == 200


def test_an_action_is_kept_with_the_address_that_agreed(
    kind: str, proxy: Front, env: dict[str, str], session: str
) -> None:
    here = {"nginx": "127.0.0.11", "Caddy": "127.0.0.12"}[kind]
    headers = {**OURS, "Cookie": session, "X-Forwarded-For": "9.9.9.9"}

    def post(path: str, said: dict[str, Any]) -> Any:
        found = proxy.ask("POST", path, headers, json.dumps(said).encode(), source=here)
        assert found.status == 200, found.text
        return found.data

    for wish in ("halt", "resume"):
        review = post("/api/actions/review", {"kind": wish, "reason": "a test"})
        assert post("/api/actions/agree", {"ticket": review["ticket"]})["ok"]
    [journal] = Path(env["HOME"]).glob("state/execbot/*/journal.db")
    with Journal.open(journal, read_only=True) as opened:
        rows = [row for row in opened.audit_of("account") if row.kind == "page_action"][-4:]
    assert [(row.rule, row.facts["kind"], row.facts["address"]) for row in rows] == [
        ("page", wish, here) for wish in ("halt", "halt", "resume", "resume")
    ]
    assert rows[0].result.startswith("agreed: Halt") and rows[1].result.startswith("done: ")


def test_no_token_is_in_any_file_of_the_proxy(proxy: Front, page: LivePage, session: str) -> None:
    value = session.partition("=")[2]
    for path in proxy.directory.rglob("*"):
        if path.is_file():
            kept = path.read_bytes()
            assert page.token.encode() not in kept and value.encode() not in kept, path


def test_a_browser_signs_in_by_the_link_and_is_live(
    kind: str, proxy: Front, page: LivePage, env: dict[str, str]
) -> None:
    """By the name and the port that everybody uses."""
    mapped = f"--host-resolver-rules=MAP {NAME}:443 127.0.0.1:{proxy.port}"
    with chromium(mapped) as browser:
        context = browser.new_context(ignore_https_errors=True)  # an authority of the test's own
        tab = context.new_page()
        tab.set_default_timeout(PATIENCE_SECONDS * 1000)
        said: list[str] = []
        tab.on("console", lambda message: said.append(message.text))
        tab.goto(f"{ORIGIN}/#token={page.token}")
        tab.wait_for_selector("#positions-body tr[data-key=AAPL]")
        assert page.token not in tab.url
        name = f"seen-{kind}"
        rest(env, name)
        tab.wait_for_selector(f'#orders-body tr[data-key="{name}"]')
        assert eventually(lambda: "execbot_page_" in str(context.cookies()))
        [cookie] = context.cookies()
        assert cookie["secure"] and cookie["httpOnly"]
        assert not said, said
        context.close()
