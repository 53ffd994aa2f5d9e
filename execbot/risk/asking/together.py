"""One round of questions to the broker for one decision, asked at once instead of in turn.

Lanes to the trading host, and one to that of the data:

- orders; when their answer is there positions and the account, side by side;
- the asset, then the broker's clock, where none is kept;
- what came and went today, where that is due;
- the quote.

Orders stay in front of positions and account. An order that fills in between is then seen twice,
never zero times, and the buying power was told after the order was listed, so it knows of it.
Orders of ours could be counted from the journal while all three are asked for at once; what
somebody else gave to the account is in no journal, and if it filled or came between two answers
that overlap it would be counted nowhere.

Answers are taken in the order in which they were once asked for, so that of several failures the
same one is told as ever. `seq` and `began_at` are from before the first byte leaves: whatever any
process records later counts as changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from execbot.broker.beside import Beside
from execbot.broker.errors import BrokerError
from execbot.broker.port import BrokerClient, OrderQuery
from execbot.model.account import Account, Activity, Asset, Clock, Position
from execbot.model.order import Order
from execbot.model.quote import Quote
from execbot.model.timer import boot_seconds
from execbot.risk.account_rows import RowsDue, ask_rows, rows_due
from execbot.risk.asking.kept_facts import KeptFacts

if TYPE_CHECKING:
    from execbot.config.schema import TradingSettings
    from execbot.journal.journal import Journal

T = TypeVar("T")


class Round:
    """The questions of one decision. Without `beside` each is asked when its answer is taken."""

    def __init__(
        self,
        client: BrokerClient,
        *,
        seq: int,
        began_at: datetime,
        beside: bool,
        symbol: str = "",
        asks_asset: bool = False,
        asks_quote: bool = False,
        asks_clock: bool = True,
        asks_account: bool = True,
        rows_due: RowsDue | None = None,
    ) -> None:
        """`asks_asset` and `asks_quote` are about `symbol`; without `asks_account` nothing else is
        asked ahead."""
        self.seq = seq
        self.began_at = began_at
        self.began_seconds = boot_seconds()
        self.symbol = symbol
        self._rows_due = rows_due
        self._client = client
        self._begun: dict[str, Beside[Any]] = {}
        if not beside:
            return
        if asks_account:
            orders = self._begin("orders", self._orders)
            self._begin("positions", client.get_positions, after=orders)
            self._begin("account", client.get_account, after=orders)
        asset = None
        if asks_asset:
            asset = self._begin("asset", lambda: client.get_asset(symbol))
        if asks_clock and asks_account:
            self._begin("clock", client.get_clock, after=asset)
        if rows_due is not None and asks_account:
            self._begin("rows", lambda: ask_rows(client, rows_due))
        if asks_quote:
            self._begin("quote", lambda: client.latest_quotes([symbol]))

    def orders(self) -> Sequence[Order]:
        return self._taken("orders", self._orders)

    def positions(self) -> Sequence[Position]:
        return self._taken("positions", self._client.get_positions)

    def account(self) -> Account:
        return self._taken("account", self._client.get_account)

    def clock(self) -> Clock:
        return self._taken("clock", self._client.get_clock)

    def asset(self, symbol: str) -> Asset:
        return self._taken("asset", lambda: self._client.get_asset(symbol))

    def quotes(self, symbol: str) -> Mapping[str, Quote]:
        return self._taken("quote", lambda: self._client.latest_quotes([symbol]))

    def rows(self, due: RowsDue) -> Sequence[Activity]:
        """The rows that were asked for; asks anew if other days are due by now."""
        if self._rows_due is None or self._rows_due.start != due.start:
            self._begun.pop("rows", None)
        return self._taken("rows", lambda: ask_rows(self._client, due))

    def has(self, name: str) -> bool:
        """Whether it was asked for ahead and not taken yet."""
        return name in self._begun

    def clock_if_there(self) -> Clock | None:
        """Without waiting, and None where it failed: for what does not rest on it."""
        begun = self._begun.get("clock")
        if begun is None or not begun.is_done:
            return None
        with suppress(BrokerError):
            return self.clock()
        return None

    def _orders(self) -> Sequence[Order]:
        return self._client.list_orders(OrderQuery(status="open"))

    def _taken(self, name: str, ask: Callable[[], T]) -> T:
        """The answer to what was asked ahead, once; asked now where it was not."""
        begun = self._begun.pop(name, None)
        return ask() if begun is None else begun.result()

    def _begin(
        self, name: str, ask: Callable[[], Any], *, after: Beside[Any] | None = None
    ) -> Beside[Any]:
        """Ask on a thread of its own, once the answer to `after` is there.

        A failure there keeps nothing from being asked: who takes the answers raises the first one.
        """

        def in_turn() -> Any:
            if after is not None:
                after.wait()
            return ask()

        begun = self._begun[name] = Beside(in_turn, name=f"facts:{name}")
        return begun


class Asking(Struct, frozen=True):
    """Whom a process asks, and how: all that a round needs besides its subject.

    `beside`: answers may be waited for at once, on threads. `kept`: what need not be asked.
    """

    client: BrokerClient
    journal: Journal
    settings: TradingSettings
    now: Callable[[], datetime]
    beside: bool = False
    kept: KeptFacts | None = None

    def begin(
        self,
        symbol: str = "",
        *,
        asks_asset: bool = False,
        asks_quote: bool = False,
        asks_account: bool = True,
    ) -> Round:
        """A round about the account, and about `symbol` where one is given. Raises JournalError."""
        # Without a reply yet an own exchange would be asked for the time, in front of all others.
        began_at = getattr(self.now, "so_far", self.now)() if self.beside else self.now()
        kept, due = self.kept, None
        if self.beside and self.settings.risk.max_daily_loss_pct is not None:
            due = rows_due(self.journal, began_at)
        return Round(
            self.client,
            seq=self.journal.last_seq(),
            began_at=began_at,
            beside=self.beside,
            symbol=symbol,
            asks_asset=asks_asset and (kept is None or kept.asset(symbol, began_at) is None),
            asks_quote=asks_quote,
            asks_clock=kept is None or kept.clock(began_at) is None,
            asks_account=asks_account,
            rows_due=due,
        )
