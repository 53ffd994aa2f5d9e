"""Checks before an order, and what a dry run says."""

from __future__ import annotations

from typing import Any, Literal

from execbot.model.enums import ErrorCategory
from execbot.schemas.base import Number, Output
from execbot.schemas.orders import EntryRisk, LevelDistance, Spread


class Check(Output):
    """One rule's answer, with the limit it holds to and the number it saw."""

    code: str
    """The rule, as in docs/risk.md."""
    passed: bool
    """The order keeps to the rule."""
    applies: bool
    """False: the rule has nothing to say about this order, and passes."""
    limit: str
    """In words for people."""
    seen: str
    """In words for people."""
    message: str
    """The whole in one sentence, for people."""
    category: ErrorCategory
    """What kind of refusal it is when it fails."""


class Verdict(Output):
    """What all checks together say."""

    passed: bool
    """Every check passed."""
    category: ErrorCategory | None
    """The worst among the failures; null when everything passed."""
    failures: list[str]
    """Codes of the checks that failed."""
    checks: list[Check]
    """Every check, in order."""


class WouldLift(Output):
    """What adding to a position would do to the exits in its way."""

    plan_id: str
    """The exit plan that would cover the whole."""
    lifts: list[str]
    """client_order_ids of the exits that would make way."""
    stop: Number | None
    """Where the stop stands, USD a share."""
    refusal: str | None
    """Why the addition would be refused, if it would be."""


class SizingStep(Output):
    """One step from what was wanted to the size that fits."""

    rule: str
    """Which rule made it."""
    qty: Number
    """Shares or coins after this step."""
    value: Number
    """USD after this step."""
    note: str
    """Why, in words."""


class DryRun(Output):
    """What `submit --dry-run` says: the exact request and every check; nothing was sent."""

    dry_run: Literal[True]
    """Nothing was sent."""
    outcome: Literal["not_sent"]
    """Nothing was sent."""
    request: dict[str, Any]
    """The body that would be sent to Alpaca."""
    risk: EntryRisk | None
    """What it would cost, risk and leave; null for exits."""
    sizing: list[SizingStep]
    """With --risk each step of the size; else empty."""
    verdict: Verdict
    """Every check of this order."""
    addition: WouldLift | None
    """Null unless it would add to a position that has an exit plan."""
    spread: Spread | None
    """Null unless targets would come after the fill."""
    exits: list[LevelDistance]
    """Stop and targets of its own, the stop first."""
    opens_short: bool
    """It would sell what is not held."""
