"""Fixtures of this room: an account of sim mode, and commands run on copies of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk.sim_account import Account, Harness


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Account:
    account = Account(tmp_path_factory.mktemp("midway") / "prepared")
    account.home.mkdir()
    account.prepare()
    return account


@pytest.fixture
def harness(
    prepared: Account,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Harness:
    return Harness(prepared, tmp_path, monkeypatch, capsys)
