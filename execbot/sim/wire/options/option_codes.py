"""The code tables of option market data: exchanges, and conditions of trades and quotes."""

from __future__ import annotations

EXCHANGES = {
    "A": "NYSE American Options", "B": "BOX Options Exchange", "C": "Cboe Options Exchange",
    "D": "Miax Emerald Options", "E": "Cboe EDGX Options Exchange", "H": "ISE Gemini",
    "I": "International Securities Exchange", "J": "MRX Options Exchange",
    "M": "Miax Options Exchange", "N": "NYSE Arca Options", "O": "OPRA",
    "P": "MIAX Pearl Options", "Q": "NASDAQ Options", "S": "BATS Options Exchange",
    "T": "NASDAQ OMX BX Options", "U": "Members Exchange Options", "W": "Cboe C2 Options Exchange",
    "X": "NASDAQ OMX PHLX",
}  # fmt: skip
CONDITIONS = {
    "trade": {
        "a": "SLAN - Single Leg Auction Non ISO", "e": "SLFT - Single Leg Floor Trade",
        "g": "MLAT - Multi Leg Auction", "I": "AUTO - Automatic Electronic Trade",
    },
    "quote": {"A": "Eligible for automatic execution", " ": "Regular"},
}  # fmt: skip
