"""A report as CSV files, one for each kind of row; names of columns are those of --json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from execbot.cli.show.list_form import csv_text
from execbot.desk.look.reporting.report_json import report_json
from execbot.desk.look.reports import SpanReport
from execbot.desk.look.trade_json import trade_json

Row = Mapping[str, Any]

_NESTED = frozenset({"legs"})
"""Lists of rows of their own: legs that filled are orders themselves."""


def csv_files(found: SpanReport) -> dict[str, str]:
    """Text by file name. A file whose kind of row did not occur has its header alone, if that is
    known, else it is left out."""
    data = report_json(found)
    execution = data["execution"]
    tables: dict[str, Sequence[Row]] = {
        "orders": data["orders"],
        "fills": data["fills"],
        "positions": data["positions"],
        "days": data["days"],
        "cash_days": data["cash_days"],
        "trades": [trade_json(trade) for trade in found.period.trades],
        "equity": [
            {
                "at": s.at,
                "equity": s.equity,
                "last_equity": s.last_equity,
                "cash": s.cash,
                "kind": s.kind,
            }
            for s in found.period.samples
        ],
        "costs": [{"by": by, **row} for by, rows in execution["cost_by"].items() for row in rows],
        "times": execution["times"],
        "failures": data["failures"],
        "unprotected": data["protection"]["by_state"],
        "limits": data["limits"]["hits"],
        "halts": data["limits"]["halts"],
        "watch_gaps": data["operation"]["gaps"],
        "stream_losses": data["operation"]["stream_losses"],
        "scorecard": data["scorecard"],
    }
    return {
        f"{name}.csv": csv_text(_columns(rows), rows) + "\n"
        for name, rows in tables.items()
        if rows
    }


def _columns(rows: Sequence[Row]) -> list[str]:
    """Nested values lie under `stop.price`, as `--columns` has it."""
    found: dict[str, None] = {}
    for row in rows:
        for name, value in row.items():
            if name in _NESTED:
                continue
            names = [f"{name}.{key}" for key in value] if isinstance(value, Mapping) else [name]
            found.update(dict.fromkeys(names))
    return [name for name in found if not any(other.startswith(f"{name}.") for other in found)]
