"""Runs the server as a process: starts, prints its URLs, and serves until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import selectors
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from execbot.sim.config import SimConfig
from execbot.sim.doors.exchanges import Door, SharedDoor
from execbot.sim.doors.guard import is_loopback
from execbot.sim.doors.server import ExchangeServer, memory_door
from execbot.sim.doors.transport import FILE_NAME, SharedVenue

HANDLES = 65_536
PRINT_AGAIN_SECONDS = 10.0


def open_door(config: SimConfig, state_dir: Path | None) -> Door:
    """The exchange to serve: the one in `state_dir`, or a fresh one in memory."""
    if state_dir is None:
        return memory_door(config)
    return SharedDoor(SharedVenue(state_dir / FILE_NAME, config))


def _rare_collections() -> None:
    """Makes full garbage collections rare: each walks every order kept, and holds up the reply of
    that moment.

    They leave out what was loaded at the start. Reference counts alone free nearly everything here.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _more_handles() -> None:
    """Raises this process's limit of open files, and so of connections, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, HANDLES), hard))


class Complaints:
    """Reports the errors of the event loop, each in one line and the same one at most every ten
    seconds.

    A server that is out of handles fails once for each connection that waits to be accepted:
    hundreds of times a second. A second after each failure asyncio tries to listen again, and where
    the socket was closed meanwhile that fails too. While the server ends, this is no error.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._printed_at: dict[str, float] = {}
        self.is_ending = False

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if self.is_ending and _is_of_closed_socket(error):
            return
        is_of_system = isinstance(error, OSError)
        text = str(context.get("message") or error) if is_of_system else repr(error)
        now = self._clock()
        if now - self._printed_at.get(text, -PRINT_AGAIN_SECONDS) < PRINT_AGAIN_SECONDS:
            return
        self._printed_at[text] = now
        if is_of_system:
            print(f"execbot sim serve: {text}: {error}", file=sys.stderr, flush=True)
        else:
            loop.default_exception_handler(context)


def _is_of_closed_socket(error: object) -> bool:
    """Whether the loop was to watch a socket that is closed: `selectors` raises `ValueError` for an
    invalid file descriptor (Python, `selectors`, `BaseSelector.register`).
    """
    if not isinstance(error, ValueError):
        return False
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1].f_globals.get("__name__") == selectors.__name__


async def _run(server: ExchangeServer, ready: Callable[[dict[str, str]], None]) -> None:
    await server.start()
    _rare_collections()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    complaints = Complaints()
    loop.set_exception_handler(complaints)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    ready(server.urls())
    try:
        await stop.wait()
    finally:
        complaints.is_ending = True
        await server.stop()


def serve(
    config: SimConfig,
    *,
    host: str,
    port: int,
    state_dir: Path | None,
    ready: Callable[[dict[str, str]], None],
    public: bool = False,
    tls: bool = False,
    cors: bool = False,
) -> None:
    """Serves until SIGINT or SIGTERM. Calls `ready` once with the URLs. With `public` other
    machines may call the server, with `cors` pages of other origins.

    `tls`: serves with a certificate for Alpaca's names. An authority made for this run signs it;
    `ready` gets the file of its certificate as `authority`, and it is deleted at the end.

    Raises `OSError` when the port cannot be bound, `StoreError` for an unusable state,
    `ModuleNotFoundError` for `tls` without trustme.
    """
    _more_handles()
    door = open_door(config, state_dir)
    if not tls:
        server = ExchangeServer(door, host, port, public=public, cors=cors)
        asyncio.run(_run(server, ready))
        return
    from execbot.sim.run.authority import make_authority
    from execbot.sim.run.names import HOSTS

    with tempfile.TemporaryDirectory(prefix="execbot-serve-") as folder:
        authority = make_authority(Path(folder), () if is_loopback(host) else (host,))
        server = ExchangeServer(
            door, host, port, public=public, cors=cors, names=HOSTS, tls=authority.context
        )
        path = str(authority.certificate)
        asyncio.run(_run(server, lambda urls: ready({**urls, "authority": path})))
