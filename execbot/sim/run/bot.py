"""Runs a command against an exchange of its own: opens it, starts the command, waits, sums up.

Sealed, this process enters namespaces of its own first and serves from inside them: on port 443
with a certificate that the run's authority has signed, and plainly on a free port for whoever
steers. Unsealed, both are free ports, and a proxy and shims lead there.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from execbot.sim.config import SimConfig
from execbot.sim.doors.exchanges import MemoryDoor
from execbot.sim.doors.server import ExchangeServer, memory_door
from execbot.sim.run import leftovers
from execbot.sim.run.authority import Authority, make_authority
from execbot.sim.run.confined import Confinement
from execbot.sim.run.detour import Detour, proxy_before
from execbot.sim.run.names import HOSTS
from execbot.sim.run.seal import make_covers, seal, socket_files
from execbot.sim.run.summary import summary
from execbot.sim.run.surroundings import joined, surroundings, with_proxy, without_proxies

SHIMS = Path(__file__).parent / "shims"
HTTPS = 443
PATIENCE_SECONDS = 5.0
"""How long a command may take to end after it was asked, before it is killed."""


class CannotStart(Exception):
    """The command is not there, or may not be run."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the command ended (by signal N: 128 + N), and what each account has to show for it."""

    exit_code: int
    seconds: float
    accounts: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Run:
    """What is to be run, and how. `output` takes the command's stdout where that is not ours;
    `started` gets the URL of the control plane.
    """

    config: SimConfig
    command: Sequence[str]
    env: Mapping[str, str]
    sealed: bool
    started: Callable[[str], None]
    output: IO[Any] | None = None


def run(what: Run) -> Ended:
    """Runs the command to its end. When `what.sealed` this process is sealed for good.

    Raises `CannotStart`, `CannotSeal`, `ConfigError`, and `OSError` for a port that is not free.
    """
    if shutil.which(what.command[0], path=what.env.get("PATH")) is None:
        raise CannotStart(f"{what.command[0]} was not found")
    with tempfile.TemporaryDirectory(prefix="execbot-run-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "state").mkdir(mode=0o700)
        door = memory_door(what.config)
        authority = make_authority(folder)
        if what.sealed:
            seal(make_covers(folder, HOSTS, authority.certificate), socket_files())
        return asyncio.run(_run(what, folder, authority, door))


async def _run(what: Run, folder: Path, authority: Authority, door: MemoryDoor) -> Ended:
    server = ExchangeServer(door, names=HOSTS)
    await server.start()
    tls = await server.listen("127.0.0.1", HTTPS if what.sealed else 0, authority.context)
    detour = Detour(tls, server.port, proxy_before(what.env))
    try:
        bundle = authority.certificate if what.sealed else _bundle_with_ours(folder, authority)
        env = surroundings(
            what.env,
            bundle=bundle,
            control=server.urls()["control"],
            shims=SHIMS,
            state=folder / "state",
        )
        if what.sealed:
            env = without_proxies(env)
        else:
            env = _led_astray(with_proxy(env, await detour.start()), tls)
        started = time.monotonic()
        what.started(server.urls()["control"])
        code = await _to_its_end(what, env)
        return Ended(code, round(time.monotonic() - started, 3), summary(door.venue()))
    finally:
        await detour.stop()
        await server.stop()


def _bundle_with_ours(folder: Path, authority: Authority) -> Path:
    """What this system trusts, and the run's authority: other hosts can be reached as well."""
    import ssl

    trusted = ssl.create_default_context().get_ca_certs(binary_form=True)
    bundle = folder / "bundle.pem"
    own = authority.certificate.read_text()
    bundle.write_text("".join([own, *map(ssl.DER_cert_to_PEM_cert, trusted)]))
    return bundle


def _led_astray(env: Mapping[str, str], tls: int) -> dict[str, str]:
    """The environment with what the shims need to lead Alpaca's names here."""
    node = f"--require {SHIMS / 'detour.cjs'}"
    options = joined(node, env.get("NODE_OPTIONS"), " ")
    return {**env, "EXECBOT_RUN_DETOUR": str(tls), "NODE_OPTIONS": options}


async def _to_its_end(what: Run, env: Mapping[str, str]) -> int:
    """Starts the command, waits for it, and ends what it left running."""
    leftovers.adopt()
    running: list[asyncio.subprocess.Process] = []
    loop = asyncio.get_running_loop()
    # Ctrl-C reaches the command by itself, from the terminal; whoever ends us means it.
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, _pass_on, running, number)
    try:
        process = await asyncio.create_subprocess_exec(
            *what.command,
            env=dict(env),
            stdout=what.output,
            preexec_fn=Confinement() if what.sealed else None,
        )
    except OSError as error:
        raise CannotStart(f"{what.command[0]}: {error.strerror}") from error
    running.append(process)
    code = await process.wait()
    await leftovers.end(PATIENCE_SECONDS)
    return code if code >= 0 else 128 - code


def _pass_on(running: Sequence[asyncio.subprocess.Process], number: int) -> None:
    for process in running:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)


__all__ = ["CannotStart", "Ended", "Run", "run"]
