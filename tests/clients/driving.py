"""Runs one client's driver under `sim run`, and reads what it saw."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from clients.catalogue import Client, install
from support.processes import clean_environment, execbot

RUN_SECONDS = 900


def drive(client: Client, *, options: tuple[str, ...] = ()) -> Mapping[str, str]:
    """Step to what came of it (see the page). Raises `CannotInstall`."""
    install(client)
    with tempfile.TemporaryDirectory() as home:
        env = clean_environment(Path(home), CLIENT_PLACE=str(client.place))
        command = ["sim", "run", "--json", *options, "--", *client.command()]
        ended = execbot(command, env, timeout=RUN_SECONDS)
    said = [line for line in ended.err.splitlines() if line.startswith("result ")]
    assert said, ended.err[-3000:]
    assert ended.code == 0, ended.err[-3000:]
    found: Mapping[str, str] = json.loads(said[-1].removeprefix("result "))
    if found.get("order") == "yes":
        [account] = ended.data["accounts"]
        assert account["orders"].get("filled"), account
    return found
