"""Several listeners in one process: each its own app behind its own guard, on its own socket.

Nothing is logged of a request: addresses of pages tell what somebody owns.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import uvicorn
from msgspec import Struct

from execbot.desk.errors import CannotServe
from execbot.page.addresses import Address
from execbot.page.guard import App
from execbot.page.heads import BoundedHeads

CONNECTIONS_MAX = 256
"""Of one listener; who comes then is answered 503."""

GOODBYE_SECONDS = 2
"""How long the end waits for requests that are under way. Without a bound an open page would keep
the process until it is killed."""

SOCKET_BYTES_MAX = 64 * 1024
"""One message of a page."""


class Listener(Struct, frozen=True):
    """What listens where; with both files it speaks TLS. `is_far`: other machines read, so what a
    socket sends is made small; on this one that costs, for each browser anew, and saves nothing."""

    name: str
    listening: socket.socket
    app: App
    certificate: Path | None = None
    key: Path | None = None
    is_far: bool = False


def bound(address: Address) -> socket.socket:
    """A socket that listens there. Raises CannotServe."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address.host, address.port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise CannotServe(f"Cannot listen on {address}: {reason}") from error
    listening.setblocking(False)
    return listening


def port_of(listening: socket.socket) -> int:
    return int(listening.getsockname()[1])


def serve(
    listeners: Sequence[Listener],
    beside: Sequence[Callable[[], Awaitable[None]]] = (),
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve all of them, and run what works beside them, until SIGINT or SIGTERM."""
    asyncio.run(_serve(listeners, beside, on_ready))


async def _serve(
    listeners: Sequence[Listener],
    beside: Sequence[Callable[[], Awaitable[None]]],
    on_ready: Callable[[], None],
) -> None:
    servers = [_Server(_config(one)) for one in listeners]

    def end() -> None:
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    serving = [
        asyncio.create_task(server.serve(sockets=[one.listening]))
        for server, one in zip(servers, listeners, strict=True)
    ]
    working = [asyncio.ensure_future(work()) for work in beside]
    on_ready()
    done, _ = await asyncio.wait([*serving, *working], return_when=asyncio.FIRST_COMPLETED)
    end()
    for task in working:
        task.cancel()
    await asyncio.gather(*serving, return_exceptions=True)
    await asyncio.gather(*working, return_exceptions=True)
    for task in done:
        if not task.cancelled():
            task.result()  # raises whatever ended it


async def until_eof() -> None:
    """Until stdin ends, as it does with the process that has opened it for this one."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(1024):
        pass


class _Server(uvicorn.Server):
    """Signals are ours: there is one handler for all listeners."""

    def install_signal_handlers(self) -> None:
        """Left out."""

    def capture_signals(self):  # type: ignore[no-untyped-def]
        from contextlib import nullcontext

        return nullcontext()


def _config(listener: Listener) -> uvicorn.Config:
    return uvicorn.Config(
        listener.app,
        http=BoundedHeads,
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        date_header=True,
        proxy_headers=False,
        lifespan="off",
        ws_max_size=SOCKET_BYTES_MAX,
        ws_max_queue=4,
        ws_per_message_deflate=listener.is_far,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=GOODBYE_SECONDS,
        ssl_certfile=listener.certificate,
        ssl_keyfile=listener.key,
    )
