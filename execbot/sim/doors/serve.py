"""Running the server as a process: start, say where it is, serve until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from execbot.sim.config import SimConfig
from execbot.sim.doors.exchanges import Door, SharedDoor
from execbot.sim.doors.server import ExchangeServer, memory_door
from execbot.sim.doors.transport import FILE_NAME, SharedVenue

HANDLES = 65_536
TELL_AGAIN_SECONDS = 10.0


def open_door(config: SimConfig, state_dir: Path | None) -> Door:
    """The exchange to serve: the one in `state_dir`, or a fresh one in memory."""
    if state_dir is None:
        return memory_door(config)
    return SharedDoor(SharedVenue(state_dir / FILE_NAME, config))


def _rare_collections() -> None:
    """Full garbage collections are what makes single replies slow: they walk every order kept.

    What was loaded at the start is left out of them, and they come rarely; nearly everything
    here is freed by reference counts alone.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _more_handles() -> None:
    """As many open connections as this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, HANDLES), hard))


class Complaints:
    """What the event loop reports. The same trouble is told once in a while, in one line.

    Out of handles, each connection that waits to be accepted is an error of its own: hundreds a
    second, for as long as it lasts.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[str, float] = {}

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, OSError):
            loop.default_exception_handler(context)
            return
        text = str(context.get("message") or error)
        now = self._clock()
        if now - self._told.get(text, -TELL_AGAIN_SECONDS) >= TELL_AGAIN_SECONDS:
            self._told[text] = now
            print(f"execbot sim serve: {text}: {error}", file=sys.stderr, flush=True)


async def _run(
    door: Door, host: str, port: int, public: bool, ready: Callable[[dict[str, str]], None]
) -> None:
    server = ExchangeServer(door, host, port, public=public)
    await server.start()
    _rare_collections()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(Complaints())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    ready(server.urls())
    try:
        await stop.wait()
    finally:
        await server.stop()


def serve(
    config: SimConfig,
    *,
    host: str,
    port: int,
    state_dir: Path | None,
    ready: Callable[[dict[str, str]], None],
    public: bool = False,
) -> None:
    """Serves until SIGINT or SIGTERM. `ready` is called once with the URLs. With `public` other
    machines may call it.

    Raises `OSError` when the port cannot be bound, `StoreError` for an unusable state.
    """
    _more_handles()
    asyncio.run(_run(open_door(config, state_dir), host, port, public, ready))
