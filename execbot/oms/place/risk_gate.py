"""Where an order meets the rules: facts are read, checks run, and the gate is built.

    risk = RiskGate(client, journal, settings, mode, now=now)
    checked = risk.check(request)
    checked.verdict            # every check, for --dry-run
    oms.submit(request, gate=checked.gate)

The gate runs every check again inside the transaction that writes the intent, on the journal as it
then is, so that what passes is reserved for all processes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.port import BrokerClient
from execbot.config.schema import Mode, TradingSettings
from execbot.exits.exit_orders import closes, is_meant_to_close
from execbot.exits.store import plan_of
from execbot.journal.confirmation import QUOTE_SEEN, QUOTES_SEEN
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.market.calendar_cache import table_for
from execbot.market.sessions import SessionTable
from execbot.model.account import Asset, Position
from execbot.model.enums import ErrorCategory, Side
from execbot.model.flags import NO_FLAGS, Flag, Flags
from execbot.model.numbers import ZERO
from execbot.model.options.changed import ContractChange
from execbot.model.order import Order, OrderRequest
from execbot.model.symbols import symbol_key
from execbot.oms.place.entry_basis import ENTRY, as_facts, basis_of
from execbot.oms.results import Aside, GateVerdict
from execbot.oms.send.intent import quotes_seen
from execbot.oms.sync.gaps import fill_gap
from execbot.oms.sync.held_before import take_over
from execbot.risk import halting
from execbot.risk.checks import evaluate
from execbot.risk.facts import Facts, Intent, taken_back
from execbot.risk.kill_switch import KillSwitch
from execbot.risk.limits_in_force import LIMITS_KEY, limits_of
from execbot.risk.pending import Purpose, purpose_of_order
from execbot.risk.reading import RESTS_ON_KEPT, BrokerFacts, FactsReader
from execbot.risk.verdict import Verdict

RESEND_CHECKS = frozenset(
    {"kill_switch", "reduce_only", "mode_gate", "session", "halt", "entry_window"}
)
"""What may have turned while an order waited to be sent again. Its room under the limits is taken
by its own intent."""

if TYPE_CHECKING:
    from execbot.risk.asking.kept_facts import KeptFacts
    from execbot.risk.asking.together import Round

POSITION_GONE = GateVerdict(
    False,
    "risk.position_gone",
    "the position that the order was to add to is gone, and with it the exits of the whole.",
    hint="Its exit filled, or it was closed, since the order was planned. Nothing was sent.",
    next_step="Give the order again, with exits of its own: --stop-loss, --take-profit.",
)

OnPass = Callable[[Journal], None]


class AskAnew(Exception):
    """Raised by a gate for whoever can judge once more: it would refuse an order for another one
    that has ended since the account was asked. Nothing is written."""


class Checked(Struct, eq=False):
    """One request with its facts and verdict. `gate` is what the submit pipeline asks.

    `on_pass` runs in the transaction of the intent when every check has passed: what it writes is
    durable together with the intent, and what it raises leaves no intent behind; `on_denial` runs
    in that of a denial. `tripped` is set by the gate when the refusal raised the kill switch,
    `did_pass` when it let the order go. `lifts` are orders of ours that will be gone before this
    one is sent: no check counts them. `replaces` is the order at the broker whose place it takes.
    """

    request: OrderRequest
    facts: Facts
    verdict: Verdict
    read: BrokerFacts
    risk: RiskGate
    flags: Flags = NO_FLAGS
    lifts: frozenset[str] = frozenset()
    replaces: Order | None = None
    on_pass: OnPass | None = None
    on_denial: OnPass | None = None
    tripped: KillSwitch | None = None
    did_pass: bool = False
    aside: Aside = nullcontext
    """The order is on its way inside: others may decide meanwhile."""
    waits_for: str = ""
    """Why it waits in the queue although every check has passed."""
    entry_price: Decimal | None = None
    """What the levels of its exits were measured from."""
    shortfall: str = ""
    """Why it is smaller than what it was sized by."""
    asks_anew: bool = False
    """Whether the gate raises AskAnew."""
    joins: str | None = None
    """The plan of the position that it adds to, which must be there still: it has none of its
    own."""

    @property
    def purpose(self) -> Purpose:
        return _purpose(self.request, self.facts)

    @property
    def opens_short(self) -> bool:
        """Does it sell what is not held?"""
        return self.purpose is Purpose.ENTRY and self.request.side is Side.SELL

    @property
    def short_words(self) -> str:
        """That it sells what is not held; else empty."""
        if not self.opens_short:
            return ""
        held = self.facts.position(self.request.symbol)
        return "opens a SHORT" if held is None else "adds to a SHORT"

    @property
    def closes(self) -> bool:
        """Is there a position that the order makes smaller?"""
        held = self.facts.position(self.request.symbol)
        return held is not None and held.qty * self.request.side.sign < 0

    @property
    def should_queue(self) -> bool:
        """Refused for nothing but the hour or a halt, and waiting is switched on; or it waits for
        its turn."""
        if self.waits_for and self.verdict.passed:
            return True
        return self.verdict.only_waiting and self.risk.settings.market_hours.queue_when_closed

    def lifting(self, names: frozenset[str]) -> None:
        """Judge again without the orders `names`, which are canceled before this one is sent."""
        self.lifts = names
        self._judge(self.facts)

    @property
    def arrival_price(self) -> Decimal | None:
        """The middle of the market when the decision was made."""
        return self.facts.fair_price

    def _judge(self, facts: Facts) -> None:
        if self.replaces is None:
            facts = without(facts, self.lifts)
        else:
            facts = taken_back(facts, self.replaces, self.lifts)
        self.facts = facts
        self.verdict = self.risk.evaluate(
            self.request, facts, self.flags, replaces=self.replaces is not None
        )

    def audited(self) -> Mapping[str, Any]:
        """For the audit row: what was checked, the flags given, the quote that was decided by, and
        when the broker was asked for what it rests on."""
        said: dict[str, Any] = {"flags": sorted(self.flags)} if self.flags else {}
        read = {"read": self.read.told()}
        return {**summary(self.verdict), **said, **self._quote_seen(), **read, **self._as_entry()}

    def _as_entry(self) -> Mapping[str, Any]:
        """What its answer is told by, for whoever is asked for it again."""
        if self.purpose is not Purpose.ENTRY:
            return {}
        found = replace(
            basis_of(self.request, self.facts, self.risk.settings, self.entry_price),
            opens_short=self.short_words,
            shortfall=self.shortfall,
            lifts=tuple(sorted(self.lifts)),
        )
        return {ENTRY: as_facts(found)}

    def _quote_seen(self) -> Mapping[str, Any]:
        """The quote that was decided by, for whoever measures the execution against it."""
        legs = quotes_seen(self.facts.options.quotes.values())
        if self.request.spread and legs:
            return {QUOTES_SEEN: {name: {**q, "at": self.facts.now} for name, q in legs.items()}}
        quote = self.facts.quote
        if quote is None:
            return {}
        seen = {"bid": quote.bid, "ask": quote.ask, "feed": quote.feed}
        return {QUOTE_SEEN: {**seen, "quoted_at": quote.at, "at": self.facts.now}}

    def gate(self, journal: Journal) -> GateVerdict:
        """Check once more on the journal as it is inside the write transaction."""
        risk = self.risk
        self._judge(risk.reader.complete(self.request, self.read))
        now = risk.now()
        is_gone = self.joins is not None and self._is_gone(journal)
        if self.verdict.passed and not is_gone:
            journal.audit(
                "risk", self.request.client_order_id, "checks", self.audited(), "passed", now
            )
            if self.on_pass is not None:
                self.on_pass(journal)
            if self.purpose is Purpose.ENTRY:
                _keep_limits(journal, risk.settings)
            self.did_pass = True
            return GateVerdict(True, before_resend=self.gate_again, aside=self.aside)
        if self.asks_anew and risk.has_moved(self.facts):
            raise AskAnew
        self.tripped = halting.trip_if_due(journal, self.verdict, now)
        if self.on_denial is not None:
            self.on_denial(journal)
        refusal = POSITION_GONE if is_gone else gate_verdict(self.verdict)
        return replace(refusal, facts=self.audited())

    def _is_gone(self, journal: Journal) -> bool:
        """Whether the position that it was to join has ended: by the broker's word, by its plan, or
        by what has filled since the broker was asked."""
        symbol, sign = self.request.symbol, self.request.side.sign
        held = self.facts.counted(symbol)
        if held is None or held.qty * sign <= 0 or plan_of(journal, symbol) is None:
            return True
        booked = journal.position(symbol)
        return self.facts.has_moved and (booked is None or booked.qty * sign <= 0)

    def gate_again(self, journal: Journal) -> GateVerdict:
        """Check the switch and the hour as they are now, in the transaction before a re-send."""
        reader = self.risk.reader
        read = replace(self.read, market_at=reader.market_time(self.read.account))
        found = self.risk.evaluate(self.request, reader.complete(self.request, read), self.flags)
        results = tuple(result for result in found.results if result.code in RESEND_CHECKS)
        return gate_verdict(Verdict(results))


def _keep_limits(journal: Journal, settings: TradingSettings) -> None:
    """Remember which limits ruled this entry."""
    ruling = limits_of(settings)
    if journal.meta_get(LIMITS_KEY) != ruling:
        journal.meta_set(LIMITS_KEY, ruling)


def without(facts: Facts, names: frozenset[str]) -> Facts:
    """The facts as they are when the orders `names` (client_order_ids) are gone."""
    if not names:
        return facts
    return replace(facts, pending=tuple(p for p in facts.pending if p.client_order_id not in names))


def gate_verdict(verdict: Verdict) -> GateVerdict:
    """A refusal in the pipeline's words; `results` are the failed checks."""
    return GateVerdict(
        passed=verdict.passed,
        code=verdict.kind,
        message=verdict.message,
        facts=summary(verdict),
        results=verdict.failures,
        category=verdict.category or ErrorCategory.ADJUSTABLE,
        hint=_hint(verdict),
        next_step=_next_step(verdict),
    )


