"""An order management system that may be given nothing: it then opens its account itself.

`desk.opening.library`, from which programs take the class, sets how: an opened account has an OMS
of this class, so this file cannot know how one is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from execbot.oms import service

if TYPE_CHECKING:
    from datetime import datetime

    from execbot.broker.port import BrokerClient
    from execbot.config.load import Settings
    from execbot.journal.journal import Journal
    from execbot.oms.machine.changes import Change
    from execbot.quality.subscribers import ConfirmationSubscribers


CONFIRMATION = "confirmation"


class Account(Protocol):
    """What the OMS needs of an opened account."""

    @property
    def settings(self) -> Settings: ...

    @property
    def directory(self) -> Path: ...

    @property
    def client(self) -> BrokerClient: ...

    @property
    def journal(self) -> Journal: ...

    @property
    def now(self) -> Callable[[], datetime]: ...

    def close(self) -> None: ...


class OrderManagementSystem(service.OrderManagementSystem):
    """Orders of one account; everything it does is documented on its base.

    `OrderManagementSystem(client, journal)` works on what it is given. Without arguments it opens
    the account that trading.yaml and the environment name, as every command does, at the first
    call that needs it; `mode` and `config_path` choose as --mode and --config do. That call may
    raise ConfigError, BrokerError or JournalError. `shut_down`, or the end of a `with` block, gives
    up what it opened itself.
    """

    opener: ClassVar[Callable[..., Account]]
    confirmations: ConfirmationSubscribers
    """There once somebody has subscribed to them."""

    def __init__(
        self,
        client: BrokerClient | None = None,
        journal: Journal | None = None,
        *,
        mode: str | None = None,
        config_path: Path | None = None,
        env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        if (client is None) != (journal is None):
            raise TypeError("a client and a journal belong together: give both, or neither")
        self._opening = Lock()
        self._account: Account | None = None
        self._where = (mode, config_path, env)
        self._options = options
        if client is not None and journal is not None:
            super().__init__(client, journal, **options)

    def __getattr__(self, name: str) -> Any:
        """Open the account when something is asked for that only it has, and ask again."""
        if name.startswith("__") or "_opening" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        with self._opening:
            if "client" not in self.__dict__:
                self._open()
            elif name not in self.__dict__:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self, name)

    def subscribe(self, name: str, callback: Callable[[Any], None]) -> Callable[[], None]:
        """As on the base; `confirmation` calls back with a `Confirmation` once an execution is
        confirmed, and again when what is known of it has changed."""
        if name != CONFIRMATION:
            return super().subscribe(name, callback)
        if "confirmations" not in self.__dict__:
            from execbot.config.schema import TradingSettings
            from execbot.quality.subscribers import ConfirmationSubscribers

            account = self._account
            parent = None if account is None else account.directory.parent
            trading = (
                TradingSettings(order_management=self.settings)
                if account is None
                else account.settings.trading
            )
            self.confirmations = ConfirmationSubscribers(
                self.client, self.journal, trading, self.now, parent
            )
        return self.confirmations.subscribe(callback)

    def publish(self, changes: Iterable[Change]) -> None:
        """Tell subscribers of changes that are committed, then of what they came to."""
        found = list(changes)
        super().publish(found)
        if found and "confirmations" in self.__dict__:
            self.confirmations.follow()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shut_down()

    def shut_down(self) -> None:
        """Close journal and connections, where this object has opened them itself."""
        if self._account is not None:
            self._account.close()

    def _open(self) -> None:
        mode, config_path, env = self._where
        self._account = opened = self.opener(mode, config_path, env=env)
        settings = opened.settings.trading.order_management
        defaults = {"settings": settings, "now": opened.now}
        super().__init__(opened.client, opened.journal, **{**defaults, **self._options})
