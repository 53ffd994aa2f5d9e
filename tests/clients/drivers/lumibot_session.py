"""Lumibot with its own broker and loop: a strategy that buys, protects with an OCO, and leaves."""

import os

os.environ.setdefault("IS_BACKTESTING", "False")
from lumibot.brokers import Alpaca
from lumibot.entities import Asset, Order
from lumibot.strategies import Strategy
from lumibot.traders import Trader
from steps import KEY, SECRET, absent, in_background, play, wait_for

seen = {}


class Short(Strategy):
    """One share, an OCO around it, and a limit that is taken back."""

    def initialize(self):
        self.sleeptime = "2S"
        self.set_market("24/7")

    def on_trading_iteration(self):
        if "cash" in seen:
            return
        seen["cash"] = self.get_cash()
        seen["price"] = self.get_last_price("AAPL")
        self.submit_order(self.create_order("AAPL", 2, Order.OrderSide.BUY))

    def on_filled_order(self, position, order, price, quantity, multiplier):
        seen.setdefault("filled", []).append((order.side, float(quantity)))
        if len(seen["filled"]) == 1:
            seen["position"] = float(position.quantity)
            self.submit_order(
                self.create_order(
                    "AAPL", 2, Order.OrderSide.SELL, order_class=Order.OrderClass.OCO,
                    limit_price=900, stop_price=10,
                )
            )  # fmt: skip
            resting = self.create_order("F", 1, Order.OrderSide.BUY, limit_price=1)
            self.submit_order(resting)
            seen["resting"] = resting
            seen["strategy"] = self

    def on_canceled_order(self, order):
        seen["canceled"] = order.asset.symbol

    def on_new_order(self, order):
        seen.setdefault("new", []).append((str(order.order_class), order.asset.symbol))


broker = Alpaca({"API_KEY": KEY, "API_SECRET": SECRET, "PAPER": True})
trader = Trader(logfile="")
trader.add_strategy(Short(broker=broker))
in_background(lambda: trader.run_all_async() if hasattr(trader, "run_all_async") else None)


def account():
    assert wait_for(lambda: seen.get("cash"), "cash") == 100_000


def order():
    wait_for(lambda: seen.get("filled"), "fill")


def cancel():
    resting = wait_for(lambda: seen.get("resting"), "resting")
    wait_for(lambda: resting.identifier, "id")
    seen["strategy"].cancel_order(resting)
    wait_for(lambda: seen.get("canceled") == "F", "cancel")


def position():
    assert wait_for(lambda: seen.get("position"), "position") == 2


def oco():
    open_ones = [o for o in broker.api.get_orders() if o.symbol == "AAPL"]
    assert [str(o.order_class.value) for o in open_ones] == ["oco"], open_ones


def updates():
    wait_for(lambda: seen.get("new"), "new")


def data():
    assert seen["price"] > 0
    assert Asset("AAPL").symbol == "AAPL"
    assert len(seen["strategy"].get_historical_prices("AAPL", 5, "minute").df)


play(account=account, quotes=absent, order=order, cancel=cancel, position=position,
     updates=updates, data=data, lists=oco)  # fmt: skip
