"""Goal: whatever is lost, late, doubled or killed, and whatever becomes of contracts: no order is
given twice, no sold one is left without cover, and both books agree once all rows are there.

Method: random sessions with options under the virtual clock. A trader buys and sells contracts and
spreads, protects them (a stop at the broker, a target, net prices, the stock's price), closes,
rolls and exercises them; `watch` and the trader's own commands are killed at their requests,
answers and frames are lost, late, doubled and refused. Sessions go on through a night of
assignments, a split of the stock, or through an expiry: left in time, left to the broker, or in an
outage. The judge is the exchange's own record (`support/sessions/option_verdict.py`).

A failing seed runs alone with `--option-sessions 1 --seed N`; the long proof with
`--option-sessions 5000`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from support.sessions.option_session import ACTS, Course, play

PARTS = 4


@pytest.mark.timeout(0)
@pytest.mark.parametrize("part", range(PARTS))
def test_random_sessions_with_options_give_no_order_twice_and_agree_in_the_end(
    request: pytest.FixtureRequest, tmp_path: Path, part: int
) -> None:
    count = int(request.config.getoption("--option-sessions"))
    first = int(request.config.getoption("--seed"))
    seeds = range(first + part, first + count, PARTS)
    if not seeds:
        pytest.skip(f"no session for part {part}: {count} in all")
    kills = faults = 0
    done: Counter[str] = Counter()
    courses: set[str] = set()
    rows: set[str] = set()
    for seed in seeds:
        folder = tmp_path / str(seed)
        folder.mkdir()
        verdict = play(str(seed), folder)
        kills, faults = kills + verdict.kills, faults + verdict.faults
        done.update(verdict.done)
        courses.add(verdict.course)
        rows.update(verdict.rows)
        assert not verdict.problems, (
            f"seed {seed}: {verdict.problems}; alone: pytest {__file__} "
            f"--option-sessions 1 --seed {seed}"
        )
        for name in folder.iterdir():
            name.unlink()
    if len(seeds) > 50:
        assert kills > len(seeds) / 2
        assert faults > len(seeds)
        assert courses == set(Course)
        assert set(done) >= {name for _, name in ACTS}
        assert rows >= {"FILL", "OPEXP", "OPEXC", "OPASN", "OPTRD"}
