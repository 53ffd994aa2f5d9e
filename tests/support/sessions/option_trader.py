"""The trader of a session with options: what is opened, protected, closed, rolled and exercised.

Each act is a command of its own. It may be killed at one of its next requests; what it had begun
then stands in the journal and at the broker.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, TypeVar

from execbot.desk.account import Desk as Account
from execbot.desk.options import exercising, held_apart, protecting, structures
from execbot.exits.levels import LevelKind, LevelSpec, parse_level
from execbot.exits.plan.wishes import Wishes, in_equal_parts
from execbot.journal.errors import JournalError
from execbot.model.account import Position
from execbot.model.enums import OrderType, Side
from execbot.model.errors import ExecbotError
from execbot.model.flags import flags_of
from execbot.model.options.contract import Contract, ContractQuery
from execbot.model.options.grid import on_grid
from execbot.model.options.legs import Leg
from execbot.model.options.spreads import spread_request
from execbot.model.order import OrderRequest
from execbot.model.symbols import is_option
from execbot.oms.place.entry_plans import asked_by_submit
from execbot.oms.place.held_plans import HeldPlanner
from execbot.oms.place.placer import Placer
from execbot.sim.types import ApiError
from support.desk import desk_journal
from support.harness.killed import Killed

if TYPE_CHECKING:
    from support.sessions.option_session import OptionSession

D = Decimal
T = TypeVar("T")
STEPS = 3
"""Strikes on each side of the price that are traded."""


class NothingThere(Exception):
    """There is nothing that this act could be done with."""


Shape = tuple[tuple[str, Side, int], ...]
SHAPES: tuple[Shape, ...] = (
    (("C", Side.BUY, 0), ("C", Side.SELL, 1)),
    (("C", Side.SELL, 0), ("C", Side.BUY, 1)),
    (("P", Side.SELL, 0), ("P", Side.BUY, -1)),
    (("P", Side.BUY, 0), ("P", Side.SELL, -2)),
    (("P", Side.BUY, -2), ("P", Side.SELL, -1), ("C", Side.SELL, 1), ("C", Side.BUY, 2)),
)
"""Debit and credit spreads and a condor: right, side, strikes above the middle."""


@dataclass
class OptionTrader:
    """`done` counts what came to its end, `refused` why the rest did not."""

    session: OptionSession
    rng: random.Random
    days: int
    """To the expiry that is traded, at least."""
    chain: dict[str, list[Contract]] = field(default_factory=dict)
    names: int = 0
    done: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    """What was asked for that no order shows."""
    with_exits: list[str] = field(default_factory=list)
    """Orders of spreads that were given with exits."""

    def read_chain(self, *, is_single: bool) -> None:
        """Contracts of one expiry around the price, by right and strike; or one contract alone."""
        client, today = self.session.world.desk.client, self.session.world.now().date()
        price = self.session.price
        for right in "CP":
            first, last = today + timedelta(self.days), today + timedelta(self.days + 12)
            query = ContractQuery("AAPL", first, last, price - 20, price + 20, right == "C")
            found = client.get_contracts(query)
            day = min(one.expires for one in found)
            same = sorted((c for c in found if c.expires == day), key=lambda c: c.strike)
            middle = min(range(len(same)), key=lambda i: abs(same[i].strike - price))
            self.chain[right] = same[middle - STEPS : middle + STEPS + 1]
        if is_single:
            one = self.rng.choice(self.chain[self.rng.choice("CP")])
            self.chain = {right: [one] for right in "CP"}

    # --- a command ---------------------------------------------------------------------------

    def act(self, name: str, what: Callable[[Account], None]) -> None:
        """Carry one command out, in a process that may die midway. `watch` could act meanwhile, but
        for the one thread of this world: how long a command takes is counted for nobody."""
        world = self.session.world
        began, hung = world.ns, world.hung
        world.witness.is_paused = True
        try:
            with self._process() as account:
                what(account)
        except (ExecbotError, Killed, sqlite3.ProgrammingError, NothingThere) as error:
            kind = str(getattr(error, "kind", "") or type(error).__name__)
            self.refused[f"{name}: {kind}"] = self.refused.get(f"{name}: {kind}", 0) + 1
        else:
            self.done[name] = self.done.get(name, 0) + 1
        finally:
            world.journal_changed, world.witness.is_paused = True, False
            world.hung = hung + world.ns - began

    @contextmanager
    def _process(self) -> Iterator[Account]:
        world, session = self.session.world, self.session
        if self.rng.random() >= 0.15:
            yield world.process()
            return
        journal = desk_journal(world.desk.path / "journal.db")
        session.adder = journal
        session.adder_dies_at = world.requests + self.rng.randint(1, 14)
        try:
            yield world.process(journal)
        finally:
            session.adder = None
            with suppress(JournalError, sqlite3.ProgrammingError):
                journal.close()

    def _name(self, what: str) -> str:
        self.names += 1
        return f"{what}-{self.names}"

    # --- opening -----------------------------------------------------------------------------

    def open_one(self, account: Account) -> None:
        """A bought contract: at the ask, below it, or at market."""
        contract = self._one_of(self.chain[self.rng.choice("CP")])
        self._single(account, contract, Side.BUY, "open")

    def sell_one(self, account: Account) -> None:
        """A put against cash, or a call against shares."""
        right = self.rng.choice("CP") if self.session.world.witness.qty() >= 100 else "P"
        self._single(account, self._one_of(self.chain[right]), Side.SELL, "short")

    def buy_shares(self, account: Account) -> None:
        request = OrderRequest("AAPL", Side.BUY, qty=D(100), client_order_id=self._name("shares"))
        Placer(account.oms, account.risk).place(request)

    def _single(self, account: Account, contract: Contract, side: Side, name: str) -> None:
        quote = account.client.latest_quote(contract.symbol)
        assert quote is not None
        near = quote.ask if side is Side.BUY else quote.bid
        away = self.rng.choice((D(0), D(0), D("0.10"), D("-0.15")))
        limit = on_grid(contract, max(near - away * side.sign, D("0.05")), up=side is Side.BUY)
        is_market = self.rng.random() < 0.2
        request = OrderRequest(
            contract.symbol,
            side,
            qty=D(self.rng.randint(1, 3)),
            type=OrderType.MARKET if is_market else OrderType.LIMIT,
            limit_price=None if is_market else limit,
            client_order_id=self._name(name),
        )
        flags = flags_of(short=side is Side.SELL)
        Placer(account.oms, account.risk).place(request, flags=flags)

    def open_spread(self, account: Account) -> None:
        shape, step = self.rng.choice(SHAPES), self.rng.choice((-1, 0, 0, 1))
        legs = []
        for right, side, away in shape:
            if not self.chain[right]:
                raise NothingThere
            at = min(max(STEPS + away + step, 0), len(self.chain[right]) - 1)
            legs.append(Leg(self.chain[right][at].symbol, side, 1, True))
        with_exits = self.rng.random() < 0.4
        self._spread(account, tuple(legs), self.rng.randint(1, 2), "spread", with_exits=with_exits)

    def _spread(
        self,
        account: Account,
        legs: tuple[Leg, ...],
        units: int,
        name: str,
        *,
        with_exits: bool = False,
    ) -> None:
        quotes = account.client.latest_quotes([leg.symbol for leg in legs])
        if any(leg.symbol not in quotes for leg in legs):
            raise NothingThere
        natural = sum(
            (leg.signed * (quotes[leg.symbol].ask if leg.side is Side.BUY
             else quotes[leg.symbol].bid) for leg in legs),
            D(0),
        )  # fmt: skip
        net = natural + self.rng.choice((D("0.10"), D("0.05"), D(0), D("-0.10")))
        request = spread_request(legs, D(units), net, client_order_id=self._name(name))
        placer = Placer(account.oms, account.risk)
        if not with_exits:
            placer.place(request)
            return
        self.with_exits.append(request.client_order_id)
        stop, target = self.rng.choice(("5%", "30%", "90%")), self.rng.choice(("5%", "40%"))
        targets = in_equal_parts([parse_level(target)] if self._half() else [])
        wishes = Wishes(parse_level(stop), targets=targets)
        asked = asked_by_submit(self.session.world.settings, request, wishes, is_watched=True)
        prepared = placer.prepare(request, asked)
        placer.place(prepared.entry, checked=prepared.checked)

    # --- protecting ----------------------------------------------------------------------------

    def protect_one(self, account: Account) -> None:
        """A stop at the broker, and perhaps a target beside it."""
        position = self._any(account.client.get_positions(), lambda p: is_option(p.symbol))
        price = position.current_price or D(1)
        sign = 1 if position.qty > 0 else -1
        stop = self._level(price * (1 - sign * D(self.rng.choice(("0.05", "0.2", "0.5")))))
        target = self._level(price * (1 + sign * D(self.rng.choice(("0.08", "0.4")))))
        wishes = Wishes(
            stop=LevelSpec(LevelKind.PRICE, stop),
            targets=((LevelSpec(LevelKind.PRICE, target), D(100)),) if self._half() else (),
        )
        world = self.session.world
        planner = HeldPlanner(account.client, account.journal, world.settings, world.now)
        planner.protect(position.symbol, position, wishes, far=True)

    def protect_all(self, account: Account) -> None:
        """Levels for what stands together, or for some of it; sometimes on the stock's price."""
        names = self._names_of_structure(account)
        structure = structures.structure_of(account, names)
        worth = structure.worth
        if worth is None:
            return
        step = max(abs(worth) * D(self.rng.choice(("0.01", "0.04", "0.2"))), D("0.03"))
        stop, target = worth - step, worth + step
        sign = -1 if (structure.paid or D(0)) < 0 else 1
        levels = protecting.Levels(
            stop=self._cents(stop * sign) if stop * sign > 0 and self.rng.random() < 0.8 else None,
            target=self._cents(target * sign) if target * sign > 0 and self._half() else None,
            underlying_stop=self._cents(self.session.price - 1) if self._half() else None,
        )
        part = self.rng.randint(1, structure.units) if self.rng.random() < 0.3 else None
        protecting.protect_structure(account, names, levels, part)

    def unprotect_all(self, account: Account) -> None:
        protecting.unprotect_structure(account, ["AAPL"])

    def _names_of_structure(self, account: Account) -> list[str]:
        found = structures.structure_of(account, ["AAPL"])
        if len(found.positions) <= 4 and self.rng.random() < 0.7:
            return ["AAPL"]
        if self._half():
            found = self.rng.choice(held_apart.apart(account, found))
            return [p.symbol for p in found.positions]
        held = [p.symbol for p in found.positions]
        return self.rng.sample(held, min(len(held), self.rng.randint(1, 4)))

    # --- leaving -------------------------------------------------------------------------------

    def close_one(self, account: Account) -> None:
        position = self._any(account.client.get_positions(), lambda p: True)
        part = D(1) if is_option(position.symbol) and self._half() else None
        account.oms.close(position.symbol, qty=part, client_order_id=self._name("close"))

    def close_all(self, account: Account) -> None:
        """A structure, or a unit of it, as one order."""
        structure = structures.structure_of(account, self._names_of_structure(account))
        units = 1 if self._half() else None
        request = structures.closing_request(
            structure, None, units, client_order_id=self._name("leave")
        )
        Placer(account.oms, account.risk).place(request)

    def roll(self, account: Account) -> None:
        """A vertical is closed and one a strike further opened, in one order."""
        structure = structures.structure_of(account, ["AAPL"])
        legs = structures.closing_legs(structure)
        if len(legs) != 2:
            return
        chains = {c.symbol: (right, i) for right in "CP" for i, c in enumerate(self.chain[right])}
        further = []
        for leg in legs:
            right, at = chains.get(leg.symbol, ("", 0))
            if at + 1 >= len(self.chain.get(right, ())):
                raise NothingThere
            further.append(Leg(self.chain[right][at + 1].symbol, leg.side.opposite, leg.ratio))
        self._spread(account, (*legs, *further), 1, "roll")

    def exercise(self, account: Account) -> None:
        """What is bought and in the money becomes shares; on the last day some is abandoned."""
        position = self._any(account.client.get_positions(), lambda p: is_option(p.symbol))
        abandons = self._half()
        wanted = exercising.what_exercise_does(account, position.symbol, abandons=abandons)
        if self.rng.random() < 0.7 and exercising.other_legs(account, wanted):
            return
        self.begun.append(f"exercise {position.symbol}")
        exercising.exercise_contract(account, wanted)

    def cancel_one(self, account: Account) -> None:
        """An order of ours that works is taken back."""
        records = [r for r in account.journal.orders("open") if r.order_id and not r.parent_id]
        account.oms.cancel(self._one_of(records).client_order_id)

    # --- in another program ----------------------------------------------------------------------

    def close_elsewhere(self) -> None:
        """One contract is closed in the broker's own app: a leg, where the broker lets it."""
        held = self.session.world.witness.contracts
        if not held:
            return
        symbol = self.rng.choice(sorted(held))
        exchange, account = self.session.world.desk.venue.exchange, self.session.world.account
        with suppress(ApiError):
            exchange.close_position(account, symbol, {})
            self.done["close_elsewhere"] = self.done.get("close_elsewhere", 0) + 1

    def cancel_elsewhere(self) -> None:
        world = self.session.world
        live = [o for o in world.witness.account.live.values() if o.parent_id is None]
        if live:
            with suppress(ApiError):
                world.desk.venue.exchange.cancel(world.account, self.rng.choice(live).id)
                self.done["cancel_elsewhere"] = self.done.get("cancel_elsewhere", 0) + 1

    # --- drawing -----------------------------------------------------------------------------

    def _half(self) -> bool:
        return self.rng.random() < 0.5

    def _any(self, positions: Sequence[Position], wanted: Callable[[Position], bool]) -> Position:
        return self._one_of([p for p in positions if wanted(p) and p.qty])

    def _one_of(self, found: Sequence[T]) -> T:
        """Raises NothingThere where nothing is to be drawn from."""
        if not found:
            raise NothingThere
        return self.rng.choice(found)

    def _level(self, price: Decimal) -> Decimal:
        return max(self._cents(price), D("0.05"))

    def _cents(self, price: Decimal) -> Decimal:
        return price.quantize(D("0.01"), ROUND_HALF_EVEN)
