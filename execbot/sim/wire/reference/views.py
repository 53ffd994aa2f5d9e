"""The market-data host's views that are no prices: news, screener, corporate actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from execbot.sim.prices.adjustments import Adjustments
from execbot.sim.prices.source import MarketPrices
from execbot.sim.types import Ns
from execbot.sim.wire.data_history import Source
from execbot.sim.wire.reference import corporate_actions, news
from execbot.sim.wire.reference.corporate_actions import CorporateAction, CorporateLog
from execbot.sim.wire.reference.news import Newsroom
from execbot.sim.wire.reference.screener import Screener


class ReferenceView(Protocol):
    """The part of an exchange's market that is served here."""

    @property
    def prices(self) -> MarketPrices: ...

    @property
    def recorded_adjustments(self) -> Adjustments: ...

    @property
    def newsroom(self) -> Newsroom: ...

    @property
    def screener(self) -> Screener: ...

    @property
    def corporate(self) -> CorporateLog: ...


def all_actions(market: ReferenceView, now: Ns) -> list[CorporateAction]:
    """Every corporate action up to now."""
    from_recording = corporate_actions.recorded(market.recorded_adjustments, market.prices, now)
    return [*from_recording, *market.corporate.actions]


def view(
    market: ReferenceView, source: Source, parts: Sequence[str], query: Mapping[str, str]
) -> Any:
    """The body for a path, cut at its slashes; None where the path is none of these.
    Raises `ApiError`.
    """
    match parts:
        case ["v1beta1", "news"]:
            return news.history(market.newsroom, query, source.now)
        case ["v1beta1", "screener", "stocks", "most-actives"]:
            return market.screener.most_active(source, query)
        case ["v1beta1", "screener", kind, "movers"]:
            return market.screener.movers(kind, source, query)
        case ["v1", "corporate-actions"]:
            return corporate_actions.history(all_actions(market, source.now), query, source.now)
    return None
