"""What `submit` does once the account is open: check the order, show or confirm it, send it.

In a module of its own, so that it is imported while the broker's answers are on their way.
"""

from __future__ import annotations

from typing import Any

from execbot.cli.command import Cli
from execbot.cli.exit_codes import ExitCode
from execbot.cli.interrupted import Sending
from execbot.cli.outcome import show_outcome
from execbot.cli.show.checks import checks_tables
from execbot.desk import placing
from execbot.desk.account import Desk
from execbot.desk.additions import would_lift, would_lift_line
from execbot.desk.confirming import Act, confirm
from execbot.desk.door.messages import Submit
from execbot.desk.look.order_json import request_json
from execbot.desk.placing import Draft, DryRun, sizing_json


def send_order(cli: Cli, desk: Desk, wanted: Submit, sending: Sending, *, yes: bool) -> None:
    """Check it, have it confirmed where that is needed, send it, and show what became of it."""
    draft = placing.with_exits(desk, _prepared(desk, wanted))
    risks = placing.risk_of_draft(desk, draft)
    said = "; ".join((draft.words, *draft.exits.lines(), *([risks.line()] if risks else [])))
    did_ask = confirm(desk, Act.SEND, said, cli.consent(yes))
    sending.begins(draft.request.client_order_id)
    sent = placing.place(desk, draft, wait_seconds=wanted.wait_seconds, check_again=did_ask)
    show_outcome(cli, sent)


def dry_run_order(cli: Cli, desk: Desk, wanted: Submit, *, all_checks: bool) -> None:
    """Show what it would cost and risk, and the checks; nothing is sent."""
    found = placing.dry_run(desk, _prepared(desk, wanted))
    _show_dry_run(cli, found, all_checks=all_checks)


def _prepared(desk: Desk, wanted: Submit) -> Draft:
    return placing.prepare(
        desk,
        wanted.request,
        wanted.wishes,
        flags=wanted.flags,
        tif_is_given=wanted.tif_is_given,
        keeps_rules=wanted.keeps_rules,
        risk=wanted.risk,
    )


def _show_dry_run(cli: Cli, found: DryRun, *, all_checks: bool) -> None:
    """What it costs, risks and leaves; then the checks that fail, or all of them."""
    draft, verdict, later, exits = found.draft, found.verdict, found.later, found.draft.exits
    data: dict[str, Any] = {
        "dry_run": True,
        "outcome": "not_sent",
        "request": request_json(draft.request),
        "risk": found.risk.to_dict() if found.risk is not None else None,
        "sizing": sizing_json(draft.prepared.entry.sized),
        "verdict": verdict.to_dict(),
        "addition": would_lift(found.addition),
        "spread": later.to_dict() if later is not None else None,
        "exits": exits.to_list(),
        "opens_short": bool(draft.prepared.opens_short),
    }
    lifting, shortfall = would_lift_line(found.addition), placing.shortfall_of(draft)
    cli.show(
        data,
        *(found.risk.lines() if found.risk is not None else []),
        *([shortfall] if shortfall else []),
        *checks_tables(verdict, all_checks=all_checks),
        f"Dry run, nothing was sent: {draft.words} {_would(found)}",
        *([lifting] if lifting is not None and not found.repeats else []),
        *exits.lines(),
        *([later.line()] if later is not None else []),
        warnings=later.warnings() if later is not None else (),
        exit_code=ExitCode.DONE if found.passes else ExitCode.RISK,
    )


def _would(found: DryRun) -> str:
    if found.repeats:
        return f"was given before as {found.repeats}, and would not be sent again."
    return "passes every check." if found.passes else "would be refused."
