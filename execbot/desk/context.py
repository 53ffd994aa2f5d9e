"""The composition point: here, and only here, the rooms are put together for a command.

Configuration decides the mode, the mode decides keys and URLs, keys and URLs decide the account,
and mode and account decide where the journal is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from execbot.broker.clock import BrokerClock, utc_now
from execbot.config.credentials import Credentials, find_credentials, no_credentials
from execbot.config.errors import ConfigError
from execbot.config.load import Settings, load_settings
from execbot.config.mode import Endpoints, ModeChoice, choose_endpoints, choose_mode
from execbot.config.paths import (
    account_directory,
    exchange_directory,
    private_directory,
    state_root,
    write_private,
)
from execbot.config.schema import Mode, Transport
from execbot.desk.journal_need import Need, open_journal
from execbot.model.times import iso, parse_time

if TYPE_CHECKING:
    from execbot.alerts import Alerter
    from execbot.broker.alpaca import AlpacaClient
    from execbot.broker.market_stream import MarketDataStream
    from execbot.broker.port import BrokerClient, TradeUpdateStream
    from execbot.journal.errors import JournalError
    from execbot.journal.journal import Journal
    from execbot.oms.place.placer import Placer
    from execbot.oms.place.risk_desk import RiskDesk
    from execbot.oms.service import OrderManagementSystem
    from execbot.sim.doors.transport import SharedVenue

JOURNAL_NAME = "journal.db"
ACCOUNTS_NAME = "accounts.json"
ACCOUNTS_MAX = 200
"""Remembered accounts; a test server on a new port each time must not grow the file for ever."""


class Setup(Struct, frozen=True):
    """What configuration and environment alone decide: nothing was contacted yet."""

    settings: Settings
    choice: ModeChoice
    credentials: Credentials
    endpoints: Endpoints
    root: Path

    @property
    def mode(self) -> Mode:
        return self.choice.mode

    @property
    def is_own_server(self) -> bool:
        """An Alpaca-compatible server was named: it may live in a time of its own."""
        return self.endpoints.trading is not None

    @property
    def is_in_process(self) -> bool:
        """The exchange runs in this very process: sim mode with no server to talk to."""
        return self.mode is Mode.SIM and self.endpoints.trading is None


@dataclass
class Context:
    """Everything a command works with. Close it when done."""

    settings: Settings
    mode: Mode
    account: str
    directory: Path
    """The state of this mode and account: journal, logs, reports."""
    journal: Journal
    client: BrokerClient
    notices: tuple[str, ...] = ()
    is_dry_run: bool = False
    need: Need = Need.JOURNAL
    journal_trouble: JournalError | None = None
    """Why a journal in memory stands in for the account's own."""
    journal_is_copy: bool = False
    """Whether that one began as a copy of the account's own."""
    now: Callable[[], datetime] = utc_now
    """The broker's time, which is ours unless a server of one's own replays another day."""
    _closers: list[Callable[[], None]] = field(default_factory=list, repr=False)

    @cached_property
    def oms(self) -> OrderManagementSystem:
        """Built when first used: a command that only reads need not import it."""
        from execbot.desk.standalone import OrderManagementSystem

        return OrderManagementSystem(
            self.client,
            self.journal,
            settings=self.settings.trading.order_management,
            now=self.now,
        )

    @cached_property
    def risk(self) -> RiskDesk:
        """Facts and checks. A live context exists only where both switches of the gate are set."""
        from execbot.oms.place.risk_desk import RiskDesk

        return RiskDesk(
            self.client,
            self.journal,
            self.settings.trading,
            self.mode,
            now=self.now,
            calendar_dir=self.directory.parent,
            live_allowed=self.mode is Mode.LIVE,
            look_again=lambda: self.oms.gap_fill(),
        )

    @cached_property
    def alerter(self) -> Alerter:
        """Alerts of all processes of the account share their last times, and what nobody took,
        through the journal."""
        from execbot.alerts import Alerter, JournalWaiting

        alerter = Alerter.from_environment(
            min_interval_seconds=float(self.settings.trading.alerts.min_interval_seconds),
            now=self.now,
            recall=lambda key: parse_time(self.journal.meta_get(f"alert:{key}")),
            remember=lambda key, at: self.journal.meta_set(f"alert:{key}", iso(at)),
            waiting=JournalWaiting(lambda: self.journal),
        )
        self._closers.append(alerter.close)
        return alerter

    @cached_property
    def placer(self) -> Placer:
        """The one way from a request to the broker: check, queue or send."""
        from execbot.oms.place.placer import Placer

        return Placer(self.oms, self.risk, alerter=self.alerter)

    def on_close(self, closer: Callable[[], None]) -> None:
        """Have something closed together with the rest, before it."""
        self._closers.append(closer)

    def pass_over(self, trouble: JournalError) -> None:
        """Go on with a journal in memory. Raises the trouble where the command needs the real one.

        What was built on the old one is built anew.
        """
        from execbot.journal.passing import passing_journal

        if self.need is Need.JOURNAL or self.journal_trouble is not None:
            raise trouble
        self.journal, self.journal_is_copy = passing_journal(self.journal.path)
        self.journal_trouble = trouble
        self._closers.append(self.journal.close)
        for name in ("oms", "risk", "placer"):
            self.__dict__.pop(name, None)

    def close(self) -> None:
        while self._closers:
            self._closers.pop()()


