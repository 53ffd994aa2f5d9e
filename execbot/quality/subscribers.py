"""Programs that are told of confirmations."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from execbot.broker.port import BrokerClient
from execbot.config.schema import TradingSettings
from execbot.journal.confirmation import Confirmation
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.market.calendar_cache import table_for
from execbot.model.times import eastern
from execbot.quality.confirmer import Confirmer
from execbot.quality.telling import news_since

log = logging.getLogger("execbot.oms")


class ConfirmationSubscribers:
    """Confirms what has filled whenever orders change, and calls back after it is durable.

    What another process has confirmed meanwhile is told too. A callback that fails is logged.
    """

    def __init__(
        self,
        client: BrokerClient,
        journal: Journal,
        settings: TradingSettings,
        now: Callable[[], datetime],
        calendar_dir: Path | None = None,
    ) -> None:
        self._confirmer = Confirmer(
            journal,
            client,
            settings,
            lambda at: table_for(calendar_dir, eastern(at).date()),
            now,
        )
        self._mark = journal.last_confirmation_seq()
        self._callbacks: list[Callable[[Confirmation], None]] = []

    def subscribe(self, callback: Callable[[Confirmation], None]) -> Callable[[], None]:
        self._callbacks.append(callback)

        def unsubscribe() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return unsubscribe

    def follow(self) -> None:
        """Confirm and tell. What the journal cannot take now is told with the next change."""
        if not self._callbacks:
            return
        journal = self._confirmer.journal
        try:
            self._confirmer.take_in()
            last, now = journal.last_confirmation_seq(), self._confirmer.now()
            told = list(news_since(journal, self._mark, last, now, patient=False))
        except JournalError as error:
            log.error("confirmations: %s", error)
            return
        self._mark = last
        for one in told:
            for callback in tuple(self._callbacks):
                try:
                    callback(one.item)
                except Exception:
                    log.exception("a subscriber of confirmation failed")
