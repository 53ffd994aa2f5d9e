"""One account, opened: here, and only here, the rooms are put together.

Mode and account decide where the journal is; `opening.setup` says what decides these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from execbot.broker.clock import utc_now
from execbot.config.environment import environment_of
from execbot.config.errors import ConfigError
from execbot.config.load import Settings
from execbot.config.paths import (
    JOURNAL_NAME,
    account_directory,
    account_path,
)
from execbot.config.schema import Mode
from execbot.desk.door.sameness import sameness
from execbot.desk.opening.journal_need import Need, open_journal
from execbot.desk.opening.lines import NO_LINES, Lines
from execbot.desk.opening.setup import (
    Setup,
    account_of,
    build_client,
    clock_of,
    kept_facts_of,
    read_setup,
)
from execbot.model.times import iso, parse_time

if TYPE_CHECKING:
    from execbot.alerts import Alerter
    from execbot.broker.alpaca import AlpacaClient
    from execbot.broker.clock import BrokerClock
    from execbot.broker.port import BrokerClient
    from execbot.journal.errors import JournalError
    from execbot.journal.journal import Journal
    from execbot.oms.place.placer import Placer
    from execbot.oms.place.risk_gate import RiskGate
    from execbot.oms.service import OrderManagementSystem
    from execbot.risk.asking.kept_facts import KeptFacts
    from execbot.risk.asking.together import Asking, Round
    from execbot.watch.market_hours import MarketHours


class Desk(Struct, eq=False, dict=True, weakref=True):
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
    now: Callable[[], datetime] = utc_now
    """The broker's time, which is ours unless a server of one's own replays another day."""
    looks_afterwards: bool = False
    """Whether the desk asks the broker for something more once the command has answered."""
    asks_beside: bool = False
    """Whether the broker may be asked several things at once: over the network."""
    kept: KeptFacts | None = None
    begun: Round | None = None
    """What the desk has asked for while modules were still being loaded (`opening.ahead`)."""
    broker_url: str = ""
    """Whom orders are sent to; empty for the exchange in this process."""
    same: str | None = None
    """What decides what is done with an order, as a hash; see `desk.door.sameness`."""
    env: Mapping[str, str] = field(default_factory=lambda: environment_of())
    """The variables that it was opened with, those of the `.env` among them."""
    profile: str | None = None
    keep_clock: Callable[[], None] = lambda: None
    """Leave the time of an exchange of one's own to processes that cannot ask for it."""
    _closers: list[Callable[[], None]] = field(default_factory=list)

    def __repr__(self) -> str:
        """Without what it was opened with: there may be keys in it."""
        return f"Desk({self.mode}, {self.account}, {self.directory})"

    @property
    def journal_trouble(self) -> JournalError | None:
        """Why a journal in memory stands in for the account's own."""
        return self.journal.trouble

    @property
    def journal_is_copy(self) -> bool:
        """Whether that one began as a copy of the account's own."""
        return self.journal.is_copy

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
        from execbot.watch.lock import holder_of

        return RiskGate(
            self.client,
            self.journal,
            self.settings.trading,
            self.mode,
            now=self.now,
            calendar_dir=self.directory.parent,
            live_allowed=self.mode is Mode.LIVE,
            look_again=lambda: self.oms.gap_fill(),
            is_watched=lambda: holder_of(self.directory) is not None,
            beside=self.asks_beside,
            kept=self.kept,
            begun=self.begun,
        )

    @property
    def has_risk(self) -> bool:
        """Whether `risk` was built: it asks for itself from then on."""
        return "risk" in self.__dict__

    @property
    def asking(self) -> Asking:
        """Whom facts are asked of, and how."""
        from execbot.risk.asking.together import Asking

        trading = self.settings.trading
        return Asking(self.client, self.journal, trading, self.now, self.asks_beside, self.kept)

    @cached_property
    def hours(self) -> MarketHours:
        """The market's hours by our table and the broker's clock; `refresh` it before it is used,
        which asks at most once a minute."""
        from functools import partial

        from execbot.market.calendar_cache import table_for
        from execbot.watch.market_hours import MarketHours

        return MarketHours(partial(table_for, self.directory.parent))

    @cached_property
    def alerter(self) -> Alerter:
        """Alerts of all processes of the account share their last times, and what nobody took,
        through the journal."""
        from execbot.alerts import Alerter, JournalWaiting
        from execbot.alerts.keeping import keep_delivery, policy_of
        from execbot.alerts.standing import META_KEY, StandingAlarms

        alerter = Alerter.from_environment(
            self.env,
            policy=policy_of(self.settings.trading.alerts),
            delivered=lambda delivery: keep_delivery(self.journal, delivery),
            now=self.now,
            recall=lambda key: parse_time(self.journal.meta_get(f"alert:{key}")),
            remember=lambda key, at: self.journal.meta_set(f"alert:{key}", iso(at)),
            waiting=JournalWaiting(lambda: self.journal),
            standing=StandingAlarms(
                lambda: self.journal.meta_get(META_KEY),
                lambda standing: self.journal.meta_set(META_KEY, standing),
            ),
        )
        self._closers.append(alerter.close)
        return alerter

    @cached_property
    def placer(self) -> Placer:
        """The one way from a request to the broker: check, queue or send."""
        from execbot.oms.place.placer import Placer

        return Placer(self.oms, self.risk, alerter=self.alerter)

    def on_close(self, closer: Callable[[], None]) -> None:
        """Close this together with the rest, before it."""
        self._closers.append(closer)

    def pass_over(self, trouble: JournalError) -> None:
        """Go on with a journal in memory. Raises the trouble where the command needs the real one,
        or has none any more."""
        if self.need in (Need.JOURNAL, Need.EXIT):
            raise trouble
        from execbot.journal.stand_in_journal import memory_of

        self.journal.stand_in(trouble, memory_of)

    def reopen(self) -> None:
        """Go on with the file that is in the journal's place now. Raises JournalError."""
        from execbot.journal.journal import Journal

        self.journal = Journal.open(self.directory / JOURNAL_NAME)
        self._closers.append(self.journal.close)
        self.begun = None
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
    lines: Lines = NO_LINES,
    env: Mapping[str, str] | None = None,
    setup: Setup | None = None,
) -> Desk:
    """Put everything together; `setup` where it was read before. Raises ConfigError, BrokerError or
    JournalError.

    `lines` are connections to open meanwhile, for requests that follow at once.
    """
    setup = setup or read_setup(mode_flag, config_path, env)
    clock = clock_of(setup)
    client = build_client(setup, clock)
    if client.answers_beside:
        client.open_ahead(trading=lines.trading, data=lines.data)
    if setup.is_own_server:
        clock.probe = lambda: _ask_the_time(client, clock)
    closers: list[Callable[[], None]] = [client.close]
    try:
        account = account_of(setup, client, must_remember=need in (Need.JOURNAL, Need.EXIT))
        directory = _directory_of(setup, account, need)
        if setup.is_own_server:
            clock.probe = lambda: _ask_the_time(client, clock, directory)
        journal = open_journal(directory / JOURNAL_NAME, need)
    except BaseException:
        client.close()
        raise
    closers.append(journal.close)
    from execbot.desk.opening.read_only import NotingClient, ReadOnlyClient

    port = ReadOnlyClient(client) if dry_run else NotingClient(client)
    return Desk(
        setup.settings,
        setup.mode,
        account,
        directory,
        journal,
        port,
        (*setup.choice.notices, *looser_limits(setup.mode, setup.settings, journal)),
        dry_run,
        need,
        clock,
        asks_beside=client.answers_beside,
        kept=kept_facts_of(setup, client),
        broker_url="" if setup.is_in_process else client.trading_url,
        same=sameness(setup),
        env=setup.env,
        profile=setup.profile,
        keep_clock=_keeping(clock, directory) if setup.is_own_server else lambda: None,
        _closers=closers,
    )


