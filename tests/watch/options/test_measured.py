"""Goal: what contracts cost is measured against the quote that was seen when it was decided, leg by
leg, on the way in and out; and not at all where nobody saw one.

Method: the simulated world; the exchange's own quotes at the moment of each decision are the judge.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace
from support.contracts import natural, vertical
from support.signal_trader import SignalTrader, open_trader
from support.world import World
from watch.options.test_contract_protected import bought, protect
from watch.options.test_structures_kept import closings, opened, with_spread

from execbot.exits.structures.plan import StructurePlan, UnderlyingStop, save_structure
from execbot.journal.confirmation import ArrivalBasis, Confirmation, ExecutionVerdict
from execbot.market.calendar_cache import load_table
from execbot.model.options.spreads import spread_request
from execbot.model.symbols import is_option
from execbot.quality.confirmer import Confirmer
from execbot.watch.core import inputs
from execbot.watch.core.jobs import Note
from execbot.watch.feed import PolledFeed

D = Decimal


def confirmed(world: World) -> dict[str, list[Confirmation]]:
    """By symbol, in their order."""
    table = load_table()
    confirmer = Confirmer(
        world.desk.journal, world.desk.client, world.settings, lambda at: table, world.now
    )
    confirmer.take_in(batches=20)
    found: dict[str, list[Confirmation]] = {}
    for item in world.desk.journal.confirmations():
        found.setdefault(item.symbol, []).append(item)
    return found


def is_measured(item: Confirmation) -> bool:
    """By a quote of that moment, and the cost follows from it."""
    quote, cost = item.arrival.quote, item.cost
    assert item.arrival.basis is ArrivalBasis.QUOTE and quote is not None and cost is not None
    assert item.arrival.price == (quote.bid + quote.ask) / 2 and item.price is not None
    each = (item.price - item.arrival.price) * item.side.sign
    assert abs(cost.usd - each * item.filled_qty * 100) < D("0.005")
    assert abs(each) <= (quote.ask - quote.bid) / 2 + D("0.02")
    return not item.arrival.unmeasured


def test_each_leg_of_a_structure_has_the_quote_of_its_decision(tmp_path: Path) -> None:
    world = opened(tmp_path)
    held = with_spread(world, days=14)
    plan = StructurePlan(
        "structure-1", "AAPL", {s: D(q) / 2 for s, q in held.items()}, world.now(), D("1.30")
    )
    stop = UnderlyingStop(D(10_000), True)
    save_structure(world.desk.journal, replace(plan, underlying_stop=stop), world.now())
    world.run(120)
    assert len(closings(world)) == 1 and world.desk.positions_there() == {}
    found = confirmed(world)
    assert found.keys() == held.keys()
    for items in found.values():
        assert [is_measured(item) for item in items] == [True, True], items
        assert [finding.kind for item in items for finding in item.findings] == []
        assert [item.verdict for item in items] == [ExecutionVerdict.CONFIRMED] * 2
        assert {item.position.source for item in items if item.position} == {"stream"}


def test_an_exit_that_watch_decides_has_the_quote_that_watch_saw(tmp_path: Path) -> None:
    """A target that is watched beside a stop: it is left at a limit by the quote."""
    world = opened(tmp_path)
    symbol = bought(world)
    quote = world.desk.client.latest_quote(symbol)
    assert quote is not None
    protect(world, symbol, D(1), quote.ask + D("0.50"))
    last = world.desk.client.latest_trade("AAPL")
    assert last is not None
    world.price("AAPL", str((last.price + 6).quantize(D("0.01"))))
    feed = PolledFeed(world.desk.client, 60)

    def polled(prices: Iterable[inputs.Price]) -> Iterable[inputs.Input | Note]:
        feed.ask([symbol])
        return [*prices, *feed.drain()]

    world.see = polled
    world.run(15)
    assert world.desk.positions_there() == {}
    entry, *exits = confirmed(world)[symbol]
    assert is_measured(entry) and exits
    out = exits[-1]
    assert out.arrival.quote is not None and out.cost is not None, out.arrival
    assert out.arrival.quote.bid > quote.ask, "of the later moment"


def test_what_is_closed_by_hand_is_not_held_up_and_not_measured(tmp_path: Path) -> None:
    world = opened(tmp_path)
    symbol = bought(world)
    asked = world.requests
    world.desk.oms.close(symbol, client_order_id="by-hand")
    assert world.requests - asked <= 5
    world.run(5)
    [_, out] = confirmed(world)[symbol]
    assert (out.client_order_id, out.arrival.unmeasured, out.cost) == ("by-hand", "no_quote", None)


def legs_unheard(path: Path, at: str, days: int) -> tuple[SignalTrader, Confirmer]:
    """A spread that fills while nobody hears the stream: its rows tell of the legs, and nothing of
    the positions."""
    sim = {"at": at, "exchange": {"option_risk_close": False}}
    trader = open_trader(path, sim=sim, max_position_size_pct=D(50), options={"min_days": 0})
    desk, table = trader.desk, load_table()
    legs = vertical(desk, days=days)
    trader.placer.place(spread_request(legs, D(1), natural(desk, legs) + D("0.10")))
    desk.sleep(60)
    desk.oms.gap_fill()
    assert len(desk.positions_there()) == 2
    confirmer = Confirmer(desk.journal, desk.client, trader.settings, lambda at: table, desk.now)
    confirmer.take_in(batches=20)
    return trader, confirmer


def verdicts(trader: SignalTrader) -> set[tuple[str, tuple[str, ...]]]:
    return {(str(c.verdict), c.why_unverified) for c in trader.desk.journal.confirmations()}


def test_legs_that_no_frame_told_of_are_confirmed_by_the_brokers_list(tmp_path: Path) -> None:
    trader, confirmer = legs_unheard(tmp_path, "2026-10-08 10:00", days=8)
    assert verdicts(trader) == {("unverified", ("position_not_read",))}
    trader.desk.sleep(5)
    assert len(confirmer.look_up(6)) == 2
    assert verdicts(trader) == {("confirmed", ())}


def test_a_leg_that_expired_before_it_was_looked_at_is_no_difference(tmp_path: Path) -> None:
    """The list has it no more, and the row that says why comes the next day."""
    trader, confirmer = legs_unheard(tmp_path, "2026-10-09 10:00", days=0)
    trader.until("2026-10-09 18:30")
    assert not any(map(is_option, trader.desk.positions_there()))
    confirmer.look_up(6)
    assert verdicts(trader) == {("unverified", ("position_not_read",))}
    trader.until("2026-10-10 15:00")
    assert trader.desk.oms.reconcile().breaks == ()
    confirmer.look_up(6)
    assert "differs" not in {verdict for verdict, _ in verdicts(trader)}
