"""The steps of the guided check, in their order. Each does one thing by the same functions as the
commands, and returns in words how the broker has proven it. Raises NotProven, and what those
functions raise."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.desk.closing import Part, close
from execbot.desk.exit_plans import move
from execbot.desk.exit_words import levels_asked
from execbot.desk.look.market_state import market_state
from execbot.desk.operate.selftest.course import (
    HALF,
    PATIENCE_SECONDS,
    Course,
    NotProven,
    SelftestRefused,
    is_stop_at,
)
from execbot.desk.placing import place, prepare
from execbot.desk.reconciling import reconcile
from execbot.exits.plan.wishes import Wishes
from execbot.market.sessions import Session
from execbot.model.amounts import money_words, price_words
from execbot.model.enums import OrderType, Side, TimeInForce
from execbot.model.numbers import ZERO, text
from execbot.model.order import OrderRequest
from execbot.model.order_ids import new_client_order_id

MINUTES_MIN = 10.0
"""So long the session must last still: nothing of this may stay open over night."""

STOP_PCT, MOVED_PCT = Decimal(3), Decimal(4)
"""Far enough that the price does not meet it by chance within the minute that all this takes."""

CENT = Decimal("0.01")
ONE = Decimal(1)
STRATEGY = "selftest"


class Step(Struct, frozen=True):
    """`asks` says what is about to be sent; empty for what only reads."""

    name: str
    do: Callable[[Course], str]
    asks: str = ""


def account(course: Course) -> str:
    """The account may trade, and has no other business in the way."""
    found = course.broker.get_account()
    blocked = found.trading_blocked or found.account_blocked or found.trade_suspended_by_user
    if blocked or found.status.upper() != "ACTIVE":
        raise SelftestRefused(f"The account may not trade: {found.status}")
    power = "not known" if found.buying_power is None else money_words(found.buying_power)
    return f"{found.account_number} is active, buying power {power}"


def session(course: Course) -> str:
    """The regular session is open, by our calendar and by the broker's clock."""
    stocks = market_state(course.desk, holidays=0).stocks
    if not stocks.is_open or stocks.session is not Session.REGULAR:
        raise SelftestRefused(
            "The regular session is not open: nothing was sent",
            next_step="execbot market says when it opens.",
        )
    left = stocks.minutes_to_close
    if left is not None and left < MINUTES_MIN:
        raise SelftestRefused(f"The session ends in {left:.0f} minutes: too late to begin")
    return "regular, by calendar and clock" + ("" if left is None else f", {left:.0f} minutes left")


def choose(course: Course) -> str:
    """A symbol that trades, is not held, and costs little enough."""
    why = []
    for symbol in course.symbols:
        course.symbol = symbol
        try:
            reason = _unfit(course)
        except BrokerError as error:
            reason = error.message
        if not reason:
            return f"{symbol}: {_size(course)} may cost {money_words(course.worst)} USD at most"
        why.append(f"{symbol}: {reason}")
    raise SelftestRefused(
        f"No symbol is fit for it: {'; '.join(why)}", next_step="Name another one: --symbol"
    )


def _size(course: Course) -> str:
    if course.qty == 1:
        return "1 share"
    return f"{text(course.qty)} shares (the broker takes no fractions of it)"


def _unfit(course: Course) -> str:
    """Why this symbol is not taken; empty where it is. Raises BrokerError."""
    asset = course.broker.get_asset(course.symbol)
    if not asset.tradable:
        return "not tradable"
    # One share, half of it closed first; where there are no halves, two of them.
    course.qty, course.part = (ONE, HALF) if asset.fractionable else (2 * ONE, ONE)
    if course.held() != ZERO or course.open_orders():
        return "held already, or ordered"
    quote = course.broker.latest_quote(course.symbol)
    if quote is None or not quote.bid or not quote.ask or quote.ask < quote.bid:
        return "no quote"
    # What is lost where the stop is met at once: the spread twice over, and the way to the stop.
    spread = quote.ask - quote.bid
    cost = course.qty * (2 * spread + quote.ask * MOVED_PCT / 100)
    course.worst = cost.quantize(CENT)
    limit = course.max_cost
    if cost <= limit:
        return ""
    return f"may cost {money_words(course.worst)} USD, more than {money_words(limit)}"


