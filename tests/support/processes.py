"""Real processes: the exchange's server, and execbot commands against it or in sim mode."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.waiting import PATIENCE_SECONDS

EXECBOT = [sys.executable, "-m", "execbot"]
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "SYSTEMROOT")
_COVERAGE = "COVERAGE_PROCESS_"
"""How a measured run tells the processes it starts that they are measured too."""


def clean_environment(home: Path, **extra: str) -> dict[str, str]:
    """An environment with nothing of the developer's own trading setup in it."""
    env = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(_COVERAGE)
    }
    env.update(
        HOME=str(home),
        XDG_STATE_HOME=str(home / "state"),
        XDG_CONFIG_HOME=str(home / "config"),
        NO_COLOR="1",
        COLUMNS="120",
    )
    env.update(extra)
    return env


@dataclass(frozen=True)
class Outcome:
    """How a command ended; `data` and `error` parse the JSON of stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def data(self) -> Any:
        return self.json["data"]

    @property
    def error(self) -> Any:
        return json.loads(self.err.strip().splitlines()[-1])


def execbot(
    arguments: Sequence[str],
    env: Mapping[str, str],
    *,
    timeout: float = 60,
    cwd: Path | None = None,
    stdin: str | None = None,
    prefix: Sequence[str] = (),
) -> Outcome:
    """Run one command to its end; `prefix` is the program that runs it."""
    done = subprocess.run(
        [*prefix, *EXECBOT, *arguments],
        env=dict(env),
        cwd=cwd or env["HOME"],
        capture_output=True,
        text=True,
        timeout=timeout,
        input=stdin if stdin is not None else "",
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def done(env: Mapping[str, str], *arguments: str) -> Any:
    """Run one command to its success; the `data` of its JSON."""
    outcome = execbot([*arguments, "--json"], env)
    assert outcome.code == 0, outcome.err
    return outcome.data


def start_execbot(
    arguments: Sequence[str], env: Mapping[str, str], prefix: Sequence[str] = (), **options: Any
) -> subprocess.Popen[str]:
    """Start a command and leave it running; the caller ends it.

    It hears SIGINT also where the tests run in the background of a shell, which ignores it.
    """
    options.setdefault("preexec_fn", lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    options.setdefault("cwd", env["HOME"])
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen(
        [*prefix, *EXECBOT, *arguments],
        env=dict(env),
        text=True,
        **options,
    )


def ended_well(code: int | None) -> bool:
    """How a `watch` that was asked to end has ended: said goodbye (0), or, on a machine under load,
    been cut off after its four seconds (130). For tests of which the ending is not the subject."""
    return code in (0, 130)


def end_watch(process: subprocess.Popen[str]) -> None:
    """Ask a `watch` to end and see that it does, in its own time."""
    process.terminate()
    try:
        code = process.wait(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    assert ended_well(code), code


@dataclass(frozen=True)
class Server:
    """A running exchange and its URLs."""

    rest: str
    stream: str
    data: str
    data_stream: str
    process: subprocess.Popen[str]

    def environment(self, home: Path, key: str = "test-key", **extra: str) -> dict[str, str]:
        """The environment of a paper trader whose Alpaca is this server."""
        return clean_environment(
            home,
            EXECBOT_MODE="paper",
            ALPACA_API_KEY=key,
            ALPACA_SECRET_KEY="test-secret",
            ALPACA_TRADING_URL=self.rest,
            ALPACA_DATA_URL=self.data,
            ALPACA_TRADING_WS_URL=self.stream,
            **extra,
        )

    def get(self, path: str, key: str = "test-key") -> Any:
        return self.call("GET", path, key=key)

    def call(self, method: str, path: str, body: Any = None, key: str = "test-key") -> Any:
        """One request with plain urllib, independent of execbot's own client."""
        request = urllib.request.Request(
            self.rest + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "APCA-API-KEY-ID": key,
                "APCA-API-SECRET-KEY": "test-secret",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            text = reply.read().decode()
        return json.loads(text) if text else None

    def arm(self, kind: str, **rule: Any) -> str:
        """Have the exchange err this way from now on; the id of the fault."""
        return str(self.call("POST", "/sim/faults", {"kind": kind, **rule})["id"])

    def has_fired(self, fault: str) -> bool:
        return any(row["id"] == fault and row["fired"] for row in self.get("/sim/faults"))

    def orders(self, key: str = "test-key") -> list[dict[str, Any]]:
        """Every order of the account, whatever its status, oldest first."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            page = self.get(
                f"/v2/orders?status=all&limit=500&direction=asc&nested=true{after}", key
            )
            found += page
            if len(page) < 500:
                return found
            after = f"&after_order_id={page[-1]['id']}"


class OwnAccount:
    """An account of its own at a shared exchange; `home` gives it its keys and a trading.yaml."""

    def __init__(self, server: Server, home: Path, config: str) -> None:
        self.server, self.home, self.key = server, home, home.name
        path = home / "trading.yaml"
        path.write_text(config)
        self.env = server.environment(home, key=self.key, EXECBOT_CONFIG=str(path))

    def run(self, *arguments: str, code: int = 0) -> Outcome:
        done = execbot([*arguments, "--json"], self.env, timeout=PATIENCE_SECONDS)
        assert done.code == code, done.out + done.err
        return done


@contextlib.contextmanager
def exchange(home: Path, *arguments: str, **environment: str) -> Iterator[Server]:
    """`execbot sim serve --json` on a free port, ended when the block ends."""
    process = start_execbot(
        ["sim", "serve", "--host", "127.0.0.1", "--port", "0", "--json", *arguments],
        clean_environment(home, **environment),
        stderr=(home / "server.log").open("w"),
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (home / "server.log").read_text()
        urls = json.loads(line)
        yield Server(
            rest=urls["rest"],
            stream=urls["stream"],
            data=urls["data"],
            data_stream=urls["data_stream"],
            process=process,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
