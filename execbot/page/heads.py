"""How long a connection may take until it has said what it wants.

The guard bounds bodies; before it sees a request its head must be there, and uvicorn waits for one
without end: as many connections as may be that say nothing would keep everybody else out.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_SECONDS = 5.0
"""From the beginning of a connection, or from the first byte of a further request, to the end of
the request's head."""


class BoundedHeads(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's own protocol, whichever it takes here. It is closed when a head takes too long."""

    _until_head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._has_request or self.transport.get_protocol() is not self:  # or it is a WebSocket's
            self._stop_waiting()
        else:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    @property
    def _has_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait_for_head(self) -> None:
        """Further bytes of the same head make no new time."""
        if self._until_head is None:
            loop = asyncio.get_running_loop()
            self._until_head = loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._until_head is not None:
            self._until_head.cancel()
            self._until_head = None