def read_setup(
    mode_flag: str | None,
    config_path: Path | None,
    env: Mapping[str, str] | None = None,
) -> Setup:
    """Configuration, mode, keys and URLs. Raises ConfigError; contacts nobody."""
    env = os.environ if env is None else env
    settings = load_settings(config_path, env)
    choice = choose_mode(
        mode_flag,
        env,
        settings.trading.mode,
        lambda: find_credentials(Mode.PAPER.value, env) is not None,
        on_terminal=_on_terminal(),
    )
    endpoints = choose_endpoints(choice.mode, env)
    credentials = _credentials(choice.mode, endpoints, env)
    return Setup(settings, choice, credentials, endpoints, state_root(env))


def _on_terminal() -> bool:
    """Is a person there: is any of the three standard streams a terminal?"""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    with suppress(ValueError):  # a stream that was closed
        return any(stream is not None and stream.isatty() for stream in streams)
    return False


def _credentials(mode: Mode, endpoints: Endpoints, env: Mapping[str, str]) -> Credentials:
    """Sim mode needs none: against a served exchange a pair only chooses the account."""
    from execbot.desk.in_process import KEY

    if mode is Mode.SIM and endpoints.trading is None:
        return Credentials(KEY, KEY, "sim")
    found = find_credentials(mode.value, env)
    if found is not None:
        return found
    if mode is Mode.SIM:
        return Credentials(KEY, KEY, "sim")
    raise no_credentials(mode.value)


def build_client(setup: Setup, clock: BrokerClock) -> AlpacaClient:
    """The broker adapter for this mode, over the wire or to the exchange in this process."""
    from execbot.broker.alpaca import AlpacaClient
    from execbot.broker.stream_times import StreamTimes

    broker, stream = setup.settings.trading.broker, setup.settings.trading.stream
    common = {
        "paper": setup.mode is not Mode.LIVE,
        "timeout_seconds": float(broker.timeout_seconds),
        "feed": broker.feed,
        "requests_per_minute": broker.requests_per_minute,
        "now": clock,
        "clock": clock,
        "stream_times": StreamTimes(
            backoff=float(stream.backoff_seconds),
            backoff_max=float(stream.backoff_max_seconds),
            silence=float(stream.silence_probe_seconds),
        ),
    }
    keys = (setup.credentials.api_key, setup.credentials.secret_key)
    if not setup.is_in_process:
        return AlpacaClient(
            *keys,
            trading_url=setup.endpoints.trading,
            stream_url=setup.endpoints.stream,
            data_url=setup.endpoints.data,
            data_stream_url=setup.endpoints.data_stream,
            sdk=broker.transport is Transport.SDK,
            **common,  # type: ignore[arg-type]
        )
    from execbot.desk.in_process import InProcessTransport, open_exchange

    exchange = open_exchange(exchange_directory(setup.root), setup.settings.trading.sim)
    return AlpacaClient(
        *keys,
        transport=InProcessTransport(exchange),
        trade_stream=lambda: _in_process_stream(exchange, clock),
        market_stream=lambda kind: _in_process_data(exchange),
        **common,  # type: ignore[arg-type]
    )


def clock_of(setup: Setup) -> BrokerClock:
    """The broker's clock: an exchange of one's own may live in another day, or faster."""
    return BrokerClock(at_once=setup.is_own_server or setup.is_in_process)


