"""What `execbot page` was asked for, checked before anything is opened."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from execbot.config.errors import ConfigError
from execbot.config.schema import Mode
from execbot.desk.confirming import NotConfirmed
from execbot.model.hosts import is_loopback
from execbot.page.addresses import Address, address_of

PAGE_AT = Address("127.0.0.1", 8787)
SIGNALS_AT = Address("127.0.0.1", 8788)
METRICS_AT = Address("127.0.0.1", 8789)


class Options(Struct, frozen=True):
    """Addresses are `None` where nothing shall listen. `certificate` and `key` are PEM files."""

    page: Address = PAGE_AT
    signals: Address | None = None
    metrics: Address | None = None
    page_hosts: tuple[str, ...] = ()
    signals_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    is_public: bool = False
    certificate: Path | None = None
    key: Path | None = None
    actions: bool = False
    yes: bool = False
    until_eof: bool = False
    """It ends when stdin does: a watch has started it."""

    @property
    def is_encrypted(self) -> bool:
        return self.certificate is not None


def read_address(flag: str, word: str | None, default: Address) -> Address:
    """The address of a flag. Raises ConfigError."""
    if word is None:
        return default
    try:
        return address_of(word, default)
    except ValueError as error:
        raise ConfigError(
            f"{flag}: {error}",
            kind="usage.address",
            next_step=f"For example {flag} {default}.",
        ) from None


def check(options: Options, mode: Mode) -> None:
    """Raises ConfigError for what would be open to others, NotConfirmed for live actions."""
    if not is_loopback(options.page.host):
        _check_public(options, options.page.host)
    if (options.certificate is None) != (options.key is None):
        missing = "--tls-key" if options.key is None else "--tls-cert"
        raise ConfigError(f"{missing} is missing", kind="usage.tls", hint="Both files are needed.")
    for flag, path in (("--tls-cert", options.certificate), ("--tls-key", options.key)):
        if path is not None and not path.is_file():
            raise ConfigError(f"{flag}: there is no file {path}", kind="usage.tls")
    _check_doors(options, mode)
    if options.actions and mode is Mode.LIVE and not options.yes:
        raise NotConfirmed(
            "Actions of the page would trade real money",
            hint="--page-actions in live needs --yes at the start.",
            next_step="execbot page --page-actions --yes",
        )


def _check_doors(options: Options, mode: Mode) -> None:
    """Who may send signals trades; who may read metrics sees what is held."""
    signals, metrics = options.signals, options.metrics
    if signals is not None and not is_loopback(signals.host):
        _check_public(options, signals.host)
    if metrics is not None and not is_loopback(metrics.host):
        raise ConfigError(
            f"--metrics: {metrics.host} can be reached from other machines",
            kind="usage.public",
            hint="There is no token on this port.",
            next_step="Stay on 127.0.0.1, or scrape /metrics of the page with its token.",
        )
    if signals is not None and mode is Mode.LIVE and not options.yes:
        raise NotConfirmed(
            "Signals that come over HTTP would trade real money",
            hint="--signals in live needs --yes at the start.",
            next_step=f"execbot page --signals {signals} --yes",
        )


def _check_public(options: Options, host: str) -> None:
    if not options.is_public:
        raise ConfigError(
            f"{host} can be reached from other machines",
            kind="usage.public",
            hint="Whoever has the link's token sees the account.",
            next_step="Add --page-public with --tls-cert and --tls-key, or stay on 127.0.0.1 "
            "and reach it by `ssh -L`.",
        )
    if options.certificate is None:
        raise ConfigError(
            "--page-public needs TLS: token and figures would be read on the way",
            kind="usage.tls",
            next_step="Add --tls-cert FILE --tls-key FILE.",
        )
