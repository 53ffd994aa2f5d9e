"""A running page as a process, with its link; and headless Chromium to look at it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from support.processes import start_execbot
from support.waiting import PATIENCE_SECONDS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class LivePage:
    """`execbot page` for the account of an environment."""

    def __init__(
        self, env: Mapping[str, str], *arguments: str, address: str = "127.0.0.1:0"
    ) -> None:
        self.env = env
        self.arguments = arguments
        self.address = address
        self.process: subprocess.Popen[str] | None = None
        self.url = self.token = ""

    def start(self) -> None:
        """Until it listens: its first line is the link."""
        home = Path(self.env["HOME"])
        with open(home / "page.err", "a") as err:
            self.process = start_execbot(
                ["page", self.address, *self.arguments], self.env, stderr=err
            )
        assert self.process.stdout is not None
        link = self.process.stdout.readline().strip()
        assert "/#token=" in link, (home / "page.err").read_text()
        self.url, self.token = link.split("/#token=")

    @property
    def link(self) -> str:
        return f"{self.url}/#token={self.token}"

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def ask(
        self,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
    ) -> tuple[int, str, dict[str, str]]:
        """Status, text and headers; with the token unless other headers are given."""
        given = {"Authorization": f"Bearer {self.token}"} if headers is None else dict(headers)
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            given.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(self.url + path, data, given, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as reply:
                return reply.status, reply.read().decode(), dict(reply.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), dict(error.headers)

    def json(self, path: str, body: Any = None) -> Any:
        status, text, _ = self.ask(path, body)
        assert status == 200, text
        return json.loads(text)

    @property
    def board(self) -> Any:
        return self.json("/api/board")["board"]

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_SECONDS)
            finally:
                self.process.kill()


@contextmanager
def live_page(env: Mapping[str, str], *arguments: str, **options: Any) -> Iterator[LivePage]:
    page = LivePage(env, *arguments, **options)
    page.start()
    try:
        yield page
    finally:
        page.end()


@contextmanager
def chromium(*arguments: str) -> Iterator[Any]:
    """A headless browser by playwright; skips with a message where there is none."""
    if CHROMIUM is None:
        pytest.skip("no chromium here (apt-get install chromium)")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playing:
        browser = playing.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *arguments]
        )
        try:
            yield browser
        finally:
            browser.close()


def number(shown: str | None) -> Decimal | None:
    """The first number of a cell; None for a dash."""
    found = re.search(r"-?[0-9][0-9,]*(\.[0-9]+)?", shown or "")
    return None if found is None else Decimal(found[0].replace(",", ""))
