"""Goal: how long something has lasted reads the same in `positions` and on the screen."""

from __future__ import annotations

import pytest

from execbot.model.times import show_age


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "-"),
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (3599, "59m"),
        (3600, "1h00m"),
        (11_100, "3h05m"),
        (86_399, "23h59m"),
        (86_400, "1d00h"),
        (187_200, "2d04h"),
    ],
)
def test_an_age_is_shown_in_its_two_largest_units(seconds: int | None, words: str) -> None:
    assert show_age(seconds) == words
