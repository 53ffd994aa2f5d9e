"""The doors for programs beside the page: signals by webhook, metrics. Each has its own port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from prometheus_client.core import Metric

from execbot.desk.account import Desk
from execbot.page.addresses import Address
from execbot.page.listening import Listener, port_of
from execbot.page.metrics.serving import Metrics, metrics_listener
from execbot.page.metrics.webhook import webhook_families
from execbot.page.options import Options
from execbot.page.signals.serving import SignalsDoor, open_signals
from execbot.page.signals.telling import Publish


class Doors:
    """Those that were asked for; `open` once, `close` however it ended."""

    def __init__(
        self,
        desk: Desk,
        options: Options,
        open_desk: Callable[[], Desk],
        env: Mapping[str, str],
        publish: Publish = lambda event: None,
    ) -> None:
        self._desk, self._options, self._open_desk = desk, options, open_desk
        self._env, self._publish = env, publish
        self._signals: SignalsDoor | None = None
        self._listeners: list[Listener] = []
        self.metrics = Metrics(desk, self._of_signals)
        """For the page too, which asks for its token first."""

    def open(self) -> tuple[list[Listener], Sequence[Callable[[], Awaitable[None]]]]:
        """What listens, and what works beside it. Raises ConfigError, CannotServe, ExecbotError."""
        listeners: list[Listener] = []
        beside: Sequence[Callable[[], Awaitable[None]]] = ()
        if self._options.signals is not None:
            self._signals = open_signals(
                self._desk, self._options, self._open_desk, self._env, self._publish
            )
            listeners.append(self._signals.listener)
            beside = self._signals.beside
        if self._options.metrics is not None:
            listeners.append(metrics_listener(self.metrics, self._options.metrics))
        self._listeners = listeners
        return listeners, beside

    def urls(self) -> dict[str, str]:
        """Where the doors are, by their names, once they are open."""
        return {one.name: _url_of(one) for one in self._listeners}

    def _of_signals(self) -> Iterable[Metric]:
        door = self._signals
        return () if door is None else webhook_families(door.store, door.taking)

    def close(self) -> None:
        if self._signals is not None:
            self._signals.close()


def _url_of(listener: Listener) -> str:
    """Named like its path."""
    host = str(listener.listening.getsockname()[0])
    scheme = "http" if listener.certificate is None else "https"
    return f"{scheme}://{Address(host, port_of(listener.listening))}/{listener.name}"
