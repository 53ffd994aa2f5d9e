"""Carrying jobs out: the one place of `watch` that talks to the broker.

`perform` is called by worker threads (or by a simulation, one job at a time) and returns what the
core must be told. It never raises for what a broker, a network or a journal can do.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from execbot.broker.budget import RequestPriority, reading_at
from execbot.broker.errors import BrokerError
from execbot.exits.level_facts import LevelReader
from execbot.exits.ownership import exit_id
from execbot.exits.plan.remeasure import follows_range
from execbot.exits.rules.actions import BrokerAction, Cancel, Refresh, Replace, Submit
from execbot.exits.rules.failures import Outcome
from execbot.exits.store import open_plans
from execbot.journal.errors import JournalError
from execbot.journal.records import OrderRecord, Origin
from execbot.model.enums import FAILED, ErrorCategory
from execbot.model.unread import unread_of
from execbot.oms.errors import OmsError
from execbot.oms.recounts import waits_for_a_look, words_of
from execbot.oms.send.cancel import Canceler
from execbot.oms.service import OrderManagementSystem
from execbot.oms.sync.evidence_reading import read_evidence
from execbot.oms.sync.gaps import GapFill
from execbot.oms.sync.unread_rows import keep_unread
from execbot.risk.equity import sample_of
from execbot.watch.core.inputs import (
    AssetKnown,
    BrokerPositions,
    Done,
    Heard,
    Input,
    JobDone,
    LevelsKnown,
    Said,
    Warned,
)
from execbot.watch.core.jobs import AccountJob, JobName, SymbolJob
from execbot.watch.market_hours import MarketHours

log = logging.getLogger("execbot.watch")

NAMED_MAX = 10
"""Of the orders that a refusal names so many are read."""


def unique_part(now: datetime) -> str:
    """Sorts by time, unique without coordination."""
    return f"{int(now.timestamp() * 1000):012x}{os.urandom(6).hex()}"


@dataclass
class Performer:
    """`release_queue` sends what waited for the open, `follow_rejections` tries again the entries
    that the broker has rejected after taking them; both return what they did, a line each."""

    oms: OrderManagementSystem
    now: Callable[[], datetime]
    unique: Callable[[datetime], str] = unique_part
    release_queue: Callable[[], list[str]] | None = None
    follow_rejections: Callable[[], list[str]] | None = None
    care_for_options: Callable[[], list[Warned]] | None = None
    """One look at contracts that stand together, and what is to be told of them."""
    hours: MarketHours | None = None
    levels: LevelReader | None = None
    """Reads daily bars for plans that follow the true range; without it none does."""
    known_assets: set[str] = field(default_factory=set)
    journal_error: JournalError | None = None
    """Why the journal could not be used last time."""

    def __post_init__(self) -> None:
        self._guard = threading.Lock()
        self._is_held = False
        self._under_way: set[str] = set()

    def hold(self, is_held: bool) -> None:
        """Another one sends exits meanwhile (see `watch.stand_in`), but for what is under way."""
        with self._guard:
            self._is_held = is_held

    def is_under_way(self, symbol: str) -> bool:
        """An exit of it is being sent, or waits for the journal just to be."""
        with self._guard:
            return symbol in self._under_way

    def perform(self, job: SymbolJob | AccountJob) -> list[Input]:
        if isinstance(job, SymbolJob):
            return [self._symbol_job(job)]
        return self._account_job(job)

    # --- one symbol ------------------------------------------------------------------------

    @reading_at(RequestPriority.PROTECT)
    def _symbol_job(self, job: SymbolJob) -> Done:
        """What it has to read goes with it, ahead of everybody else's reads."""
        results: list[tuple[BrokerAction, Outcome]] = []
        for action in job.actions:
            outcome = self._try(action)
            results.append((action, outcome))
            if not outcome.is_done:
                break
        return Done(job.symbol, tuple(results))

    def _try(self, action: BrokerAction) -> Outcome:
        try:
            return self._do(action)
        except BrokerError as error:
            return Outcome(error.kind, error.message, error.retry_after_seconds, _named(error))
        except OmsError as error:
            kind = "in_doubt" if error.in_doubt else error.kind
            return Outcome(kind, error.message)
        except JournalError as error:
            self.journal_error = error
            return Outcome("journal", str(error))
        except Exception as error:
            log.exception("action failed: %s", action)
            return Outcome("internal", f"{type(error).__name__}: {error}")

    def _do(self, action: BrokerAction) -> Outcome:
        if isinstance(action, Submit):
            return _outcome_of(self._submit(action))
        if isinstance(action, Cancel):
            return self._cancel(action)
        if isinstance(action, Replace):
            record = self.oms.record(action.client_order_id)
            name = exit_id(action.tag, record.plan_id, self.unique(self.now()))
            change = replace(action.change, client_order_id=name)
            self.oms.replace(action.client_order_id, change)
            return Outcome()
        return self._refresh(action)

    def _cancel(self, action: Cancel) -> Outcome:
        """Only ask: the stream tells the end, and reading it here would wait behind other reads."""
        record = self.oms.record(action.client_order_id)
        if record.order.is_terminal:
            return Outcome()
        error = Canceler(self.oms).request(record)
        if error is not None:
            return Outcome(error.kind, error.message, error.retry_after_seconds)
        return Outcome()

    def name_of(self, action: Submit) -> str:
        """The id under which it is sent."""
        return exit_id(action.tag, action.plan_id, self.unique(self.now()))

    def _submit(self, action: Submit) -> OrderRecord:
        request = replace(
            action.request, client_order_id=self.name_of(action), reason=action.reason
        )
        with self._sending(request.symbol):
            return self.oms.submit(
                request, origin=Origin.EXIT, plan_id=action.plan_id, role=action.role
            )

    @contextmanager
    def _sending(self, symbol: str) -> Iterator[None]:
        with self._guard:
            if self._is_held:
                raise JournalError("the journal fails: an exit is sent from memory meanwhile")
            self._under_way.add(symbol)
        try:
            yield
        finally:
            with self._guard:
                self._under_way.discard(symbol)

    def _refresh(self, action: Refresh) -> Outcome:
        if action.order_id is None:
            self.oms.settle()
            return Outcome()
        record = self.oms.journal.order_by_broker_id(action.order_id)
        parent = self.oms.journal.order_by_client_id(record.parent_id or "") if record else None
        # The parent names its present legs; a leg that was replaced is not among them any more.
        self.oms.refresh(action.order_id)
        if parent is not None and parent.order_id:
            self.oms.refresh(parent.order_id)
        return Outcome()

    # --- the account -----------------------------------------------------------------------

    def _account_job(self, job: AccountJob) -> list[Input]:
        brought: list[Input] = []
        try:
            for item in self._do_account_job(job):
                brought.append(item)  # what came before a failure stays
        except JournalError as error:
            self.journal_error = error
            return [*brought, JobDone(job.name, str(error))]
        except (BrokerError, OmsError) as error:
            return [*brought, JobDone(job.name, str(error))]
        except Exception as error:
            log.exception("job failed: %s", job)
            return [*brought, JobDone(job.name, f"{type(error).__name__}: {error}")]
        return [*brought, JobDone(job.name)]

    def _do_account_job(self, job: AccountJob) -> Iterator[Input]:
        if self.hours is not None:
            self.hours.refresh(self.oms.client, self.now())
        if job.name is JobName.GAP_FILL:
            began = self.now()
            filled = self.oms.gap_fill()
            yield Heard(began)
            self.oms.settle()
            item = self._positions()
            if not (filled.unread or item.unread):
                yield from self._recounted(filled, item)
            evidence = read_evidence(self.oms.journal, self.oms.client, item.positions, self.now())
            unread = (*filled.unread, *item.unread)
            yield replace(
                item,
                filled_from=began,
                evidence=evidence,
                unread=unread,
                looks_again=waits_for_a_look(self.oms.journal, self.now()),
            )
        elif job.name is JobName.READ_POSITIONS:
            yield self._positions()
            yield from self._assets()
        elif job.name is JobName.READ_LEVELS:
            yield from self._levels()
        elif job.name is JobName.SETTLE:
            self.oms.settle()
        elif job.name in (JobName.SAMPLE_EQUITY, JobName.SAMPLE_CLOSE):
            self._sample(job.name)
        elif job.name is JobName.RELEASE_QUEUE and self.release_queue is not None:
            yield from map(Said, self.release_queue())
        elif job.name is JobName.CARE_FOR_OPTIONS and self.care_for_options is not None:
            yield from self.care_for_options()
        elif job.name is JobName.FOLLOW_REJECTIONS and self.follow_rejections is not None:
            yield from (Said(line, "rejected") for line in self.follow_rejections())

    def _recounted(self, filled: GapFill, item: BrokerPositions) -> Iterator[Warned]:
        for change in self.oms.recount(filled, item.positions):
            symbol, words = change.record.symbol, words_of(change)
            yield Warned("recounted", symbol, words, is_critical=True)

    def _sample(self, name: JobName) -> None:
        """What the account is worth now, where that can be believed. A broker that does not answer
        leaves a gap, which is better than a figure of another moment."""
        try:
            account = self.oms.client.get_account()
        except BrokerError as error:
            log.info("no sample of equity: %s", error)
            return
        sample = sample_of(account, self.now(), is_close=name is JobName.SAMPLE_CLOSE)
        if sample is not None:
            self.oms.journal.add_equity_sample(sample)

    def _positions(self) -> BrokerPositions:
        asked_at = self.now()
        rows = self.oms.client.get_positions()
        unread = unread_of(rows)
        keep_unread(self.oms.journal, unread, self.now())
        return BrokerPositions(tuple(rows), asked_at, unread=unread)

    def _levels(self) -> list[LevelsKnown]:
        """What daily bars say of each plan that follows them; a symbol without bars waits."""
        found: list[LevelsKnown] = []
        if self.levels is None:
            return found
        plans = [p for p in open_plans(self.oms.journal) if follows_range(p)]
        for symbol in sorted({plan.symbol for plan in plans}):
            try:
                facts = self.levels.facts(symbol, self.now())
            except BrokerError as error:
                if error.category is ErrorCategory.RETRYABLE:
                    raise
                log.warning("no daily bars of %s: %s", symbol, error)
                continue
            found.append(LevelsKnown(symbol, facts))
        return found

    def _assets(self) -> list[AssetKnown]:
        """Price steps of the crypto pairs held, asked once."""
        known: list[AssetKnown] = []
        for position in self.oms.journal.positions():
            if position.asset_class != "crypto" or position.symbol in self.known_assets:
                continue
            asset = self.oms.client.get_asset(position.symbol)
            self.known_assets.add(position.symbol)
            known.append(
                AssetKnown(position.symbol, True, asset.price_increment, asset.min_order_size)
            )
        return known


def _named(error: BrokerError) -> tuple[str, ...]:
    """The orders that a refusal says are in the way."""
    listed = error.extra.get("related_orders")
    found = list(listed) if isinstance(listed, list | tuple) else []
    if error.extra.get("existing_order_id"):
        found.append(error.extra["existing_order_id"])
    return tuple(str(item) for item in found if isinstance(item, str))[:NAMED_MAX]


def _outcome_of(record: OrderRecord) -> Outcome:
    if record.status in FAILED:
        return Outcome(f"order.{record.status}", record.note or "the order was refused")
    return Outcome()
