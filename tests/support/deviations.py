"""Every difference between the exchange and Alpaca's published description, with its reason."""

from __future__ import annotations

from support.contract import Deviation

TRADING_DEVIATIONS: tuple[Deviation, ...] = ()
DATA_DEVIATIONS: tuple[Deviation, ...] = ()

# Operations that are not served, and why.
ABSENT: tuple[tuple[frozenset[str], str], ...] = ()
