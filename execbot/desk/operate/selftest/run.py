"""The guided check, from the first step to its certificate, and out again however it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import Struct

from execbot.config.paths import private_directory, write_private
from execbot.config.schema import Mode
from execbot.desk.account import Desk
from execbot.desk.closing import close
from execbot.desk.confirming import Ask, NotConfirmed
from execbot.desk.operate.selftest.course import PATIENCE_SECONDS, Course, Proof, SelftestRefused
from execbot.desk.operate.selftest.steps import STEPS, Step
from execbot.model.errors import ExecbotError
from execbot.model.numbers import ZERO, text
from execbot.model.times import iso
from execbot.version import __version__

SYMBOLS = ("SCHB", "SCHX", "SPYM", "XLF", "SPY")
"""Funds that trade all day with a spread of a cent or two, the cheap ones first."""

FOLDER = "selftest"


class Certificate(Struct, frozen=True):
    """What was proven on which account. `left` says what could not be cleared away; empty when
    nothing was."""

    at: datetime
    mode: str
    account: str
    broker: str
    symbol: str
    proofs: Sequence[Proof]
    left: str = ""
    path: Path | None = None

    @property
    def passed(self) -> bool:
        return len(self.proofs) == len(STEPS) and all(proof.passed for proof in self.proofs)


def may_begin(mode: Mode, ask: Ask | None) -> Ask:
    """Who agrees to each step. Raises NotConfirmed: live needs a person at every one of them."""
    if mode is not Mode.LIVE:
        return lambda question: True
    if ask is None:
        raise NotConfirmed(
            "In live each step is asked for, and there is no terminal to ask on",
            next_step="Run it on a terminal, or with --mode paper.",
            kind="confirm.needed",
        )
    return ask


def run(
    desk: Desk,
    agree: Ask,
    *,
    max_cost: Decimal,
    symbols: Sequence[str] = SYMBOLS,
    tell: Callable[[Proof], None] = lambda proof: None,
) -> Certificate:
    """Every step, until one fails; then what was bought is sold again. Raises SelftestRefused and
    BrokerError before anything was sent."""
    course = Course(desk, max_cost, tuple(symbols), agree)
    for step in STEPS:
        proof = _proven(course, step)
        course.proofs.append(proof)
        tell(proof)
        if not proof.passed:
            break
    left = "" if course.proofs[-1].passed else _cleared(course)
    return _written(course, left)


def _proven(course: Course, step: Step) -> Proof:
    """Raises what the step raises, as long as nothing was sent."""
    passed = False
    try:
        if step.asks:
            asked = step.asks.format(
                symbol=course.symbol, qty=text(course.qty), part=text(course.part)
            )
            if not course.agree(
                f"{course.desk.mode.value.upper()} {course.desk.account}: {asked}?"
            ):
                raise NotConfirmed(f"Not confirmed: {asked}")
        words = step.do(course)
        passed = True
    except ExecbotError as error:
        if not course.has_bought:
            raise
        words = error.message
    return Proof(step.name, passed, words, course.desk.now())


def _cleared(course: Course) -> str:
    """Sell what the check has bought; what is left, in words."""
    with suppress(ExecbotError):
        if course.held() != ZERO:
            close(course.desk, course.symbol, wait_seconds=PATIENCE_SECONDS)
    with suppress(ExecbotError):
        for order in course.open_orders():
            course.broker.cancel_order(order.id)
    try:
        held, orders = course.held(), course.open_orders()
    except ExecbotError as error:
        return f"what is left of {course.symbol} is not known: {error.message}"
    if held == ZERO and not orders:
        return ""
    symbol = course.symbol
    return f"{text(held)} {symbol} held, {len(orders)} orders open: execbot close {symbol}"


def _written(course: Course, left: str) -> Certificate:
    """Write the certificate into the account's directory. Raises ConfigError where that is
    impossible."""
    desk = course.desk
    at = desk.now()
    path = private_directory(desk.directory / FOLDER) / f"{at:%Y-%m-%d-%H%M%S}.json"
    broker = desk.broker_url or "built-in exchange"
    found = Certificate(
        at, desk.mode.value, desk.account, broker, course.symbol, course.proofs, left, path
    )
    write_private(path, json.dumps(certificate_json(found), indent=2) + "\n")
    return found


def certificate_json(found: Certificate) -> dict[str, Any]:
    """As it is kept, and as `--json` shows it."""
    return {
        "execbot": __version__,
        "at": iso(found.at),
        "mode": found.mode,
        "account": found.account,
        "broker": found.broker,
        "symbol": found.symbol,
        "passed": found.passed,
        "steps": [
            {"step": p.step, "passed": p.passed, "proof": p.words, "at": iso(p.at)}
            for p in found.proofs
        ],
        "left": found.left,
    }


__all__ = ["SYMBOLS", "Certificate", "SelftestRefused", "certificate_json", "may_begin", "run"]