def _keeping(clock: BrokerClock, directory: Path) -> Callable[[], None]:
    def keep() -> None:
        from execbot.desk.opening.kept_clock import keep_clock

        keep_clock(directory, clock)

    return keep


def looser_limits(mode: Mode, settings: Settings, journal: Journal) -> tuple[str, ...]:
    """One line of limits that hold back less than those that ruled the account's last entry."""
    if mode is Mode.SIM:
        return ()
    from execbot.journal.errors import JournalError
    from execbot.risk.limits_in_force import LIMITS_KEY, loosened

    try:
        found = loosened(journal.meta_get(LIMITS_KEY), settings.trading)
    except JournalError:
        return ()  # whoever needs the journal says why it fails
    if not found:
        return ()
    said = "; ".join(str(item) for item in found)
    needs = " Entries need `execbot config adopt`." if mode is Mode.LIVE else ""
    return (f"Limits became looser than they were: {said}.{needs}",)


def _directory_of(setup: Setup, account: str, need: Need) -> Path:
    """The account's directory, made if it is not there. A command that can do without the journal
    can do without it too."""
    try:
        return account_directory(setup.root, setup.mode.value, account)
    except ConfigError:
        if need in (Need.JOURNAL, Need.EXIT):
            raise
        return account_path(setup.root, setup.mode.value, account)


def _ask_the_time(client: AlpacaClient, clock: BrokerClock, directory: Path | None = None) -> None:
    """Read the broker's time. A server that does not answer fails the request that needs it, not
    this; until then the time is the one left in the account's directory."""
    from execbot.broker.errors import BrokerError

    with suppress(BrokerError):
        client.get_clock()
        return
    if directory is not None:
        from execbot.desk.opening.kept_clock import carry_on

        carry_on(directory, clock)


Context, open_context = Desk, open_desk
"""What programs called them before."""
