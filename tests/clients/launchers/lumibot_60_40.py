"""Lumibot's rebalancer with the 60/40 weights that come with it, live."""

from lumibot.brokers import Alpaca
from lumibot.credentials import ALPACA_CONFIG
from lumibot.example_strategies.classic_60_40_config import parameters
from lumibot.example_strategies.drift_rebalancer import DriftRebalancer

DriftRebalancer(broker=Alpaca(ALPACA_CONFIG), parameters=parameters).run_live()
