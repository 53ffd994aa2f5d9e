"""What the account is worth, what the day has made, and how far its limits are used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct

from execbot.desk.account import Desk
from execbot.desk.look.fees import learn_fees
from execbot.desk.look.freshen import freshen
from execbot.market.halts import HALTS_KEY, Halt, book_from_json
from execbot.market.sessions import MarketNow
from execbot.model.account import Account, Position
from execbot.model.numbers import ZERO
from execbot.model.times import eastern
from execbot.risk.account_rows import fees_on, flows_of_day, market_prices
from execbot.risk.equity import equity_of
from execbot.risk.facts import Facts, exposure_of
from execbot.risk.flows import Flows, day_change, day_return
from execbot.risk.kill_switch import KillSwitch
from execbot.risk.options.held import ContractsHeld, contracts_held
from execbot.risk.rules_history import day_loss_pct
from execbot.risk.rules_position import position_name

__all__ = ["LIMITS", "AccountState", "ContractsHeld", "DayFigures", "Usage", "account_state"]

LIMITS = (
    *("max_positions", "max_account_exposure_pct", "risk.max_daily_loss_pct"),
    *("risk.max_daily_orders", "risk.max_consecutive_losses", "risk.max_consecutive_rejections"),
)
"""Those of the whole account, in the words of trading.yaml."""

HUNDRED = Decimal(100)
PCT_STEP = Decimal("0.000001")


class Usage(Struct, frozen=True):
    """How far a limit is used. `limit` None: there is none; `used` None: it is not known."""

    name: str
    used: Decimal | None
    limit: Decimal | None

    @property
    def left(self) -> Decimal | None:
        if self.used is None or self.limit is None:
            return None
        return max(self.limit - self.used, ZERO)


class DayFigures(Struct, frozen=True):
    """The day's profit (plus) or loss is what equity moved, less `flows`; what the broker has
    charged already, of which `fees` are of today, is out of it. Its percent are of the last close
    and what came since, as everywhere in statistics. None: a figure is missing."""

    on: date
    profit: Decimal | None
    profit_pct: Decimal | None
    flows: Decimal
    fees: Decimal | None


class AccountState(Struct, frozen=True):
    """`equity_known`: the broker's figure can be believed. `open_pl` is that of all positions, None
    where one has no price; `exposure` counts positions and pending entries."""

    account: Account
    equity_known: bool
    day: DayFigures
    open_pl: Decimal | None
    exposure: Decimal
    limits: Sequence[Usage]
    kill_switch: KillSwitch
    halts: Sequence[Halt]
    market: MarketNow
    held: Sequence[Position]
    warnings: Sequence[str] = ()
    contracts: Sequence[ContractsHeld] = ()
    """By underlying; empty where none are held."""

    @property
    def margin_excess(self) -> Decimal | None:
        """Equity above what positions need to be kept."""
        needed = self.account.maintenance_margin
        if needed is None or self.account.equity is None or not self.equity_known:
            return None
        return self.account.equity - needed


def account_state(desk: Desk) -> AccountState:
    """The account now. Raises BrokerError, JournalError."""
    warnings = freshen(desk)
    held = desk.client.get_positions()
    return read_state(desk, held, [*warnings, *learn_fees(desk, held)])


def read_state(desk: Desk, held: Sequence[Position], warnings: Sequence[str] = ()) -> AccountState:
    """The same by the journal as it is. `held` is the broker's list. Raises BrokerError,
    JournalError."""
    warnings = list(warnings)
    facts = desk.risk.reader.account_wide()
    assert facts.account is not None
    today = eastern(facts.now).date()
    flows = flows_of_day(desk.journal, facts.account, today, market_prices(held))
    equity = equity_of(facts.account)
    if not equity.is_known:
        warnings.append("The broker's equity does not fit what the account holds: it is unknown.")
    if flows.unpriced:
        warnings.append(f"What came or went has no price: {', '.join(flows.unpriced)}.")
    exposure = exposure_of(facts)
    if exposure.unvalued:
        warnings.append(f"Without a price, and not counted: {', '.join(exposure.unvalued)}.")
    open_pl = [position.unrealized_pl for position in held]
    known = [gain for gain in open_pl if gain is not None]
    return AccountState(
        account=facts.account,
        equity_known=equity.is_known,
        day=_day(desk, facts, today, flows),
        open_pl=sum(known, ZERO) if len(known) == len(open_pl) else None,
        exposure=exposure.gross,
        limits=_limits(desk, facts),
        kill_switch=facts.kill_switch,
        halts=book_from_json(desk.journal.meta_get(HALTS_KEY)).known(facts.now),
        market=facts.market,
        held=held,
        warnings=warnings,
        contracts=contracts_held(held),
    )


def _day(desk: Desk, facts: Facts, today: date, flows: Flows) -> DayFigures:
    profit = share = None
    if facts.account is not None and equity_of(facts.account).is_known:
        profit = day_change(facts.account, flows.amount, today)
        share = day_return(facts.account, flows)
    return DayFigures(
        on=today,
        profit=profit,
        profit_pct=None if share is None else _rounded(share * HUNDRED),
        flows=flows.amount,
        fees=fees_on(desk.journal, today),
    )


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    return _rounded(part / whole * HUNDRED)


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(PCT_STEP, ROUND_HALF_EVEN)


def _limits(desk: Desk, facts: Facts) -> Sequence[Usage]:
    settings = desk.settings.trading
    risk, counters, exposure = settings.risk, facts.counters, exposure_of(facts)
    share = _percent(exposure.gross, facts.equity) if facts.equity > 0 else None
    lost = day_loss_pct(facts)
    found: dict[str, tuple[Decimal | int | None, Decimal | int | None]] = {
        "max_positions": (len(set(map(position_name, exposure.symbols))), settings.max_positions),
        "max_account_exposure_pct": (share, settings.max_account_exposure_pct),
        "risk.max_daily_loss_pct": (
            None if lost is None else _rounded(lost),
            risk.max_daily_loss_pct,
        ),
        "risk.max_daily_orders": (counters.orders_today, risk.max_daily_orders),
        "risk.max_consecutive_losses": (counters.consecutive_losses, risk.max_consecutive_losses),
        "risk.max_consecutive_rejections": (
            counters.consecutive_rejections,
            risk.max_consecutive_rejections,
        ),
    }
    return [
        Usage(
            name,
            None if used is None or limit is None else Decimal(used),
            None if limit is None else Decimal(limit),
        )
        for name in LIMITS
        for used, limit in [found[name]]
    ]
