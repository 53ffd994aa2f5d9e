"""Goal: the recipes of docs/webhook.md let signals through, from the addresses they name, and
nothing else from anybody.

Method: each is taken out of the page and run before a real listener, with TLS; only ports, paths of
files, and the first of TradingView's addresses are others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from page.proxies.fronts import KINDS, Front, front
from page.proxies.recipes import ALLOWED, TRADINGVIEW, recipe
from page.signals.alerting import alert, now_of
from page.signals.listening import BEARER, SECRET, Doors
from page.signals.making import body
from support.processes import Server
from support.waiting import eventually

OTHERS = (
    *("/", "/login", "/metrics", "/api/board", "/live", "/static/main.js", "/signal", "/signalsx"),
    *("/SIGNALS", "/x/signals", "/signals/../metrics", "/signals/%2e%2e/metrics"),
)


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def proxy(kind: str, doors: Doors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    changes = {"127.0.0.1:8788": doors.signals, TRADINGVIEW[0]: ALLOWED}
    directory = tmp_path_factory.mktemp(kind)
    with front(kind, directory, "webhook.md", "trade.example", changes) as running:
        yield running


def test_a_signal_becomes_an_order_and_its_outcome_can_be_asked_for(
    kind: str, proxy: Front, doors: Doors, served: Server
) -> None:
    name = f"through-{kind}"
    sent = body(id=name, qty=1, symbol={"nginx": "PEP", "Caddy": "WMT"}[kind])
    taken = proxy.ask("POST", "/signals", BEARER, sent, source=ALLOWED)
    assert (taken.status, taken.data["id"]) == (202, name)
    assert proxy.ask("POST", "/signals", BEARER, sent, source=ALLOWED).status == 200
    doors.outcome(name)
    found = proxy.ask("GET", f"/signals/{name}", BEARER, source=ALLOWED)
    assert (found.status, found.data["state"]) == (200, "done")
    assert len([o for o in served.orders() if name in o["client_order_id"]]) == 1


def test_the_secret_is_taken_wherever_it_may_stand_and_a_wrong_one_nowhere(
    kind: str, proxy: Front, served: Server
) -> None:
    def post(path: str, headers: dict[str, str], sent: bytes) -> int:
        return proxy.ask("POST", path, headers, sent, source=ALLOWED).status

    text = {"Content-Type": "text/plain; charset=utf-8"}
    assert post("/signals", text, alert(now_of(served), order_id=kind)) == 202
    assert post(f"/signals/{SECRET}", {}, body(id=f"path-{kind}", strength=1)) == 202
    for path, headers, sent in (
        ("/signals", {}, body()),
        ("/signals", {"Authorization": "Bearer wrong-wrong-wrong-wrong"}, body()),
        ("/signals", {}, body(secret="wrong-wrong-wrong-wrong")),
        ("/signals/wrong-wrong-wrong-wrong", {}, body()),
    ):
        assert post(path, headers, sent) == 401
    assert proxy.ask("GET", "/signals/any", {}, source=ALLOWED).status == 401


def test_a_body_that_is_too_large_is_refused(proxy: Front) -> None:
    large = body(id="large", tier="x" * 70_000)
    assert proxy.ask("POST", "/signals", BEARER, large, source=ALLOWED).status == 413
    most = body(id="most", strength=1, tier="x" * 60_000)
    assert proxy.ask("POST", "/signals", BEARER, most, source=ALLOWED).status in (202, 422)


def test_nothing_else_can_be_reached(proxy: Front) -> None:
    """With the secret, and from an address that is let in."""
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"):
        for path in OTHERS:
            found = proxy.ask(method, path, BEARER, source=ALLOWED)
            assert found.status in (400, 401, 403, 404, 405), (method, path, found)
            assert "execbot" not in found.text.lower()
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert proxy.ask(method, "/signals", BEARER, source=ALLOWED).status in (404, 405), method


def test_an_address_that_is_not_named_reaches_nobody(proxy: Front, doors: Doors) -> None:
    forged = {**BEARER, "X-Forwarded-For": ALLOWED, "X-Real-IP": ALLOWED, "Forwarded": ALLOWED}
    before = _deliveries(doors)
    for path in ("/signals", "/signals/x"):
        assert proxy.ask("POST", path, forged, body(), source="127.0.0.1").status in (403, 404)
    assert _deliveries(doors) == before


def _deliveries(doors: Doors) -> float:
    found = re.findall(r"^execbot_webhook_deliveries_total\{.*\} (.*)$", doors.scrape(), re.M)
    return sum(map(float, found))


def test_the_secret_is_in_no_file_of_the_proxy(proxy: Front) -> None:
    """Runs after those that send it: in the head, in the body, in the path, in one too large."""
    for path in proxy.directory.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def test_the_listener_away_is_an_error_that_says_so(
    kind: str, served: Server, tmp_path: Path
) -> None:
    """Never a 2xx: the sender must know that it was not taken."""
    (tmp_path / "page").mkdir()
    (tmp_path / "front").mkdir()
    doors = Doors(served, tmp_path / "page")
    changes = {"127.0.0.1:8788": doors.signals, TRADINGVIEW[0]: ALLOWED}
    with front(kind, tmp_path / "front", "webhook.md", "trade.example", changes) as proxy:
        first = proxy.ask("POST", "/signals", BEARER, body(id="a", strength=1), source=ALLOWED)
        assert first.status == 202
        doors.kill()
        assert eventually(
            lambda: (
                proxy.ask("POST", "/signals", BEARER, body(id="b"), source=ALLOWED).status == 502
            )
        )


def test_cloudflareds_rules_are_of_the_documented_form_and_lead_to_the_same_place() -> None:
    """It is not run: a tunnel needs an account. Rules are tried in turn, a path is a regular
    expression, the last rule takes all (Cloudflare's page on the configuration file)."""
    rules = yaml.safe_load(recipe("webhook.md", "cloudflared"))["ingress"]
    assert rules[-1] == {"service": "http_status:404"}

    def service(host: str, path: str) -> str:
        return next(
            str(rule["service"])
            for rule in rules
            if rule.get("hostname", host) == host and re.search(rule.get("path", ""), path)
        )

    for path in ("/signals", "/signals/x"):
        assert service("trade.example", path) == "http://127.0.0.1:8788"
        assert service("other.example", path) == "http_status:404"
    for path in ("/", "/metrics", "/signalsx", "/x/signals", "/SIGNALS"):
        assert service("trade.example", path) == "http_status:404"


def test_every_recipe_names_tradingviews_addresses() -> None:
    for one in KINDS:
        assert all(address in recipe("webhook.md", one) for address in TRADINGVIEW)
