"""Goal: what is scraped is what the exchange and the journal say, a real Prometheus takes it
without complaint, and a rule for something rare fires at its first time.

One exchange, watch, page and Prometheus for all tests here. Debian's `prometheus` has `promtool`
too; without it those tests are skipped.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from page.signals.listening import Doors, value_of
from support.processes import done, exchange, execbot
from support.waiting import PATIENCE_SECONDS, eventually
from support.watching import Watching

EXAMPLES = Path(__file__).parents[3] / "examples"
RULES = EXAMPLES / "prometheus" / "execbot-alerts.yml"
DASHBOARD = EXAMPLES / "grafana" / "execbot.json"
PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
needs_prometheus = pytest.mark.skipif(
    PROMETHEUS is None or PROMTOOL is None,
    reason="needs prometheus and promtool: apt-get install prometheus",
)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with TemporaryDirectory(prefix="met-", dir="/tmp") as folder:  # a socket's path must be short
        (Path(folder) / "run").mkdir(mode=0o700)
        yield Path(folder)


@pytest.fixture(scope="module")
def doors(home: Path) -> Iterator[Doors]:
    """An account with a protected and a bare position, watched."""
    with exchange(home) as served:
        running = Doors(served, home, XDG_RUNTIME_DIR=str(home / "run"))
        watching = Watching(running.env)
        watching.start()
        done(running.env, "buy", "AAPL", "--qty", "10", "--stop-loss", "2%", "--wait", "60")
        done(running.env, "short", "MSFT", "--qty", "3", "--wait", "60")
        try:
            yield running
        finally:
            running.kill()
            watching.kill()


def scraped(doors: Doors, series: str, value: float) -> bool:
    """Whether it comes to be that."""
    return eventually(lambda: value_of(doors.scrape(), f"execbot_{series}") == value)


def test_what_is_held_and_done_is_what_was_traded(doors: Doors) -> None:
    assert scraped(doors, 'positions{side="long"}', 1)  # runs first
    assert scraped(doors, 'positions{side="short"}', 1)
    assert scraped(doors, 'uncovered_shares{promised="true"}', 0)
    assert scraped(doors, 'uncovered_shares{promised="false"}', 3)
    text = doors.scrape()
    filled = [o for o in json.loads(_orders(doors)) if o["status"] == "filled"]
    assert value_of(text, 'execbot_orders_total{outcome="filled"}') == len(filled) == 2
    spent = sum(float(o["filled_avg_price"]) * float(o["filled_qty"]) for o in filled)
    assert value_of(text, 'execbot_fill_value_dollars_total{side="buy"}') + value_of(
        text, 'execbot_fill_value_dollars_total{side="sell"}'
    ) == pytest.approx(spent)
    assert value_of(text, "execbot_watch_running") == 1
    # Orders are taken and carried out before the stream is heard: on a busy machine it comes later.
    assert scraped(doors, "stream_up", 1)
    assert scraped(doors, "rate_budget_limit_requests", 200)


def _orders(doors: Doors) -> str:
    found = execbot(["orders", "--status", "all", "--json"], doors.env)
    return json.dumps(found.data)


def test_a_scrape_says_what_happened_and_is_not_changed_by_being_repeated(doors: Doors) -> None:
    first = _counters(doors.scrape())
    assert _counters(doors.scrape()) == first


def _counters(text: str) -> list[str]:
    return [line for line in text.splitlines() if re.match(r"execbot_\w+_total", line)]


def test_a_signal_beside_a_watch_becomes_a_protected_position(doors: Doors) -> None:
    """Taken here, sent by the listener's process, followed and protected by `watch`."""
    wanted = {"id": "w", "symbol": "NVDA", "side": "buy", "strength": 90, "qty": 4}
    assert doors.post(wanted).status == 202
    assert doors.outcome("w")["data"]["client_order_id"] == "execbot-signal-w"
    assert eventually(lambda: doors.state("w")["outcome"] == "filled")
    assert scraped(doors, 'positions{side="long"}', 2)
    assert scraped(doors, 'guarded_positions{state="no_plan"}', 1)  # the one that was sold short
    assert scraped(doors, 'uncovered_shares{promised="true"}', 0)
    assert scraped(doors, 'webhook_signals{state="done"}', 1)
    assert not [line for line in doors.log_text.splitlines() if "Traceback" in line]


