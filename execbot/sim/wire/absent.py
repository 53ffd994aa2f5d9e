"""What Alpaca has and the exchange has not, with the reason: its 404 says so.

The test of the published description reads the same table: an operation is served, or it is here.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

ABSENT: tuple[tuple[str, str], ...] = (
    ("/v2/perpetuals/*", "no perpetual futures"),
    ("/v1beta1/crypto-perps/*", "no perpetual futures"),
    ("/v2/wallets*", "no wallets; money comes by `execbot sim deposit`"),
    ("/v2/tokenization/*", "no wallets"),
    ("/v1/locates*", "a hard-to-borrow short needs no locate here"),
    ("/v2beta1/events/*", "whether paper keys get server-sent events is unconfirmed"),
    ("/v2/assets/fixed_income/*", "no bonds"),
    ("/v1beta1/fixed_income/*", "no bonds"),
    ("/v1beta1/forex/*", "no currencies"),
    ("/v1beta1/indices/*", "no indices"),
    ("/v1beta1/logos/*", "no logos"),
)
# Not in the published description of the trading API.
_OTHERS: tuple[tuple[str, str], ...] = (
    ("/v2/events/*", "whether paper keys get server-sent events is unconfirmed"),
    ("/v2/transfers*", "no transfers; money comes by `execbot sim deposit`"),
    ("/v2/ach_*", "no transfers; money comes by `execbot sim deposit`"),
    ("/v1/*", "the broker API is not served, only the trading API and market data"),
    ("/v1beta1/*", "no such market data"),
)


def reason(path: str) -> str | None:
    """Why a path is not served, where Alpaca has it; None for one that nobody knows."""
    for glob, why in (*ABSENT, *_OTHERS):
        if fnmatchcase(path, glob):
            return why
    return None
