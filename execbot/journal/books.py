"""The books of one file, without those of past months beside it."""

from __future__ import annotations

from execbot.journal.event_book import EventBook
from execbot.journal.execution_book import ExecutionBook
from execbot.journal.ledgers import Ledgers
from execbot.journal.order_book import OrderBook


class Books(OrderBook, ExecutionBook, EventBook, Ledgers):
    """All that is read and written of one file. An archive is one; the journal is more
    (`execbot.journal.archives.reads`)."""