def test_nobody_else_scrapes_through_a_browser(doors: Doors) -> None:
    """The port without a token is asked by its own name alone."""
    for foreign in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        assert doors.ask("GET", "/metrics", foreign, netloc=doors.metrics).status == 403
    for path in ("/", "/signals", "/api/board", "/login"):
        assert doors.ask("GET", path, {}, netloc=doors.metrics).status == 404


def test_the_page_has_them_too_and_asks_for_its_token(doors: Doors) -> None:
    address, token = doors.link.removeprefix("http://").split("/#token=")
    assert doors.ask("GET", "/metrics", {}, netloc=address).status == 401
    bearer = {"Authorization": f"Bearer {token}"}
    answer = doors.ask("GET", "/metrics", bearer, netloc=address)
    assert answer.status == 200 and "execbot_build_info" in answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_the_dashboard_and_the_rules_name_only_what_is_there(doors: Doors) -> None:
    there = {line.split(" ")[2] for line in doors.scrape().splitlines() if line[:6] == "# TYPE"}
    there |= {f"{name}_bucket" for name in there}
    for path in (RULES, DASHBOARD):
        named = set(re.findall(r"execbot_\w+", path.read_text()))
        assert named and named <= there, (path.name, named - there)


@needs_prometheus
def test_promtool_has_no_complaint(doors: Doors) -> None:
    checked = subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=doors.scrape(), text=True, capture_output=True
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    rules = subprocess.run([str(PROMTOOL), "check", "rules", str(RULES)], capture_output=True)
    assert rules.returncode == 0, rules.stdout


@needs_prometheus
def test_prometheus_takes_it_and_the_first_refusal_fires_its_rule(
    doors: Doors, tmp_path: Path
) -> None:
    """Each counter stands at 0 before, without which its first increase would be none."""
    with prometheus(tmp_path, doors.metrics) as url:
        assert eventually(
            lambda: _value(url, 'execbot_rejections_total{kind="risk.max_order_qty"}')
        )
        assert eventually(lambda: _value(url, "count_over_time(up[1m]) >= 2"))
        assert "ExecbotRejections" not in _firing(url)
        refused = execbot(["buy", "TSLA", "--qty", "99999", "--json"], doors.env)
        assert refused.code == 5, refused.err
        done(doors.env, "halt", "--reason", "a test")
        assert eventually(lambda: {"ExecbotRejections", "ExecbotEntriesStopped"} <= _firing(url))
        done(doors.env, "resume")
        assert eventually(lambda: "ExecbotEntriesStopped" not in _firing(url))


class prometheus:
    """A real one, that scrapes and evaluates each second."""

    def __init__(self, directory: Path, target: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._listen = f"127.0.0.1:{free.getsockname()[1]}"
        self._directory = directory
        config = (EXAMPLES / "prometheus" / "prometheus.yml").read_text()
        config = config.replace("15s", "1s").replace("127.0.0.1:8789", target)
        (directory / "prometheus.yml").write_text(config)
        shutil.copy(RULES, directory)

    def __enter__(self) -> str:
        self._process = subprocess.Popen(
            [
                str(PROMETHEUS),
                f"--config.file={self._directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={self._directory / 'data'}",
                f"--web.listen-address={self._listen}",
            ],
            stderr=(self._directory / "log").open("w"),
        )
        url = f"http://{self._listen}"
        assert eventually(lambda: _answers(url)), (self._directory / "log").read_text()
        return url

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=PATIENCE_SECONDS)


def _answers(url: str) -> bool:
    try:
        _get(f"{url}/-/ready")
    except OSError:
        return False
    return True


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as reply:
        return str(reply.read().decode())


def _value(url: str, query: str) -> list[Any]:
    words = urllib.parse.urlencode({"query": query})
    found: list[Any] = json.loads(_get(f"{url}/api/v1/query?{words}"))["data"]["result"]
    return found


def _firing(url: str) -> set[str]:
    alerts = json.loads(_get(f"{url}/api/v1/alerts"))["data"]["alerts"]
    return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}
