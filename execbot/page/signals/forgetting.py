"""Old signals leave the store: what came of them stays in the journal, which knows each id."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from execbot.page.signals.store import StoreFailed

log = logging.getLogger("execbot.page")

KEPT_FOR = timedelta(days=90)
"""For whoever asks where a signal is."""

EACH_SECONDS = 3600.0


async def forget_old(
    forget: Callable[[datetime], int],
    now: Callable[[], datetime],
    each_seconds: float = EACH_SECONDS,
) -> None:
    """Forget what ended more than 90 days ago, at the start and each hour. Ends by being canceled;
    a disk that fails is tried again an hour later."""
    while True:
        try:
            while await asyncio.to_thread(forget, now() - KEPT_FOR):
                pass
        except StoreFailed as error:
            log.warning("signals: old ones are not forgotten: %s", error.message)
        await asyncio.sleep(each_seconds)
