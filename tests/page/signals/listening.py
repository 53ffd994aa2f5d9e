"""A page with its doors as a process, and plain requests to it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct
from support.processes import Server, start_execbot
from support.waiting import PATIENCE_SECONDS, eventually

SECRET = "s3cret-of-the-webhook-tests"
BEARER = {"Authorization": f"Bearer {SECRET}"}
CONFIG = """
trading_execution:
  max_positions: 60
  max_position_size_pct: 100
  max_account_exposure_pct: 400
  signals: {repeat_seconds: 3600, per_second_max: 500}
  risk: {max_daily_orders: 10000, max_consecutive_rejections: 10000}
"""


class Answer(Struct):
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def data(self) -> Any:
        return json.loads(self.text)


class Doors:
    """One process of `execbot page`, with both doors on free ports."""

    def __init__(
        self,
        server: Server,
        home: Path,
        *,
        config: str = CONFIG,
        prefix: Sequence[str] = (),
        **extra: str,
    ) -> None:
        (home / "trading.yaml").write_text(config)
        self.home = home
        self.prefix = prefix
        self.env = server.environment(
            home,
            EXECBOT_SIGNALS_SECRET=SECRET,
            EXECBOT_CONFIG=str(home / "trading.yaml"),
            **extra,
        )
        self.start()

    def start(self) -> None:
        arguments = ["page", "127.0.0.1:0", "--signals", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]
        self.log = (self.home / "page.err").open("a")
        self.process = start_execbot(
            [*arguments, "--signals-host", "trade.example", "--json"],
            self.env,
            self.prefix,
            stderr=self.log,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, (self.home / "page.err").read_text()
        data = json.loads(line)["data"]
        self.signals = urlsplit(data["signals"]).netloc
        self.metrics = urlsplit(data["metrics"]).netloc
        self.link: str = data["link"]

    @property
    def log_text(self) -> str:
        """What the process has written down of itself, and said."""
        logs = [*self.home.rglob("page.log*"), self.home / "page.err"]
        return "".join(path.read_text() for path in logs)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._close()

    def end(self) -> int:
        self.process.terminate()
        code = self.process.wait(timeout=PATIENCE_SECONDS)
        self._close()
        return code

    def _close(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.log.close()

    def post(
        self, body: bytes | Mapping[str, Any], headers: Mapping[str, str] = BEARER, **how: Any
    ) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", how.pop("path", "/signals"), headers, raw, **how)

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] = BEARER,
        body: bytes | None = None,
        netloc: str = "",
    ) -> Answer:
        connection = http.client.HTTPConnection(netloc or self.signals, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, dict(headers))
            reply = connection.getresponse()
            text = reply.read().decode()
            return Answer(reply.status, {k.lower(): v for k, v in reply.getheaders()}, text)
        finally:
            connection.close()

    def state(self, signal_id: str) -> Any:
        answer = self.ask("GET", f"/signals/{signal_id}")
        assert answer.status == 200, answer.text
        return answer.data

    def outcome(self, signal_id: str) -> Any:
        """Once it is known."""
        found: list[Any] = []

        def is_done() -> bool:
            found[:] = [self.state(signal_id)]
            return bool(found[0]["state"] == "done")

        assert eventually(is_done), found
        return found[0]

    def scrape(self) -> str:
        answer = self.ask("GET", "/metrics", {}, netloc=self.metrics)
        assert answer.status == 200, answer.text
        return answer.text


def value_of(text: str, series: str) -> float:
    """One sample of a scrape."""
    found = [line for line in text.splitlines() if line.rpartition(" ")[0] == series]
    assert len(found) == 1, (series, found)
    return float(found[0].rpartition(" ")[2])
