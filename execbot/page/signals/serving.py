"""The listener of signals, put together: secret, store, worker, guard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from msgspec import Struct

from execbot.config.errors import ConfigError
from execbot.desk.account import Desk
from execbot.model.numbers import text
from execbot.model.timer import boot_seconds
from execbot.page.guard import Guard
from execbot.page.hosts import Hosts
from execbot.page.listening import Listener, bound, port_of
from execbot.page.options import Options
from execbot.page.signals import app
from execbot.page.signals.forgetting import forget_old
from execbot.page.signals.refusals import guarded
from execbot.page.signals.secrets import (
    LENGTH_MIN,
    SECRET_VARIABLE,
    Secret,
    without_secret,
)
from execbot.page.signals.silence import watch_silence
from execbot.page.signals.store import SignalStore
from execbot.page.signals.telling import Publish, Teller
from execbot.page.signals.worker import Worker

HOST_FLAG = "--signals-host"


class SignalsDoor(Struct, frozen=True):
    """What listens, what works beside it, and how it ends."""

    listener: Listener
    taking: app.Listener
    store: SignalStore
    worker: Worker
    teller: Teller
    beside: tuple[Callable[[], Awaitable[None]], ...] = ()

    def close(self) -> None:
        """After what is under way has been answered."""
        self.worker.stop()
        self.teller.close()
        self.store.close()


def open_signals(
    desk: Desk,
    options: Options,
    open_desk: Callable[[], Desk],
    env: Mapping[str, str],
    publish: Publish,
) -> SignalsDoor:
    """Begin to carry out what waits, and listen; `open_desk` opens the account for a run of the
    worker. Raises ConfigError, CannotServe, AlreadyTaking, StoreFailed."""
    assert options.signals is not None
    secret = secret_of(env)
    listening = bound(options.signals)
    try:
        store = SignalStore(desk.directory)
    except BaseException:
        listening.close()
        raise
    teller = Teller(desk.alerter, publish)
    store.on_unreadable = teller.unreadable
    worker = Worker(store, open_desk, teller.done)
    desk.now()  # a server of one's own is asked for its time now, not when the first signal comes
    trading = desk.settings.trading
    taking = app.Listener(
        store, secret, trading, desk.now, boot_seconds, teller, worker.wake, lambda: worker.trouble
    )
    port = port_of(listening)
    door = Guard(
        taking.app(),
        Hosts(port=port, names=options.signals_hosts, key=HOST_FLAG, is_public=options.is_public),
        trusted_proxies=options.trusted_proxies,
        is_encrypted=options.is_encrypted,
        said=guarded,
        path_shown=without_secret,
    )
    worker.start()
    hours = trading.signals.silence_hours
    silence = () if hours is None else (
        partial(
            watch_silence,
            store.last_received,
            desk.now,
            float(hours),
            partial(teller.silence, text(hours)),
        ),
    )  # fmt: skip
    forgetting = partial(forget_old, store.forget, desk.now)
    listener = Listener("signals", listening, door, options.certificate, options.key)
    return SignalsDoor(listener, taking, store, worker, teller, (*silence, forgetting))


def secret_of(env: Mapping[str, str]) -> Secret:
    """The secret of the environment. Raises ConfigError where there is none worth the name."""
    words = env.get(SECRET_VARIABLE, "").strip()
    make = "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
    if not words:
        raise ConfigError(
            f"{SECRET_VARIABLE} is not set",
            kind="config.signals_secret",
            hint="Whoever knows the address could trade without it.",
            next_step=f"Set it to something random: {make}",
        )
    if len(words) < LENGTH_MIN:
        raise ConfigError(
            f"{SECRET_VARIABLE} has fewer than {LENGTH_MIN} characters",
            kind="config.signals_secret",
            hint="It can be guessed.",
            next_step=f"Make a longer one: {make}",
        )
    return Secret(words)
