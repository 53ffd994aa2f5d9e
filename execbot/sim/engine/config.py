"""The settings of the engine, each with the reason for its default."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from execbot.sim.types import Ns

MS: Ns = 1_000_000


@dataclass(frozen=True, slots=True)
class ExchangeConfig:
    """Every field has a default taken from what Alpaca's paper exchange was measured to do.

    `sibling_cancel_event`: Alpaca sends no frame for the stop leg that is canceled because the
    target filled; True sends one. `stop_replaces_target`: when the stop leg fires, the target is
    shown as `replaced` by it; False cancels it. `replace_carries_filled_qty`: the replacement of
    a partly filled order starts with the chain's filled quantity; False starts at zero.
    """

    seed: int = 0
    starting_cash: Decimal = Decimal(100_000)
    multiplier: str = "4"

    ack_latency: Ns = 3 * MS  # POST to `new`
    fill_latency: Ns = 50 * MS  # `new`, or a fired stop, to the first look at the market
    fraction_latency: Ns = 300_000  # the same for fractional and notional orders (measured)
    cancel_latency: Ns = 7 * MS  # DELETE to `canceled`
    replace_latency: Ns = 6 * MS  # PATCH to `replaced`
    release_latency: Ns = 60 * MS  # `canceled` to the shares being available again
    leg_latency: Ns = 40 * MS  # entry filled to legs working
    sibling_latency: Ns = 100 * MS  # one exit done to the other shown as canceled

    # Share of orders that get half at first and the rest at the next look (paper: 0.1).
    partial_fill_share: Decimal = Decimal(0)
    partial_fill_pause: Ns = 2_700 * MS
    participation: Decimal | None = None  # share of displayed size one account may take
    trade_through: bool = False  # a print beyond a resting limit fills it at its limit
    lookahead: Ns = 60_000_000_000  # how far ahead of the clock resting orders are searched

    sibling_cancel_event: bool = False
    pending_cancel_event: bool = False  # "most cancels happen without"
    cancel_rejected_event: bool = False  # when a fill wins against a cancel
    event_reasons: bool = False  # `reason` in events, as Alpaca sends it to brokers
    stop_replaces_target: bool = True
    replace_carries_filled_qty: bool = True
    replacement_takes_legs: bool = True  # of an entry; False: only the replaced order shows them
    # Lumibot's form of an OCO: `limit_price` and `stop_price` beside the legs. False refuses it.
    oco_prices_beside_legs: bool = True
    held_listed_open: bool = False  # legs that wait are not in `status=open`

    day_trading_rule: bool = False  # the rule that ended in June 2026 (40310100)
    max_open_orders: int | None = None
    max_position_ratio: Decimal = Decimal(6)  # beyond this x equity: liquidation only
    limit_away_factor: Decimal | None = Decimal(10)  # absurd limits are rejected later
    crypto_order_max: Decimal = Decimal(200_000)
    crypto_order_min: Decimal = Decimal(1)
    crypto_collar: Decimal = Decimal("0.02")
    crypto_taker_fee: Decimal = Decimal("0.0025")
    crypto_maker_fee: Decimal = Decimal("0.0015")
    crypto_fees_daily: bool = False  # CFEE rows by pair at the end of the day
    taf_per_share: Decimal = Decimal(0)  # of sales; paper charges no regulatory fees
    sec_per_dollar: Decimal = Decimal(0)  # of sales
    cat_per_share: Decimal = Decimal(0)

    # Of contracts: ORF and OCC on both sides, TAF of sales, CAT; paper charges none.
    orf_per_contract: Decimal = Decimal(0)
    occ_per_contract: Decimal = Decimal(0)
    occ_contracts_max: int = 2750  # of one execution; beyond it the OCC's fee is flat
    option_taf_per_contract: Decimal = Decimal(0)
    option_cat_per_contract: Decimal = Decimal(0)

    options_level: int = 3  # approved; paper accounts start so
    option_qty_max: int | None = None  # of one order; Alpaca has such limits, unpublished
    option_notional_max: Decimal | None = None
    option_expiring_today_max: int | None = None
    option_risk_close: bool = True  # the broker closes what expires and cannot be borne
    option_row_delay: Ns = 86_400_000_000_000  # of exercise, assignment, expiry; live: 0
    early_assignment_share: Decimal = Decimal(0)  # of short contracts in the money, each night
    mleg_improvement: Decimal = Decimal("0.25")  # part of the way to the middle
    mleg_submit_disabled: bool = False  # switches on Alpaca's side
    mleg_cancel_disabled: bool = False
    mleg_replace_disabled: bool = False
    option_replace_forgets_itself: bool = False  # a replace is refused for its own contracts
    option_off_grid_rejected: bool = True  # two decimals off the grid: rejected after the 200

    event_buffer: int = 10_000  # frames kept for `events_since`, some 4 kB each


class FaultKind(StrEnum):
    """Order-level misbehaviour that can be ordered with `Exchange.inject`."""

    WRONG_FILLED_PRICE = "wrong_filled_price"
    PARTIAL_THEN_CANCEL = "partial_then_cancel"
    CANCEL_LOST = "cancel_lost"
    REPLACE_RACE = "replace_race"
    STUCK_PENDING_CANCEL = "stuck_pending_cancel"
    ACCEPTED_THEN_REJECTED = "accepted_then_rejected"
    FILLED_WITHOUT_QTY = "filled_without_qty"
    QTY_REDUCED = "qty_reduced"


@dataclass(slots=True)
class OrderFault:
    """Strike the next `count` matching orders. `symbol` and `account_id` None match any.

    `factor`: wrong_filled_price shows the order's average price times it (executions, account
    and activities keep the true one); partial_then_cancel fills that share of the quantity;
    qty_reduced leaves that share of what the first execution filled.
    `delay` in nanoseconds: accepted_then_rejected waits so long after `new` (0: instead of it),
    stuck_pending_cancel lets go after it (0: never).
    """

    kind: FaultKind
    symbol: str | None = None
    account_id: str | None = None
    count: int = 1
    factor: Decimal | None = None
    delay: Ns = 0

    def matches(self, account_id: str, symbol: str) -> bool:
        return (
            self.count > 0
            and self.symbol in (None, symbol)
            and self.account_id in (None, account_id)
        )
