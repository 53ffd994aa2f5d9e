"""Input (`View`) and output (`Decision`) of the exit rules. No I/O.

A `View` is one symbol at one moment. The rules never run a script of steps: each time they look
at the whole view and say what to do next, so an interrupted step, a lost event or a restart
changes nothing but the time at which the same answer is given.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from execbot.config.schema import EmergencyAction, TradingSettings
from execbot.exits.living_orders import SymbolOrder
from execbot.exits.plan.plan import ExitPlan
from execbot.exits.rules.actions import Action
from execbot.exits.rules.shape import HeldShares, Ladder
from execbot.exits.structures.standing import StructureStanding
from execbot.model.account import DUST_USD
from execbot.model.enums import PositionSide
from execbot.model.numbers import ZERO
from execbot.model.symbols import is_option, multiplier_of


class SymbolMarket(Struct, frozen=True):
    """The market of the symbol now. `is_open` is the regular session; crypto is always open.

    `is_extended`: a session in which the settings allow limit orders outside regular hours.
    """

    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    quoted_at: datetime | None = None
    """When bid and ask were last told together."""
    is_open: bool = True
    is_extended: bool = False
    is_halted: bool = False
    close_at: datetime | None = None

    @property
    def price(self) -> Decimal | None:
        """The price that elects stops: the last trade, else the middle of the quote."""
        if self.last is not None and self.last > 0:
            return self.last
        if self.bid and self.ask:
            return (self.bid + self.ask) / 2
        return None


class Limits(Struct, frozen=True):
    """The settings that the exit rules need (see `trading.yaml`)."""

    unprotected_alarm: timedelta = timedelta(seconds=5)
    partial_entry_grace: timedelta = timedelta(seconds=2)
    """How long a partly filled entry may keep its shares without a stop before its rest is
    canceled. Below the alarm time, so that the repair is done before the alarm."""
    exit_timeout: timedelta = timedelta(seconds=30)
    marketable_limit_pct: Decimal = Decimal("0.5")
    default_stop_pct: Decimal = Decimal("2.0")
    emergency_action: EmergencyAction = EmergencyAction.ALERT
    every_position: bool = False
    """A position without a plan is told like one that has lost its stop."""
    stop_limit_pct: Decimal | None = None
    """How far beyond its trigger the stop of an option contract may still trade."""

    @classmethod
    def of(cls, settings: TradingSettings) -> Limits:
        alarm = timedelta(seconds=float(settings.exits.unprotected_alarm_seconds))
        return cls(
            unprotected_alarm=alarm,
            partial_entry_grace=min(alarm * 0.4, timedelta(seconds=2)),
            exit_timeout=timedelta(seconds=float(settings.order_management.exit_timeout_seconds)),
            marketable_limit_pct=settings.order_management.marketable_limit_pct,
            default_stop_pct=settings.stop_loss.default_pct,
            emergency_action=settings.exits.emergency_action,
            every_position=settings.exits.every_position,
            stop_limit_pct=settings.options.stop_limit_pct,
        )


EXIT_REFUSED = "exit_refused"
"""How the words in `Memory.told` begin that say which exits were told as refused."""


class Memory(Struct, frozen=True):
    """The rules' memory of a symbol between looks. Not durable: it may start empty."""

    size: Decimal | None = None
    """How much was held at the last look."""
    uncovered_since: datetime | None = None
    exposed_since: datetime | None = None
    """The same, not counting the time in which an addition has lifted the stop."""
    is_alarmed: bool = False
    partial_since: datetime | None = None
    ladder: Ladder = Ladder.FULL
    ladder_until: datetime | None = None
    is_held_here: bool = False
    """The broker refused the stop, and until one stands there it is watched here: also while a
    better shape is tried again."""
    failures: int = 0
    retry_at: datetime | None = None
    refusals: int = 0
    """How often in a row the broker has refused a stop or target, in whatever shape."""
    refusal: str = ""
    """What it said the last time."""
    named: tuple[str, ...] = ()
    """Broker ids of the orders that it named then, to be read: they hold the shares."""
    alarmed_at: datetime | None = None
    bare_told: Decimal | None = None
    """How many shares without a plan were told to have no stop; None where that was no alarm."""
    more_since: datetime | None = None
    """Since when more of them have none."""
    through_since: datetime | None = None
    """When the broker refused a stop because the price is beyond it."""
    crossed_since: datetime | None = None
    unclear_since: datetime | None = None
    """Since when a stop that was moved by hand makes no sense as far as is known."""
    reshapes: int = 0
    moves_refused: int = 0
    reported: frozenset[str] = frozenset()
    """Alarms given once and not to be repeated."""
    refreshed_at: datetime | None = None
    exit_failures: int = 0
    """Refusals of the way out since the position last changed, late ones too."""
    exit_refusal: str = ""
    """The kind of the last of them."""
    exit_cause: str = ""
    """What the broker said with it."""
    exit_rounds: int = 0
    """How often in a row leaving was given up."""
    exit_not_before: datetime | None = None
    """When leaving may be tried again after it was given up."""

    def may_try(self, now: datetime) -> bool:
        """Whether the pause after the last refusal is over."""
        return self.retry_at is None or now >= self.retry_at

    def leapt(self, by: timedelta) -> Memory:
        """After the clock was set: no time has passed since any of these moments."""
        moments = {name: getattr(self, name) for name in self.__struct_fields__}
        later = {name: at + by for name, at in moments.items() if isinstance(at, datetime)}
        return replace(self, **later) if later else self

    def may_leave(self, now: datetime) -> bool:
        return self.exit_not_before is None or now >= self.exit_not_before

    def without_exit_failures(self) -> Memory:
        """The memory once the position has changed: failures of leaving are forgotten."""
        return replace(
            self,
            exit_failures=0,
            exit_refusal="",
            exit_rounds=0,
            exit_not_before=None,
            reported=frozenset(word for word in self.reported if not word.startswith(EXIT_REFUSED)),
        )


