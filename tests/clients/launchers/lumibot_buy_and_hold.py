"""Lumibot's example that buys and holds, live, as the last lines of the example do it."""

from lumibot.brokers import Alpaca
from lumibot.credentials import ALPACA_CONFIG
from lumibot.example_strategies.stock_buy_and_hold import BuyAndHold

BuyAndHold(broker=Alpaca(ALPACA_CONFIG)).run_live()
