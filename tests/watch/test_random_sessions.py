"""Goal: whatever is lost, doubled, late, cut or killed, no share stays without a stop unnoticed.

Method: random sessions under the virtual clock. The price stream falls silent, the broker tells
nothing by stream or REST, the journal is locked or its disk full. `watch` is killed at its
requests, frames are lost, doubled, delayed and swapped, replies are lost and refused, lists are
empty, late and short, figures are zero, executions are corrected and busted (with a report and
without), and a trader acts beside it: adds and closes by processes that may be killed as well. In
three sessions of ten the trader goes short, and everything is the other way round; in some of the
others every quantity has a fraction of a share.
Each session is judged by the exchange's own record: how long shares had no stop, whether more was
closed than held, or under one id than it was given for, whether both sides agree in the end.

A failing seed runs alone with `--sessions 1 --seed N`; the long proof with `--sessions 10000`.
The seeds are dealt out to four tests, so that `-n auto` plays them on all cores.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.sessions.lies import CHANCES as LIES
from support.sessions.random_session import OUTAGES, play

from execbot.watch.core import symbol_state

PARTS = 4


@pytest.mark.timeout(0)
@pytest.mark.parametrize("part", range(PARTS))
def test_random_sessions_leave_no_share_unprotected_and_none_oversold(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    count = int(request.config.getoption("--sessions"))
    first = int(request.config.getoption("--seed"))
    seeds = range(first + part, first + count, PARTS)
    if not seeds:
        pytest.skip(f"no session for part {part}: {count} in all")
    kills = faults = 0
    lies: set[str] = set()
    for seed in seeds:
        folder = tmp_path / str(seed)
        folder.mkdir()
        # In every third one `watch` forgets at once what is over, as it does on a busy day.
        monkeypatch.setattr(symbol_state, "ORDERS_KEPT", 20 if seed % 3 else 1)
        verdict = play(str(seed), folder)
        kills, faults = kills + verdict.kills, faults + verdict.faults
        lies.update(verdict.lies)
        assert not verdict.problems, (
            f"seed {seed}: {verdict.problems}; alone: pytest {__file__} --sessions 1 --seed {seed}"
        )
        for name in folder.iterdir():
            name.unlink()
    if len(seeds) > 20:
        assert kills > len(seeds) / 2
        assert faults > len(seeds)
        assert lies == {"unreported", *(name for _, name, _ in (*LIES, *OUTAGES))}


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(10001181, id="an order that was forgotten is told of late"),
        pytest.param(10000915, id="four entries, of which three came and went"),
        pytest.param(20000417, id="older entries told of after a newer one was sold"),
        pytest.param(21000639, id="shares taken back unreported before the last execution"),
    ],
)
def test_sessions_that_were_not_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """As the generator plays them today; what was wrong in the later ones has tests of its own."""
    monkeypatch.setattr(symbol_state, "ORDERS_KEPT", 20 if seed % 3 else 1)
    assert not play(str(seed), tmp_path).problems
