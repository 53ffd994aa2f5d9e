"""Option contracts and their market data, for `AlpacaClient`.

Two feeds: `opra` is the market, for accounts with the subscription and the signed agreement;
`indicative` is modelled, wide, and nothing to price by (Alpaca: "Real-time option data"). The first
is asked for, and where Alpaca refuses it the second from then on; each quote names its feed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from execbot.broker.budget import RequestPriority
from execbot.broker.errors import BadReply, BrokerError, UnreadRow
from execbot.broker.remedy import Remedy
from execbot.broker.session import Call, RestSession
from execbot.model.options.contract import Contract, ContractQuery
from execbot.model.options.snapshot import Snapshot
from execbot.model.plausible import believed
from execbot.model.symbols import in_path
from execbot.model.unread import Unread

SYMBOLS_PER_REQUEST = 100
CONTRACTS_PAGE = 10_000
SNAPSHOTS_PAGE = 1000
PAGES_MAX = 100


class OptionFeed(StrEnum):
    OPRA = "opra"
    INDICATIVE = "indicative"


class OptionCalls(ABC):
    """Requests about options; each raises BrokerError."""

    _session: RestSession
    _now: Callable[[], datetime]
    option_feed: OptionFeed = OptionFeed.OPRA

    @abstractmethod
    def _read(self, path: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]: ...

    # --- contracts -------------------------------------------------------------------------

    def get_contract(self, symbol: str) -> Contract:
        """Raises NotFound where Alpaca knows no such contract."""
        row = self._read(f"/v2/options/contracts/{in_path(symbol)}")
        return _contract(row, symbol)

    def get_contracts(self, query: ContractQuery) -> list[Contract]:
        """By expiry, strike and right; however many pages that takes."""
        asked = {
            "underlying_symbols": query.underlying,
            "status": "active",
            "limit": str(CONTRACTS_PAGE),
            **query.filters(),
        }
        found = [
            _contract(row)
            for page in self._pages("/v2/options/contracts", asked)
            for row in _rows(page.get("option_contracts"))
        ]
        return sorted(found, key=lambda one: (one.expires, one.strike, not one.is_call, one.symbol))

    def exercise(self, symbol: str) -> None:
        """All available long contracts, at once. Refused from the close to midnight."""
        self._post(symbol, "exercise")

    def do_not_exercise(self, symbol: str) -> None:
        """On the day of expiry, for long contracts; only Alpaca's support takes it back."""
        self._post(symbol, "do-not-exercise")

    def _post(self, symbol: str, what: str) -> None:
        path = f"/v2/positions/{in_path(symbol)}/{what}"
        self._session.send(Call("trading", "POST", path, priority=RequestPriority.EXIT))

    def cash_dividends(self, symbols: Sequence[str], start: date, end: date) -> dict[str, Decimal]:
        """By GET /v1/corporate-actions of the data host."""
        query = {
            "symbols": ",".join(symbols),
            "types": "cash_dividend",
            "start": start.isoformat(),
            "end": end.isoformat(),
        }
        reply = self._session.get_object(Call("data", "GET", "/v1/corporate-actions", query))
        actions = reply.get("corporate_actions")
        rows = actions.get("cash_dividends") if isinstance(actions, Mapping) else None
        found: dict[str, Decimal] = {}
        for row in _rows(rows):
            symbol, rate = str(row.get("symbol") or ""), believed(row.get("rate"))
            day = str(row.get("ex_date") or "")
            if symbol in symbols and rate and start.isoformat() <= day <= end.isoformat():
                found[symbol] = found.get(symbol, Decimal(0)) + rate
        return found

    # --- market data -----------------------------------------------------------------------

    def option_snapshots(self, symbols: Sequence[str]) -> dict[str, Snapshot]:
        """Contracts of which nothing is known are absent."""
        found: dict[str, Snapshot] = {}
        for start in range(0, len(symbols), SYMBOLS_PER_REQUEST):
            part = ",".join(symbols[start : start + SYMBOLS_PER_REQUEST])
            reply = self._read_options("snapshots", {"symbols": part})
            found |= self._snapshots(reply)
        return found

    def option_chain(self, query: ContractQuery) -> dict[str, Snapshot]:
        """The snapshots of one underlying's contracts, however many pages that takes."""
        found: dict[str, Snapshot] = {}
        asked = {"limit": str(SNAPSHOTS_PAGE), **query.filters()}
        for _ in range(PAGES_MAX):
            reply = self._read_options(f"snapshots/{in_path(query.underlying)}", asked)
            found |= self._snapshots(reply)
            token = reply.get("next_page_token")
            if not token:
                return found
            if asked.get("page_token") == str(token):
                raise _stuck()
            asked = {**asked, "page_token": str(token)}
        raise _stuck()

    def _latest_options(self, what: str, symbols: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Rows of the latest `quotes` or `trades`."""
        found: dict[str, Mapping[str, Any]] = {}
        for start in range(0, len(symbols), SYMBOLS_PER_REQUEST):
            part = ",".join(symbols[start : start + SYMBOLS_PER_REQUEST])
            rows = self._read_options(f"{what}/latest", {"symbols": part}).get(what)
            if isinstance(rows, Mapping):
                found |= {k: v for k, v in rows.items() if isinstance(v, Mapping)}
        return found

    def _read_options(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        """From the market's own feed, or once that was refused from the modelled one."""
        asked = {**query, "feed": self.option_feed.value}
        call = Call("data", "GET", f"/v1beta1/options/{path}", asked)
        try:
            return self._session.get_object(call)
        except BrokerError as error:
            if self.option_feed is OptionFeed.INDICATIVE or error.status not in (403, 422):
                raise
        self.option_feed = OptionFeed.INDICATIVE
        return self._read_options(path, query)

    def _snapshots(self, reply: Mapping[str, Any]) -> dict[str, Snapshot]:
        rows, feed = reply.get("snapshots"), self.option_feed.value
        if not isinstance(rows, Mapping):
            return {}
        return {
            symbol: Snapshot.from_wire(symbol, row, self._now(), feed=feed)
            for symbol, row in rows.items()
            if isinstance(row, Mapping)
        }

    def _pages(self, path: str, query: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        asked = dict(query)
        for _ in range(PAGES_MAX):
            page = self._read(path, asked)
            yield page
            token = page.get("next_page_token")
            if not token:
                return
            if asked.get("page_token") == str(token):
                break
            asked["page_token"] = str(token)
        raise _stuck()


def _contract(row: Mapping[str, Any], symbol: str = "") -> Contract:
    try:
        found = Contract.from_wire(row)
    except ValueError as error:
        name = str(row.get("symbol") or symbol)
        raise UnreadRow.of(Unread("contract", name, str(error)), "GET") from None
    if symbol and found.symbol != symbol:
        raise UnreadRow.of(Unread("contract", symbol, "it is another one"), "GET")
    return found


def _rows(value: object) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _stuck() -> BadReply:
    return BadReply(
        kind="broker.paging_stuck",
        message="The broker repeats the same page of option contracts without end",
        hint="The list would be incomplete, so it is not used.",
        next_step="ask for fewer: one expiry, or a range of strikes",
        remedy=Remedy.RETRY,
    )