class View(Struct, frozen=True):
    """One symbol. `qty` is the signed position; `available` the broker's word on free shares.

    `available` is given only when the broker was asked after every order of ours was sent;
    `is_confirmed`: the broker's own position was read lately (`confirmed_at`), agreeing with `qty`.
    """

    symbol: str
    now: datetime
    qty: Decimal
    plan: ExitPlan | None = None
    orders: tuple[SymbolOrder, ...] = ()
    avg_entry_price: Decimal | None = None
    opened_at: datetime | None = None
    """When what is held was first bought, from nothing, as our fills tell it."""
    available: Decimal | None = None
    is_confirmed: bool = True
    confirmed_at: datetime | None = None
    is_price_doubtful: bool = False
    """The price has jumped so far that it may be a split, and the position was not read since."""
    reads_first: bool = False
    """The plan may be of before a split: the broker's position is about to be read."""
    is_crypto: bool = False
    tick: Decimal | None = None
    smallest: Decimal | None = None
    """The smallest order that the broker takes, where one is known."""
    market: SymbolMarket = SymbolMarket()
    limits: Limits = Limits()
    memory: Memory = Memory()
    is_pending: bool = False
    """The broker's quantity differs as an exercise, assignment or expiry makes it, and the rows
    that say so are to come."""
    structure: StructureStanding = StructureStanding()
    """What a contract has of the exits of its structure, where it has none of its own."""

    @property
    def size(self) -> Decimal:
        return abs(self.qty)

    @property
    def is_option(self) -> bool:
        return is_option(self.symbol)

    @property
    def takes_stops_alone(self) -> bool:
        """The broker holds a stop for it and no target beside it: those are watched here."""
        return self.is_crypto or self.is_option

    @property
    def is_dust(self) -> bool:
        """Worth less than a dollar, or less than the smallest order (docs/evidence.md, E-POS-9).

        At what was paid as well as at the market: a bad price makes no dust of a position. A sold
        contract is none at any price.
        """
        if self.qty < 0 and self.is_option:
            return False
        if self.smallest is not None and 0 < self.size < self.smallest:
            return True
        price, paid = self.market.price, self.avg_entry_price
        if self.qty == 0 or price is None or paid is None:
            return False
        return self.size * max(price, paid) * multiplier_of(self.symbol) < DUST_USD

    @property
    def side(self) -> PositionSide:
        return PositionSide.of(self.qty)


def held_shares(view: View, side: PositionSide) -> HeldShares:
    """The shares of the view that need protection."""
    pct = view.limits.stop_limit_pct if view.is_option else None
    return HeldShares(view.symbol, side, view.size, view.is_crypto, view.tick, pct)


class Guarded(StrEnum):
    """How a position stands, as every screen shows it.

    `emulated`: somebody here watches a stop that the broker does not hold (that of a structure of
    contracts it never does), or does not elect in this session. `dormant`: the broker holds it
    until the regular session, and nobody acts before. `unprotected`: shares lack the stop of their
    plan, one that was suspended included. `suspended`: nobody keeps the plan, and other stops cover
    the shares. `pending_event`: it fits an exercise, assignment or expiry of contracts whose rows
    are to come (docs/evidence.md, E-OPT-3). `dust` is worth too little to be sold, and wants no
    stop.
    """

    FLAT = "flat"
    DUST = "dust"
    NO_PLAN = "no_plan"
    PROTECTED = "protected"
    ARRIVING = "arriving"
    UNPROTECTED = "unprotected"
    EMULATED = "emulated"
    DORMANT = "dormant"
    SUSPENDED = "suspended"
    LIFTED = "lifted"
    LEAVING = "leaving"
    PENDING = "pending_event"


WORST_FIRST = (
    Guarded.UNPROTECTED,
    Guarded.SUSPENDED,
    Guarded.NO_PLAN,
    Guarded.PENDING,
    Guarded.LIFTED,
    Guarded.ARRIVING,
    Guarded.EMULATED,
    Guarded.LEAVING,
    Guarded.DORMANT,
    Guarded.PROTECTED,
    Guarded.DUST,
    Guarded.FLAT,
)


class Coverage(Struct, frozen=True):
    """Shares by what protects them. `uncovered` have neither a stop nor an exit under way."""

    state: Guarded = Guarded.FLAT
    size: Decimal = ZERO
    covered: Decimal = ZERO
    arriving: Decimal = ZERO
    leaving: Decimal = ZERO

    @property
    def uncovered(self) -> Decimal:
        return max(self.size - self.covered - self.leaving, ZERO)


class Decision(Struct, frozen=True):
    """Actions for a symbol now, in order, and the memory to keep."""

    actions: tuple[Action, ...]
    memory: Memory
    plan: ExitPlan | None
    coverage: Coverage
