"""One exchange, one watch and one page with actions for a module; one page without a watch; one
exchange with the doors for signals before it; and one browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from page.signals.listening import Doors
from support.harness.live_page import LivePage, chromium, live_page
from support.processes import Server, clean_environment, done, exchange
from support.watching import Watching

CONFIG = "trading_execution:\n  max_positions: 10\n"


@dataclass
class Site:
    """An account that is watched and shown."""

    server: Server
    env: dict[str, str]
    watching: Watching
    page: LivePage
    home: Path

    def do(self, *arguments: str) -> Any:
        return done(self.env, *arguments)

    @property
    def directory(self) -> Path:
        return self.watching.directory


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    # A socket's path must be short.
    with TemporaryDirectory(prefix="page-", dir="/tmp") as folder:
        home = Path(folder)
        (home / "run").mkdir(mode=0o700)
        (home / "trading.yaml").write_text(CONFIG)
        with exchange(home) as server:
            env = server.environment(home, XDG_RUNTIME_DIR=str(home / "run"))
            watching = Watching(env)
            watching.start()
            try:
                done(env, "buy", "AAPL", "--qty", "10", "--stop-loss", "2%", "--take-profit", "4%")
                with live_page(env, "--page-actions") as page:
                    yield Site(server, env, watching, page, home)
            finally:
                watching.kill()


@pytest.fixture(scope="module")
def unwatched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePage]:
    """The page of a trader in sim mode, who has traded; no watch runs."""
    env = clean_environment(tmp_path_factory.mktemp("page"), EXECBOT_MODE="sim")
    bought = ("buy", "AAPL", "--qty", "1", "--stop-loss", "5%", "--take-profit", "9%")
    done(env, *bought, "--client-order-id", "first", "--wait", "30")
    with live_page(env, "--page-actions") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with exchange(tmp_path_factory.mktemp("exchange")) as running:
        yield running


@pytest.fixture(scope="module")
def doors(served: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    running = Doors(served, tmp_path_factory.mktemp("page"))
    yield running
    running.kill()
