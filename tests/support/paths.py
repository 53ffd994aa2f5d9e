"""Where tests find recorded prices and Alpaca's API files, and skip where they are absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
EXAMPLES = ROOT / "examples"
SCENARIOS = ROOT / "tests" / "scenarios"


def market_data() -> Path:
    """The folder of recorded prices, or skip: EXECBOT_MARKET_DATA, else beside the checkout."""
    return _folder("EXECBOT_MARKET_DATA", ROOT.parent / "shared" / "market-data", "recorded prices")


def alpaca_facts() -> Path:
    """The folder of Alpaca's OpenAPI files and example payloads, or skip."""
    return _folder("EXECBOT_ALPACA_SPECS", ROOT.parent / "shared" / "alpaca", "Alpaca's API files")


def _folder(variable: str, default: Path, what: str) -> Path:
    path = Path(os.environ.get(variable) or default)
    if not path.is_dir():
        pytest.skip(f"{what} not found at {path}; set {variable} to run this test")
    return path
