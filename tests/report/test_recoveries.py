"""Failures counted by category and how they ended; over the fault scenarios almost all recover.

Method: tables of audit rows; and random recoverable faults injected into hundreds of signals.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from support.signal_trader import open_trader

from execbot.journal.records import AuditRow
from execbot.model.enums import ErrorCategory
from execbot.report.recoveries import count_recoveries, overall_rate

D = Decimal
T0 = datetime(2026, 11, 20, 15, tzinfo=UTC)


def rows(*ends: tuple[str, str]) -> list[AuditRow]:
    return [
        AuditRow(n, T0, "recovery", f"o{n}", "rule", {"category": category}, result)
        for n, (category, result) in enumerate(ends)
    ]


@pytest.mark.parametrize(
    ("ends", "counts", "rate"),
    [
        ([], {}, None),
        ([("retryable", "recovered")], {"retryable": (1, 0, 0)}, 1.0),
        ([("adjustable", "adjust"), ("adjustable", "recovered")], {"adjustable": (1, 0, 0)}, 1.0),
        ([("adjustable", "adjust"), ("adjustable", "stop")], {"adjustable": (0, 1, 0)}, 0.0),
        ([("waiting", "queue"), ("retryable", "stop")],
         {"waiting": (1, 0, 0), "retryable": (0, 1, 0)}, 0.5),
        ([("fatal", "stop")], {"fatal": (0, 1, 0)}, None),
        ([("waiting", "settle")], {"waiting": (0, 0, 1)}, None),
    ],
)  # fmt: skip
def test_episodes_are_counted_by_how_they_ended(
    ends: list[tuple[str, str]], counts: dict[str, tuple[int, int, int]], rate: float | None
) -> None:
    found = count_recoveries(rows(*ends))
    assert {c.category.value: (c.recovered, c.lost, c.open) for c in found} == counts
    assert overall_rate(found) == rate


def test_over_random_recoverable_faults_at_least_95_percent_recover(tmp_path: Path) -> None:
    """Every signal meets one or two faults; what must not be retried is not retried."""
    rng = random.Random("recovery")
    no_limit = {"max_daily_orders": None, "duplicate_window_seconds": D(0)}
    trader = open_trader(tmp_path, risk={**no_limit, "max_consecutive_rejections": None})
    post = {"path": "/v2/orders", "method": "POST"}
    poor = {"code": 40310000, "message": "insufficient buying power", "buying_power": "2500",
            "cost_basis": "5000"}  # fmt: skip
    faults = [
        ("rate_limited", {"retry_after": 1}), ("reset_before", {}), ("reset_after", {}),
        ("reply_lost", {}), ("server_error", {"status": 500}), ("server_error", {"status": 503}),
        ("server_error", {"status": 504, "handled": True}), ("html_body", {}),
        ("truncated_json", {}), ("broker_restart", {}),
        ("canned_reply", {"status": 403, "body": poor}),
    ]  # fmt: skip
    symbols = ("AAPL", "MSFT", "KO", "JPM", "XOM")
    acted = failed = 0
    for number in range(100):
        for _ in range(rng.choice((1, 1, 2))):
            kind, rule = rng.choice(faults)
            trader.desk.fault(kind, **{**post, **rule})
        result = trader.signal(symbols[number % 5])
        trader.desk.call("DELETE", "/sim/faults")
        acted += 1
        failed += result.is_failure
        trader.fill()
        trader.desk.oms.reconcile(wait=True)
        closed = trader.signal(symbols[number % 5], "sell")
        assert not closed.is_failure, closed.message
        trader.fill()
    counts = count_recoveries(trader.desk.journal.recoveries(T0.replace(year=2020)))
    rate = overall_rate(counts)
    assert rate is not None and rate >= 0.95, counts
    assert failed <= acted * 0.05
    assert {c.category for c in counts} >= {ErrorCategory.RETRYABLE, ErrorCategory.ADJUSTABLE}
    ours = [o for o in trader.desk.orders_there().values() if o["side"] == "buy"]
    assert len(ours) <= acted, "no signal made two orders"
