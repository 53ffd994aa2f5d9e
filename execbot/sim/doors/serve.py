"""Running the server as a process: start, say where it is, serve until told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable
from pathlib import Path

from execbot.sim.config import SimConfig
from execbot.sim.doors.server import Door, ExchangeServer, SharedDoor, memory_door
from execbot.sim.doors.transport import FILE_NAME, SharedVenue


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


async def _run(door: Door, host: str, port: int, ready: Callable[[dict[str, str]], None]) -> None:
    server = ExchangeServer(door, host, port)
    await server.start()
    _rare_collections()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
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
) -> None:
    """Serves until SIGINT or SIGTERM. `ready` is called once with the URLs.

    Raises `OSError` when the port cannot be bound, `StoreError` for an unusable state.
    """
    asyncio.run(_run(open_door(config, state_dir), host, port, ready))
