"""Goal: days without a person, in small: two half days played over with everything that a week has,
and the judge content.

Method: `python -m week` plays the same at length; here the last minutes of a day and the first of
the next, with a loss of power, a full disk and cuts, by units and then by a crontab.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from week.running import run
from week.summary import summary
from week.wanted import Wanted

SHORT = Wanted(
    seed="1",
    speed=15.0,
    weeks=(("2026-11-27", "2026-11-27"),),
    signal_seconds=20.0,
    stride_minutes=240.0,
    session_minutes=6.0,
    is_short=True,
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("manager", ["systemd", pytest.param("cron", marks=pytest.mark.long)])
def test_a_half_day_without_a_person(
    tmp_path: Path, manager: str, pytestconfig: pytest.Config
) -> None:
    wanted = Wanted(**{**vars(SHORT), "managers": (manager,)})
    said: list[str] = []
    week, verdict = run(wanted, tmp_path / "run", said.append)
    words = "\n".join([*said, summary(week, verdict, 0)])
    assert not verdict.problems, words
    assert verdict.record is not None and len(verdict.record.flat) > 10, words
    assert week.off and week.judged, words
