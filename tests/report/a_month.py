"""A month of trading in virtual time behind a desk as commands open it."""

from __future__ import annotations

from pathlib import Path

from trades.test_months import Month, play

from execbot.config.load import Settings
from execbot.config.schema import Mode, TradingSettings
from execbot.desk.account import Desk
from execbot.desk.opening.journal_need import Need


def played(path: Path, seed: int) -> tuple[Month, Desk]:
    month = play(path, seed)
    return month, desk_of(month, path)


def desk_of(month: Month, path: Path) -> Desk:
    """The same journal and exchange, as `report` sees them."""
    directory = path / "state" / "sim-month"
    directory.mkdir(parents=True, exist_ok=True)
    return Desk(
        settings=Settings(trading=TradingSettings()),
        mode=Mode.SIM,
        account="PA0000MONTH",
        directory=directory,
        journal=month.desk.journal,
        client=month.desk.client,
        need=Need.LOOK,
        now=month.desk.now,
    )
