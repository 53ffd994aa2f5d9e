"""What the market says of symbols: prices that a plan follows, levels measured anew, halts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from execbot.exits.plan.plan import PlanStatus
from execbot.exits.plan.remeasure import remeasured
from execbot.exits.plan.trailing import follow
from execbot.exits.rules.actions import SavePlan
from execbot.model.amounts import maybe_price_words
from execbot.model.numbers import maybe_text, text
from execbot.model.symbols import is_option
from execbot.watch.core import inputs
from execbot.watch.core.jobs import Job, JobName, Note, Save
from execbot.watch.core.memory import CoreMemory
from execbot.watch.core.symbol_state import SymbolState


@dataclass
class MarketNews:
    """Called with every price, with every change of halts, and with what daily bars say."""

    memory: CoreMemory

    def price(self, item: inputs.Price, now: datetime) -> list[Job]:
        state = self.memory.symbols.get(item.symbol)
        if state is None:
            return []
        state.bid = item.bid if item.bid is not None else state.bid
        state.ask = item.ask if item.ask is not None else state.ask
        state.last = item.last if item.last is not None else state.last
        if item.bid is not None and item.ask is not None:
            state.quoted_at = item.at or now
        state.priced_at = now
        plan = state.plan
        if plan is None or plan.status is not PlanStatus.ACTIVE or state.qty == 0:
            return []
        state.is_dirty = True
        price = _traded_price(state, item)
        if price is None or plan.entry_price is None or state.is_halted:
            return []
        state.weigh(price, now)
        if state.is_price_doubtful(now):
            self.memory.looks_soon = True  # at the broker's position: it may be a split
            return []
        market = state.market(self.memory.hours(now), extended=self.memory.extended)
        if not market.is_open and not market.is_extended:
            return []  # a print outside of the sessions that we trade moves no stop
        followed = follow(plan, price, now)
        state.plan = followed
        if followed.version == plan.version:
            return []
        saved = Save(SavePlan(followed, followed.note or "stop moved"))
        if state.broker_trails:
            return [saved]  # the broker moves it; kept for the day that its order is gone
        stop = followed.stop.price
        data = {"symbol": state.symbol, "stop": text(stop) if stop else None}
        words = f"{state.symbol} {followed.note} to {maybe_price_words(stop, state.symbol)}"
        note = Note("stop_moved", words, data)
        return [saved, note]

    def levels(self, item: inputs.LevelsKnown, now: datetime) -> list[Job]:
        state = self.memory.symbols.get(item.symbol)
        if state is None or state.plan is None or state.qty == 0:
            return []
        plan = remeasured(state.plan, item.facts, now)
        if plan.version == state.plan.version:
            return []
        jobs: list[Job] = [Save(SavePlan(plan, plan.note or "levels measured anew"))]
        moved = [
            (old.price, new.price)
            for old, new in zip(state.plan.targets, plan.targets, strict=True)
            if old.price != new.price
        ]
        for old_price, price in moved:
            before, now_at = (maybe_price_words(one, item.symbol) for one in (old_price, price))
            words = f"{item.symbol} target {before} -> {now_at}"
            data = {
                "symbol": item.symbol,
                "was": maybe_text(old_price),
                "target": maybe_text(price),
                "reason": plan.note,
            }
            jobs.append(Note("target_moved", f"{words}: {plan.note}", data))
        state.plan, state.is_dirty = plan, True
        return jobs

    def halts(self, item: inputs.Halts, now: datetime) -> list[Job]:
        """Of symbols that nothing else is known of, too: an order of theirs may wait."""
        jobs: list[Job] = []
        was, self.memory.market_halt = self.memory.market_halt, item.market
        before, self.memory.halted = self.memory.halted, item.symbols
        if bool(was) != bool(item.market):
            jobs += self._halt_changed("", f"the whole market: {item.market or was}:", now)
        for symbol in sorted(before ^ item.symbols):
            jobs += self._halt_changed(symbol, symbol, now)
        return jobs

    def _halt_changed(self, symbol: str, what: str, now: datetime) -> list[Job]:
        """An empty symbol stands for the whole market. What waited for the end goes now."""
        memory = self.memory
        is_halted = symbol in memory.halted if symbol else bool(memory.market_halt)
        state = memory.symbols.get(symbol)
        if state is not None:
            state.is_halted, state.is_dirty = is_halted, True
        word = "halted" if is_halted else "trades again"
        jobs: list[Job] = [Note("halt", f"{what} {word}", {"symbol": symbol, "halted": word})]
        if not is_halted:
            jobs += memory.account_job(JobName.RELEASE_QUEUE, f"{what} {word}", now)
        return jobs


def _traded_price(state: SymbolState, item: inputs.Price) -> Decimal | None:
    """What stops follow: trades. A quote alone may be as wide as it likes, so it says nothing;
    crypto trades seldom enough that its near side counts, where the position could be left."""
    if is_option(state.symbol):
        return state.price  # its last print may be hours old: no price beyond the quote
    if item.last is not None:
        return item.last
    if not state.is_quiet:
        return None
    return state.bid if state.qty > 0 else state.ask