def buy(course: Course) -> str:
    """Bought with a stop, in one order."""
    request = OrderRequest(
        symbol=course.symbol,
        side=Side.BUY,
        type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        qty=course.qty,
        client_order_id=new_client_order_id(course.desk.now()),
        strategy_id=STRATEGY,
    )
    stop = levels_asked(f"{STOP_PCT}%", ()).stop
    draft = prepare(course.desk, request, Wishes(stop=stop), tif_is_given=False)
    course.has_bought = True  # from here on the way out looks at what is held
    sent = place(course.desk, draft, wait_seconds=PATIENCE_SECONDS)
    course.until(lambda: course.held() == course.qty, f"{text(course.qty)} held")
    course.until(
        lambda: is_stop_at(course.stops(), course.qty), f"one stop for {text(course.qty)} shares"
    )
    order = course.broker.get_order_by_client_id(sent.record.client_order_id)
    course.entry = order.filled_avg_price or ZERO
    price = course.stops()[0].stop_price
    bought, guarded = price_words(course.entry), price_words(price or ZERO)
    return f"bought {text(course.qty)} at {bought}; stop at {guarded}"


def move_stop(course: Course) -> str:
    """The stop is moved, and nothing stands twice."""
    price = (course.entry * (100 - MOVED_PCT) / 100).quantize(CENT, ROUND_DOWN)
    move(course.desk, course.symbol, levels_asked(str(price), ()))
    course.until(
        lambda: is_stop_at(course.stops(), course.qty, price), f"the stop at {price_words(price)}"
    )
    return f"one stop, for all that is held, now at {price_words(price)}"


def close_part(course: Course) -> str:
    """A part is sold, and the rest keeps its stop."""
    left = course.qty - course.part
    close(course.desk, course.symbol, Part(qty=course.part), wait_seconds=PATIENCE_SECONDS)
    course.until(lambda: course.held() == left, f"{text(left)} held")
    course.until(lambda: is_stop_at(course.stops(), left), f"one stop for {text(left)}")
    return f"{text(left)} held, one stop for it"


def close_rest(course: Course) -> str:
    """Nothing is held, and nothing stands that could open a position."""
    close(course.desk, course.symbol, wait_seconds=PATIENCE_SECONDS)
    course.until(
        lambda: course.held() == ZERO and not course.open_orders(), "nothing held, nothing open"
    )
    return "nothing is held, no order is open"


def books(course: Course) -> str:
    """Journal and broker tell the same."""
    found = reconcile(course.desk)
    mine = [item for item in found.result.breaks if course.symbol in str(item.subject)]
    if mine:
        raise NotProven(f"wanted no breaks; {mine[0].kind} {mine[0].subject}: {mine[0].cause}")
    held = course.desk.journal.position(course.symbol)
    if held is not None and held.qty != ZERO:
        raise NotProven(f"wanted nothing held in the journal; {text(held.qty)} are")
    fills = course.desk.journal.fills(since=course.proofs[0].at, symbol=course.symbol)
    return f"no breaks; executions of {course.symbol} in the journal since: {len(fills)}"


STEPS: tuple[Step, ...] = (
    Step("account", account),
    Step("session", session),
    Step("symbol", choose),
    Step("buy with a stop", buy, "Buy {qty} {symbol} with a stop"),
    Step("move the stop", move_stop, "Move the stop of {symbol}"),
    Step("close a part", close_part, "Sell {part} {symbol}"),
    Step("close the rest", close_rest, "Sell the rest of {symbol}"),
    Step("reconcile", books),
)
