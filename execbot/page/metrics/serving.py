"""`GET /metrics`, on the page or on a port of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from execbot.desk.account import Desk
from execbot.page.addresses import Address
from execbot.page.guard import Guard, answered_failed
from execbot.page.hosts import Hosts
from execbot.page.listening import Listener, bound, port_of
from execbot.page.metrics.families import families
from execbot.page.metrics.reading import Reader

PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The old text form, whatever is asked for: `promtool check metrics` reads this one alone."""

More = Callable[[], Iterable[Metric]]


class Metrics(Collector):
    """One account's figures. `more` adds what only this process knows."""

    def __init__(self, desk: Desk, more: More = tuple) -> None:
        self._reader, self._mode, self._more = Reader(desk), desk.mode.value, more
        self._turn = threading.Lock()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def collect(self) -> Iterator[Metric]:
        yield from families(self._reader.read(), self._mode)
        yield from self._more()

    def text(self) -> bytes:
        """All of it, read now. Several scrapers wait for each other."""
        with self._turn:
            return generate_latest(self._registry)

    async def answer(self, request: Request) -> Response:
        """The route: the reading has a thread of its own, so that the page goes on meanwhile."""
        del request
        body = await asyncio.to_thread(self.text)
        return Response(body, headers={"content-type": CONTENT_TYPE})


def metrics_listener(metrics: Metrics, address: Address) -> Listener:
    """A port on which nothing else answers, without a token: for loopback. Raises CannotServe."""
    listening = bound(address)
    app = Starlette(
        routes=[Route(PATH, metrics.answer, methods=["GET"])],
        exception_handlers={Exception: answered_failed()},
    )
    return Listener("metrics", listening, Guard(app, Hosts(port=port_of(listening))))
