"""Carrying jobs out: the one place of `watch` that talks to the broker.

`perform` is called by worker threads (or by a simulation, one job at a time) and returns what the
core must be told. It never raises for what a broker, a network or a journal can do.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from execbot.broker.budget import RequestPriority, reading_at
from execbot.broker.errors import BrokerError
from execbot.exits.level_facts import LevelReader
from execbot.exits.plan.remeasure import follows_range
from execbot.exits.rules.actions import BrokerAction, Cancel, Refresh, Replace, Submit
from execbot.exits.rules.failures import Outcome
from execbot.exits.store import open_plans
from execbot.exits.tags import client_order_id
from execbot.journal.errors import JournalError
from execbot.journal.records import OrderRecord, Origin
from execbot.model.enums import FAILED, ErrorCategory
from execbot.oms.errors import OmsError
from execbot.oms.send.cancel import Canceler
from execbot.oms.service import OrderManagementSystem
from execbot.oms.sync.adjustments import read_evidence
from execbot.watch.core.inputs import (
    AssetKnown,
    BrokerPositions,
    Done,
    Input,
    JobDone,
    LevelsKnown,
    Said,
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
class Hands:
    """`release_queue` sends what waited for the open; it returns what it did, a line each."""

    oms: OrderManagementSystem
    now: Callable[[], datetime]
    unique: Callable[[datetime], str] = unique_part
    release_queue: Callable[[], list[str]] | None = None
    hours: MarketHours | None = None
    levels: LevelReader | None = None
    """Reads daily bars for plans that follow the true range; without it none does."""
    known_assets: set[str] = field(default_factory=set)

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
            name = client_order_id(action.tag, self.unique(self.now()))
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

    def _submit(self, action: Submit) -> OrderRecord:
        name = client_order_id(action.tag, self.unique(self.now()))
        request = replace(action.request, client_order_id=name, reason=action.reason)
        return self.oms.submit(
            request, origin=Origin.EXIT, plan_id=action.plan_id, role=action.role
        )

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
        try:
            return [*self._do_account_job(job), JobDone(job.name)]
        except (BrokerError, OmsError, JournalError) as error:
            return [JobDone(job.name, str(error))]
        except Exception as error:
            log.exception("job failed: %s", job)
            return [JobDone(job.name, f"{type(error).__name__}: {error}")]

    def _do_account_job(self, job: AccountJob) -> list[Input]:
        if self.hours is not None:
            self.hours.refresh(self.oms.client, self.now())
        if job.name is JobName.GAP_FILL:
            began = self.now()
            self.oms.gap_fill()
            self.oms.settle()
            item = self._positions()
            evidence = read_evidence(self.oms.journal, self.oms.client, item.positions, self.now())
            return [replace(item, filled_from=began, evidence=evidence)]
        if job.name is JobName.READ_POSITIONS:
            return [self._positions(), *self._assets()]
        if job.name is JobName.READ_LEVELS:
            return [*self._levels()]
        if job.name is JobName.SETTLE:
            self.oms.settle()
        elif self.release_queue is not None:
            return [Said(line) for line in self.release_queue()]
        return []

    def _positions(self) -> BrokerPositions:
        asked_at = self.now()
        return BrokerPositions(tuple(self.oms.client.get_positions()), asked_at)

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
            known.append(AssetKnown(position.symbol, True, asset.price_increment))
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
