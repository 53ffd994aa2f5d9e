"""One account, opened: here, and only here, the rooms are put together.

Mode and account decide where the journal is; `opening.setup` says what decides these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from execbot.broker.clock import utc_now
from execbot.config.errors import ConfigError
from execbot.config.load import Settings
from execbot.config.paths import (
    account_directory,
)
from execbot.config.schema import Mode
from execbot.desk.opening.journal_need import Need, open_journal
from execbot.desk.opening.setup import Setup, account_of, build_client, clock_of, read_setup
from execbot.model.times import iso, parse_time

if TYPE_CHECKING:
    from execbot.alerts import Alerter
    from execbot.broker.alpaca import AlpacaClient
    from execbot.broker.port import BrokerClient
    from execbot.journal.errors import JournalError
    from execbot.journal.journal import Journal
    from execbot.oms.place.placer import Placer
    from execbot.oms.place.risk_gate import RiskGate
    from execbot.oms.service import OrderManagementSystem

JOURNAL_NAME = "journal.db"


@dataclass
class Desk:
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
        from execbot.desk.opening.standalone import OrderManagementSystem

        return OrderManagementSystem(
            self.client,
            self.journal,
            settings=self.settings.trading.order_management,
            now=self.now,
        )

    @cached_property
    def risk(self) -> RiskGate:
        """Facts and checks. A live context exists only where both switches of the gate are set."""
        from execbot.oms.place.risk_gate import RiskGate

        return RiskGate(
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


def open_desk(
    mode_flag: str | None = None,
    config_path: Path | None = None,
    *,
    dry_run: bool = False,
    need: Need = Need.JOURNAL,
    env: Mapping[str, str] | None = None,
) -> Desk:
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
        from execbot.desk.opening.read_only import ReadOnlyClient

        port = ReadOnlyClient(client)
    return Desk(
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


Context, open_context = Desk, open_desk
"""What programs called them before."""
