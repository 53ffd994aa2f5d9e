"""Executions confirmed, by whichever process first learns of a fill, and shown.

While a `watch` runs, it confirms, looks up and alerts. Without one every command that looks at the
account does so, after what it was asked for.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from execbot.journal.confirmation import Confirmation
from execbot.journal.errors import JournalError

if TYPE_CHECKING:
    from execbot.desk.account import Desk
    from execbot.quality.confirmer import Confirmer

__all__ = [
    "Confirmation",
    "build_confirmer",
    "confirm_fills",
    "confirmation_json",
    "confirmation_rows",
    "in_words",
]

LOOKS_A_COMMAND = 4
"""Requests that a command spends on past quotes, once it has done what it was asked for."""

EVENTS_AT_ONCE = 200
"""How many events a command looks through before it answers: some tens of milliseconds."""

EVERYTHING = 1_000_000
"""Batches of events: a report that leaves out what nobody has confirmed yet would be wrong."""

BATCHES_AFTERWARDS = 2
"""When it has answered; a long history is gone through by several commands."""


def build_confirmer(desk: Desk) -> Confirmer:
    from execbot.market.calendar_cache import table_for
    from execbot.model.times import eastern
    from execbot.quality.confirmer import Confirmer

    return Confirmer(
        desk.journal,
        desk.client,
        desk.settings.trading,
        lambda at: table_for(desk.directory.parent, eastern(at).date()),
        desk.now,
    )


def confirm_fills(desk: Desk, *, looks: int = 0, batches: int = 1) -> list[str]:
    """Confirm what has filled since the last look; in words, what a person must know of it.

    Questions to the broker wait until the command has answered, but for `looks` of them, which go
    out now. Looks through at most so many `batches` of events. Never fails the command that it is
    part of: the next one does what could not be done now.
    """
    from execbot.desk.protect import watched_by

    if desk.is_dry_run or desk.journal_trouble is not None:
        return []
    try:
        confirmer = build_confirmer(desk)
        confirmer.take_in(batches=batches, events=EVENTS_AT_ONCE)
        if watched_by(desk) is not None:
            return []
        if looks:
            confirmer.look_up(looks)
        if not desk.looks_afterwards:
            desk.looks_afterwards = True
            desk.on_close(partial(_look_afterwards, desk, confirmer))
        return _alerted(desk)
    except JournalError:
        return []


def _look_afterwards(desk: Desk, confirmer: Confirmer) -> None:
    """Past quotes, and the account's cash now and then."""
    from execbot.broker.errors import BrokerError
    from execbot.quality.cash_check import CashCheck

    if desk.journal_trouble is not None:
        return
    with suppress(JournalError, BrokerError):
        confirmer.take_in(batches=BATCHES_AFTERWARDS)
        confirmer.look_up(LOOKS_A_COMMAND)
        CashCheck(desk.journal, desk.client, desk.now).turn()


def confirmation_json(item: Confirmation | None) -> dict[str, Any] | None:
    """Every field of it, absent ones null; null where the order has none."""
    from execbot.quality import shown

    return None if item is None else shown.confirmation_json(item)


def confirmation_rows(item: Confirmation) -> list[tuple[str, str]]:
    """Every figure with its name, for people."""
    from execbot.quality.rows import rows_of

    return rows_of(item)


def in_words(item: Confirmation) -> str:
    from execbot.quality import shown

    return shown.in_words(item)


def _alerted(desk: Desk) -> list[str]:
    """Alert on what differs, once for all processes."""
    from execbot.quality.cash_check import cash_alert_words
    from execbot.quality.telling import alerts_of

    found = alerts_of(desk.journal, desk.now())
    cash = [("cash", "", words) for words in cash_alert_words(desk.journal, desk.now())]
    alerts = [*found.alerts, *cash]
    if alerts:
        from execbot.alerts import Alert

        for kind, symbol, words in alerts:
            desk.alerter.alert(Alert(kind, words, symbol))
    found.remember(desk.journal)
    return [words for _, _, words in alerts]
