"""The broker's back office: corrections, transfers, mergers and contracts on accounts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from execbot.sim.engine.accounts import flows, margin, mergers
from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.answers import views
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.options import elsewhere, ends
from execbot.sim.engine.orders import corrections
from execbot.sim.engine.render import ZERO
from execbot.sim.types import ApiError, Ns


class BackOffice:
    """The desk behind the exchange, for the control plane. Every refusal raises `ApiError`."""

    def __init__(self, core: ExchangeCore) -> None:
        self._core = core

    def _account(self, account_id: str) -> Account:
        account = self._core.accounts.get(account_id)
        if account is None:
            raise ApiError(404, 40410000, f"account not found for {account_id}")
        margin.roll(self._core, account)
        return account

    def correct_execution(
        self,
        account_id: str,
        order_id: str | None = None,
        *,
        symbol: str | None = None,
        qty: Decimal | None = None,
        price: Decimal | None = None,
    ) -> dict[str, Any]:
        """Corrects the last execution of an order, a symbol or the account; `qty` 0 busts it."""
        account = self._account(account_id)
        return corrections.correct(
            self._core, account, order_id, symbol=symbol, qty=qty, price=price
        )

    def move_cash(self, account_id: str, kind: str, amount: Decimal, row_after: Ns = 0) -> None:
        """Money in or out: CSD, CSW, JNLC, ACATC."""
        flows.cash(self._core, self._account(account_id), kind, amount, row_after)

    def move_shares(
        self,
        account_id: str,
        kind: str,
        symbol: str,
        qty: Decimal,
        *,
        price: Decimal | None = None,
        row_after: Ns = 0,
    ) -> None:
        """Shares in or out: JNLS, ACATS, FOPT."""
        account = self._account(account_id)
        flows.shares(self._core, account, kind, symbol, qty, price=price, row_after=row_after)

    def charge(
        self,
        account_id: str,
        kind: str,
        amount: Decimal,
        *,
        sub_type: str = "",
        symbol: str | None = None,
        row_after: Ns = 0,
    ) -> None:
        """A fee in dollars, or in coins of the pair that a CFEE names: FEE, CFEE, PTC."""
        account = self._account(account_id)
        flows.fee(
            self._core, account, kind, amount,
            sub_type=sub_type, symbol=symbol, row_after=row_after,
        )  # fmt: skip

    def merge(
        self, symbol: str, new_symbol: str | None, rate: Decimal = ZERO, cash: Decimal = ZERO
    ) -> None:
        """Shares of `symbol` become `rate` of `new_symbol` each, `cash` dollars, or both."""
        mergers.merge(self._core, symbol, new_symbol, rate, cash)

    def spin_off(
        self, symbol: str, new_symbol: str, rate: Decimal, cost_share: Decimal = ZERO
    ) -> None:
        """Holders of `symbol` get `rate` shares of `new_symbol` for each."""
        mergers.spin_off(self._core, symbol, new_symbol, rate, cost_share)

    # --- options placed elsewhere ----------------------------------------------------------

    def mark_option(self, symbol: str, price: Decimal | None) -> None:
        """Makes a contract known, or moves its price; None gives it back to its chain."""
        elsewhere.set_mark(self._core, symbol, price)

    def hold_option(self, account_id: str, symbol: str, qty: Decimal, price: Decimal) -> str:
        """A position that another program has opened; the id of its order."""
        account = self._account(account_id)
        return elsewhere.hold(self._core, account, symbol, qty, price).id

    def order_option(self, account_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """An order that another program has placed, in one contract or in several (mleg)."""
        order = elsewhere.order(self._core, self._account(account_id), body)
        return views.rest_order(self._core, order, legs=True)

    def fill_option(self, account_id: str, order_id: str, price: Decimal | None) -> dict[str, Any]:
        """An open order in contracts is filled now."""
        order = elsewhere.fill(self._core, self._account(account_id), order_id, price)
        return views.rest_order(self._core, order, legs=True)

    def expire_option(self, account_id: str, symbol: str, row_after: Ns = 0) -> None:
        """The contracts held are worthless and gone."""
        ends.expire(self._core, self._account(account_id), symbol, row_after)

    def exercise_option(
        self, account_id: str, symbol: str, qty: Decimal | None = None, row_after: Ns = 0
    ) -> None:
        """Bought contracts become shares at the strike."""
        ends.exercise(self._core, self._account(account_id), symbol, qty, row_after)

    def assign_option(
        self, account_id: str, symbol: str, qty: Decimal | None = None, row_after: Ns = 0
    ) -> None:
        """Sold contracts become shares at the strike."""
        ends.assign(self._core, self._account(account_id), symbol, qty, row_after)