def summary(verdict: Verdict) -> Mapping[str, Any]:
    """For the audit row: what each check that applied held to and saw; failures in full."""
    return {
        "checks": {r.code: [r.limit, r.seen] for r in verdict.results if r.applies},
        "failed": [r.to_dict() for r in verdict.failures],
    }


def _hint(verdict: Verdict) -> str:
    codes = ", ".join(failure.code for failure in verdict.failures)
    return f"Failed checks: {codes}." if codes else ""


def _next_step(verdict: Verdict) -> str:
    codes = {failure.code for failure in verdict.failures}
    if codes & {"kill_switch", "reduce_only"}:
        return "Look into the reason, then `execbot resume`."
    if verdict.only_waiting:
        return "See `execbot market`; market_hours.queue_when_closed keeps orders for the open."
    return "See every check with --dry-run."


def flags_given(journal: Journal, client_order_id: str) -> Flags:
    """The flags that an order was given with, by its audit rows."""
    for row in reversed(journal.audit_of(client_order_id)):
        if "flags" in row.facts:
            return frozenset(Flag(word) for word in row.facts["flags"])
    return NO_FLAGS


class RiskGate:
    """Reads facts and judges requests for one account."""

    def __init__(
        self,
        client: BrokerClient,
        journal: Journal,
        settings: TradingSettings,
        mode: Mode,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        table: SessionTable | None = None,
        calendar_dir: Path | None = None,
        live_allowed: bool = False,
        look_again: Callable[[], object] | None = None,
        is_watched: Callable[[], bool] = lambda: False,
        beside: bool = False,
        kept: KeptFacts | None = None,
        begun: Round | None = None,
    ) -> None:
        """`calendar_dir` may hold a refreshed session table; `live_allowed`: both switches set.

        `beside`, `kept`, `begun`: how facts are asked for, see `FactsReader`.
        `look_again` reads into the journal what happened at the broker (default: `fill_gap`);
        `is_watched` says whether a `watch` lives.
        """
        self.settings = settings
        self.now = now
        self.journal = journal
        self.reader = FactsReader(
            client,
            journal,
            settings,
            mode,
            (lambda day: table) if table is not None else partial(table_for, calendar_dir),
            now=now,
            live_allowed=live_allowed,
            look_again=look_again or (lambda: fill_gap(journal, client, now)),
            is_watched=is_watched,
            changes=self._changes,
            beside=beside,
            kept=kept,
            begun=begun,
        )

    def _changes(self, held: Sequence[Position]) -> Iterable[ContractChange]:
        from execbot.oms.sync.options.pending_events import pending_changes

        return pending_changes(self.journal, held, self.now())

    def check(
        self,
        request: OrderRequest,
        *,
        asset: Asset | None = None,
        flags: Flags = NO_FLAGS,
    ) -> Checked:
        """Read the facts and run every check. Raises BrokerError."""
        checked = self._check_once(request, asset, flags)
        if self.rests_on_kept(checked):
            checked = self._check_once(request, None, flags)
        return checked

    def rests_on_kept(self, checked: Checked) -> bool:
        """Whether it is refused by what may have passed: what was kept since earlier in the day, or
        an order that has ended since the account was asked. That is forgotten then, and whoever
        asks judges once more."""
        codes = {failure.code for failure in checked.verdict.failures}
        if codes and self.has_moved(checked.facts):
            return True
        return bool(codes & RESTS_ON_KEPT) and self.reader.forget(checked.request.symbol)

    def has_moved(self, facts: Facts) -> bool:
        """Whether an order has ended since the account was asked; what was asked is forgotten then,
        so that nobody is refused or skipped for what is over."""
        if facts.has_moved:
            self.reader.forget_account()
        return facts.has_moved

    def _check_once(self, request: OrderRequest, asset: Asset | None, flags: Flags) -> Checked:
        read = self.reader.read(request, asset=asset)
        held = read.account.positions.get(symbol_key(request.symbol))
        if held is not None and closes(request, held.qty):
            take_over(self.journal, self.reader.client, held, self.now)
        return self.judge(request, read, self.reader.complete(request, read), flags)

    def judge(
        self,
        request: OrderRequest,
        read: BrokerFacts,
        facts: Facts,
        flags: Flags = NO_FLAGS,
    ) -> Checked:
        """Run every check on facts at hand; the gate completes them anew."""
        verdict = self.evaluate(request, facts, flags)
        return Checked(request, facts, verdict, read, self, flags)

    def check_replacement(self, old: OrderRecord, request: OrderRequest) -> Checked | None:
        """Judge `request` in the place of `old`, whole; None for exits. Raises BrokerError.

        Exits are free: the broker lets them close no more than there is. What was said for the old
        one (--add, --short, ...) is said for the new one.
        """
        if is_meant_to_close(old):
            return None
        said = flags_given(self.journal, old.client_order_id)
        checked = self.check(request, flags=said | {Flag.ALLOW_DUPLICATE})
        if checked.purpose is Purpose.EXIT:
            return None
        orders = checked.read.account.orders
        checked.replaces = next((o for o in orders if o.id == old.order_id), old.order)
        legs = self.journal.legs_of(old.client_order_id)
        names = (old.client_order_id, *(leg.client_order_id for leg in legs))
        checked.lifting(frozenset(names))
        return checked

    def evaluate(
        self,
        request: OrderRequest,
        facts: Facts,
        flags: Flags = NO_FLAGS,
        *,
        replaces: bool = False,
    ) -> Verdict:
        intent = Intent(request, _purpose(request, facts), flags, replaces)
        return evaluate(intent, facts, self.settings)


def _purpose(request: OrderRequest, facts: Facts) -> Purpose:
    held = facts.position(request.symbol)
    return purpose_of_order(request, ZERO if held is None else held.qty)


RiskDesk = RiskGate
"""What programs called it before."""
