"""Goal: a random session that once was bad stays good, though the generator has changed since.

Method: what happened in it was recorded as events (tests/watch/scripts) and is played again against
the real watcher in virtual time; the judge is that of the random sessions.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.sessions.event_script import play_script

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.json"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_session_that_was_bad_is_good(script: Path, tmp_path: Path) -> None:
    verdict = play_script(script, tmp_path)
    assert not verdict.problems
    assert verdict.kills and verdict.longest_uncovered > 0
