"""Goal: `execbot page` and `watch --page` as processes: what they refuse, TLS, and that the watch
that is protected has nothing of the page in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.harness.live_page import live_page
from support.processes import clean_environment, end_watch, execbot, start_execbot
from support.waiting import eventually


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A trader in sim mode."""
    return clean_environment(tmp_path_factory.mktemp("page"), EXECBOT_MODE="sim")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["0.0.0.0:0", "--page-public"], 2, "needs TLS"),
        (["--page-host", "a.example", "127.0.0.1:x"], 2, "port"),
    ],
)
def test_what_cannot_be_served_is_said_in_three_lines(
    env: dict[str, str], arguments: list[str], code: int, words: str
) -> None:
    done = execbot(["page", *arguments], env)
    assert done.code == code and words in done.err and "Traceback" not in done.err


def test_a_port_that_is_taken_says_so(env: dict[str, str]) -> None:
    with live_page(env) as page:
        done = execbot(["page", f"127.0.0.1:{page.port}"], env)
        assert done.code == 3 and "Cannot listen" in done.err
        assert execbot(["page", "link"], env).out.strip() == page.link, "the first one runs on"


def test_with_tls_the_cookie_is_for_tls_alone(env: dict[str, str], tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    with live_page(env, "--tls-cert", str(cert), "--tls-key", str(key)) as page:
        assert page.url.startswith("https://")
        request = urllib.request.Request(
            f"{page.url}/login",
            json.dumps({"token": page.token}).encode(),
            {"Origin": page.url, "Content-Type": "application/json"},
        )
        context = ssl.create_default_context(cafile=str(cert))
        with urllib.request.urlopen(request, timeout=60, context=context) as reply:
            assert "Secure" in reply.headers["set-cookie"]


def _niceness(pid: int) -> list[int]:
    """Of each thread, above our own."""
    own = os.getpriority(os.PRIO_PROCESS, 0)
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sorted(os.getpriority(os.PRIO_PROCESS, int(task.name)) - own for task in tasks)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are named in /proc")
@pytest.mark.parametrize(
    ("arguments", "goes_first"),
    [([], 0), (["--page-actions"], 1), (["--signals", "127.0.0.1:0"], None)],
)
def test_what_only_shows_lets_others_go_first(
    env: dict[str, str], arguments: list[str], goes_first: int | None
) -> None:
    """The thread of the actions does not, and nothing of a page that trades by itself."""
    given = {**env, "EXECBOT_SIGNALS_SECRET": "not-to-be-guessed-at-all"}
    with live_page(given, *arguments) as page:
        assert page.process is not None and page.board["mode"] == "sim"
        found = _niceness(page.process.pid)
        room = min(10, 19 - os.getpriority(os.PRIO_PROCESS, 0))
        assert len(found) > 1
        assert found.count(0) == (len(found) if goes_first is None else goes_first), found
        assert set(found) <= {0, room}


def test_watch_with_a_page_has_nothing_of_it_inside_and_takes_it_along() -> None:
    """The page ends with the watch, also when that is killed."""
    with TemporaryDirectory(prefix="page-", dir="/tmp") as folder:
        home = Path(folder)
        env = clean_environment(home, EXECBOT_MODE="sim", PYTHONPROFILEIMPORTTIME="1")
        for ending in ("asked", "killed"):
            _one_run(home, env, ending)


def _one_run(home: Path, env: dict[str, str], ending: str) -> None:
    out = home / f"{ending}.out"
    with out.open("w") as file:
        watch = start_execbot(["watch", "--plain", "--page"], env, stdout=file, stderr=file)
    try:
        assert eventually(lambda: list(home.glob("state/execbot/*/page.link"))), out.read_text()
        [kept] = home.glob("state/execbot/*/page.link")
        told = json.loads(kept.read_text())
        assert told["pid"] != watch.pid
        assert eventually(lambda: "the page runs" in out.read_text())
        assert told["token"] not in out.read_text()
        assert not any(_niceness(watch.pid)) and all(_niceness(told["pid"]))
    finally:
        if ending == "asked":
            end_watch(watch)
        else:
            watch.kill()
            watch.wait()
    assert eventually(lambda: not kept.exists()), "the page has ended too"
    imported = set(re.findall(r"^import time:.*\|\s+(\S+)$", out.read_text(), re.M))
    assert "execbot.watch.loop" in imported
    assert not imported & {"fastapi", "starlette", "uvicorn", "pydantic", "execbot.page"}
