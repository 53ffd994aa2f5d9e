"""Trades for people: the list, one in full, its executions and lots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from execbot.cli.show.amounts import counted, fee, fixed, in_cents, money, price
from execbot.cli.show.order_views import when
from execbot.cli.show.output import Cell, Table
from execbot.desk.look.trade_json import neat
from execbot.desk.look.trades import Levels, RoundTrip, Trade
from execbot.model.amounts import level_words, price_words, signed
from execbot.model.numbers import ZERO, text
from execbot.model.symbols import is_in_dollars
from execbot.model.times import show_age

ID_SHOWN = 8
"""Of an id its end: `trades show` takes it."""

_BPS_DIGITS = 1
_NUMERIC = frozenset(
    {"qty", "entry", "exit", "gross", "fees", "net", "R", "worst R", "best R", "in bps", "out bps"}
    | {"price", "held", "fee", "in", "out"}
)
_COLUMNS = (
    *("id", "symbol", "side", "qty", "opened (ET)", "entry", "exit", "held", "gross", "fees"),
    *("net", "R", "worst R", "best R", "in bps", "out bps", "strategy", "ended by"),
)
_DROP = (
    *("in bps", "out bps", "worst R", "best R", "gross", "fees", "strategy", "opened (ET)"),
    *("held", "entry"),
)


def r_cell(value: Decimal | None) -> Cell | None:
    if value is None:
        return None
    shown = signed(value)
    return Cell(shown, shown)


def bps_cell(value: Decimal | None) -> Cell | None:
    if value is None:
        return None
    shown = fixed(value, _BPS_DIGITS)
    return Cell(shown, shown)


def trades_table(trades: Iterable[Trade]) -> Table:
    return Table(
        _COLUMNS,
        [_row(trade) for trade in trades],
        _NUMERIC,
        empty="No trades. Those of the last 30 days are shown; --since asks for older ones.",
        drop=_DROP,
    )


def _row(trade: Trade) -> Sequence[object]:
    trip, seen = trade.trip, trade.excursion
    held = trip.holding
    return (
        Cell(trip.id, trip.id[-ID_SHOWN:]),
        _symbol(trip),
        trip.side.value,
        text(trip.entered),
        when(trip.opened_at),
        price(neat(trip.entry_price)),
        price(neat(trip.exit_price)),
        "open" if held is None else show_age(int(held.total_seconds())),
        money(neat(trip.gross)),
        None if trip.fees is None else fee(trip.fees.amount, estimated=trip.fees.estimated),
        money(neat(trip.net)),
        r_cell(neat(trade.r)),
        r_cell(None if seen is None else seen.worst_r),
        r_cell(None if seen is None else seen.best_r),
        bps_cell(trade.cost_in.bps),
        bps_cell(trade.cost_out.bps),
        trade.strategy,
        _ended(trade),
    )


def _symbol(trip: RoundTrip) -> str:
    """A structure is told from its underlying."""
    return f"{trip.symbol} ({len(trip.legs)} legs)" if trip.legs else trip.symbol


def _ended(trade: Trade) -> str:
    trip = trade.trip
    if not trip.is_open:
        return words_of(str(trade.ending or "-"))
    return "open" if abs(trip.qty) == trip.entered else f"open, {text(abs(trip.qty))} left"


def words_of(ending: str) -> str:
    """`close_of_day` as people say it."""
    return ending.replace("_", " ")


def trades_line(trades: Sequence[Trade]) -> str:
    """What they add up to."""
    if not trades:
        return ""
    trades = [trade for trade in trades if is_in_dollars(trade.trip.symbol)]
    closed = [trade for trade in trades if not trade.trip.is_open]
    gross = sum((trade.trip.gross for trade in trades), ZERO)
    net = sum((trade.trip.net for trade in trades), ZERO)
    wins = sum(1 for trade in closed if trade.is_win)
    return (
        f"{counted(len(trades), 'trade')}: {len(closed)} closed ({wins} won), "
        f"{len(trades) - len(closed)} open. Realized {in_cents(gross)}, net {in_cents(net)}."
    )


# --- one trade ---------------------------------------------------------------------------------


def story(trade: Trade) -> list[str | Table]:
    """What there is to say of one, a line each."""
    trip = trade.trip
    rows: list[tuple[str, object]] = [
        ("trade", trip.id),
        ("position", f"{trip.side} {text(trip.entered)} {trip.symbol}"),
        *((f"leg {leg.symbol}", _leg(leg)) for leg in trip.legs),
        ("opened (ET)", when(trip.opened_at)),
        ("closed (ET)", when(trip.closed_at)),
        ("entry price", price(neat(trip.entry_price))),
        ("exit price", price(neat(trip.exit_price))),
        ("still held", text(trip.qty) if trip.is_open else None),
        ("gross", money(neat(trip.gross))),
        ("gross by FIFO", money(neat(trip.gross_fifo))),
        (
            "fees",
            None if trip.fees is None else fee(trip.fees.amount, estimated=trip.fees.estimated),
        ),
        ("net", money(neat(trip.net))),
        ("R", r_cell(neat(trade.r))),
        ("at risk", _risk(trade)),
        ("worst, best", _excursion(trade)),
        ("strategy", trade.strategy),
        ("signal strength", trade.strength),
        ("asked for", _levels(trip, trade.asked)),
        ("stood at", _levels(trip, trade.stood)),
        ("ended by", ", ".join(f"{text(e.qty)}: {words_of(str(e))}" for e in trade.endings)),
        ("cost in", _cost(trade.cost_in.bps, trade.cost_in.usd)),
        ("cost out", _cost(trade.cost_out.bps, trade.cost_out.usd)),
        *((f"split {split.at:%Y-%m-%d}", f"{split.ratio:f} for 1") for split in trip.splits),
    ]
    known = [(what, value) for what, value in rows if value is not None and value != ""]
    return [Table(("what", "value"), known, title="Trade")]


def _leg(leg: RoundTrip) -> str:
    """`short 2 at 1.20, out at 0.40, gross 160.00`."""
    out = "" if leg.exit_price is None else f", out at {price(neat(leg.exit_price))}"
    said = f"{leg.side} {text(leg.entered)} at {price(neat(leg.entry_price))}{out}"
    return f"{said}, gross {in_cents(leg.gross)}"


def _priced_as(trip: RoundTrip) -> str:
    """Whose decimals its prices have: a structure bears the name of its underlying, and its net
    prices are those of contracts."""
    return trip.legs[0].symbol if trip.legs else trip.symbol


def _risk(trade: Trade) -> str | None:
    risk = trade.risk
    if risk is None:
        return None
    if risk.stop is None:
        return f"{in_cents(risk.usd)}, the largest loss"
    late = "" if risk.source.value == "entry" else ", given after the entry"
    stop = price_words(risk.stop, _priced_as(trade.trip))
    return f"{in_cents(risk.usd)} to the stop at {stop}{late}"


def _excursion(trade: Trade) -> str | None:
    seen = trade.excursion
    if seen is None:
        return None
    in_r = ""
    if seen.worst_r is not None and seen.best_r is not None:
        in_r = f" ({signed(seen.worst_r)} R, {signed(seen.best_r)} R)"
    found = (neat(price) or price for price in (seen.worst, seen.best))
    prices = ", ".join(price_words(price, _priced_as(trade.trip)) for price in found)
    return f"{prices}{in_r}, at least, by {seen.seen_by}"


def _levels(trip: RoundTrip, levels: Levels) -> str | None:
    symbol = _priced_as(trip)
    words = [f"stop {level_words(levels.stop, symbol)}"] if levels.stop else []
    words += [f"trail {levels.trail}"] if levels.trail else []
    words += [f"target {level_words(target, symbol)}" for target in levels.targets]
    return ", ".join(words) or None


def _cost(bps: Decimal | None, usd: Decimal | None) -> str | None:
    if bps is None or usd is None:
        return None
    return f"{fixed(bps, _BPS_DIGITS)} bps, {in_cents(usd)} USD (plus = worse)"


def parts_table(trade: Trade) -> Table:
    rows = [
        (
            when(part.at),
            part.side.value,
            text(part.qty),
            price(part.price),
            text(part.held),
            money(neat(part.gross)) if not part.opens and part.is_trade else None,
            None if part.fee is None else fee(part.fee.amount, estimated=part.fee.estimated),
            part.booked_as or part.client_order_id,
        )
        for part in trade.trip.parts
    ]
    columns = ("time (ET)", "side", "qty", "price", "held", "gross", "fee", "order")
    return Table(columns, rows, _NUMERIC, title="Executions", drop=("order",))


def lots_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Lots as `lot_json` has them."""
    cells = [
        (
            row["symbol"],
            row["side"],
            text(row["qty"]),
            when(row["opened_at"]),
            when(row["closed_at"]),
            price(row["price_in"]),
            price(row["price_out"]) if row["is_sale"] else "no sale",
            money(row["gross_pl"]),
            fee(row["fees"], estimated=row["fees_estimated"]),
            money(row["net_pl"]),
            row["trade_id"],
        )
        for row in rows
    ]
    columns = (
        *("symbol", "side", "qty", "opened (ET)", "closed (ET)", "in", "out", "gross", "fees"),
        *("net", "trade"),
    )
    empty = "No lots were closed. Those of the last 30 days are shown; --since asks for more."
    return Table(
        columns, cells, _NUMERIC, empty=empty, title="Lots, FIFO", drop=("trade", "side", "fees")
    )