def open_context(
    mode_flag: str | None = None,
    config_path: Path | None = None,
    *,
    dry_run: bool = False,
    need: Need = Need.JOURNAL,
    env: Mapping[str, str] | None = None,
) -> Context:
    """Put everything together. Raises ConfigError, BrokerError or JournalError."""
    setup = read_setup(mode_flag, config_path, env)
    clock = clock_of(setup)
    client = build_client(setup, clock)
    if setup.is_own_server:
        clock.probe = lambda: _ask_the_time(client)
    closers: list[Callable[[], None]] = [client.close]
    try:
        account = account_of(setup, client, must_remember=need is Need.JOURNAL)
        directory = _directory_of(setup, account, need)
        opened = open_journal(directory / JOURNAL_NAME, need)
    except BaseException:
        client.close()
        raise
    closers.append(opened.journal.close)
    port: BrokerClient = client
    if dry_run:
        from execbot.desk.read_only import ReadOnlyClient

        port = ReadOnlyClient(client)
    return Context(
        setup.settings,
        setup.mode,
        account,
        directory,
        opened.journal,
        port,
        (*setup.choice.notices, *_looser(setup, opened.journal)),
        dry_run,
        need,
        opened.trouble,
        opened.is_copy,
        clock,
        _closers=closers,
    )


def _looser(setup: Setup, journal: Journal) -> tuple[str, ...]:
    """One line of limits that hold back less than those that ruled the account's last entry."""
    if setup.mode is Mode.SIM:
        return ()
    from execbot.journal.errors import JournalError
    from execbot.risk.limits_in_force import LIMITS_KEY, loosened

    try:
        found = loosened(journal.meta_get(LIMITS_KEY), setup.settings.trading)
    except JournalError:
        return ()  # told by whoever needs the journal
    if not found:
        return ()
    said = "; ".join(str(item) for item in found)
    needs = " Entries need `execbot config adopt`." if setup.mode is Mode.LIVE else ""
    return (f"Limits became looser than they were: {said}.{needs}",)


def _directory_of(setup: Setup, account: str, need: Need) -> Path:
    """Made if it is not there; who can do without the journal needs no directory either."""
    try:
        return account_directory(setup.root, setup.mode.value, account)
    except ConfigError:
        if need is Need.JOURNAL:
            raise
        return setup.root / f"{setup.mode.value}-{account}"


def _ask_the_time(client: AlpacaClient) -> None:
    """A server that does not answer is the business of the request that needs it."""
    from execbot.broker.errors import BrokerError

    with suppress(BrokerError):
        client.get_clock()


def account_of(setup: Setup, client: AlpacaClient, *, must_remember: bool = True) -> str:
    """The account number behind the keys: asked of the broker once, then remembered.

    The journal's place depends on it, and a command must find its journal with the broker down.
    Keys are remembered as a hash only. In an emergency it need not be remembered.
    """
    import json
    from hashlib import sha256

    path = setup.root / ACCOUNTS_NAME
    place = "in-process" if setup.is_in_process else client.trading_url
    name = f"{setup.mode.value}|{place}|{setup.credentials.api_key}"
    digest = sha256(name.encode()).hexdigest()[:32]
    known: dict[str, str] = {}
    with suppress(OSError, ValueError):  # not there yet, or damaged: it is only a memory
        known = dict(json.loads(path.read_text(encoding="utf-8")))
    if digest in known:
        return known[digest]
    found = client.get_account()
    account = found.account_number or found.id
    kept = list(known.items())[-(ACCOUNTS_MAX - 1) :]
    try:
        private_directory(setup.root)
        write_private(path, json.dumps(dict([*kept, (digest, account)]), indent=0))
    except (OSError, ConfigError):
        if must_remember:
            raise
    return account


def _in_process_stream(exchange: SharedVenue, now: Callable[[], datetime]) -> TradeUpdateStream:
    from execbot.broker.stream import parse_frame
    from execbot.desk.in_process import InProcessTradeUpdates

    return InProcessTradeUpdates(exchange, parse_frame, now)


def _in_process_data(exchange: SharedVenue) -> MarketDataStream:
    from execbot.broker.data_stream import parse_data_frame
    from execbot.desk.in_process import InProcessMarketData

    return InProcessMarketData(exchange, parse_data_frame)
