"""Goal: what the page asks of the broker never takes the requests that orders need.

Method: the decision by itself, second by second, while orders move all the time.
"""

from __future__ import annotations

import pytest

from execbot.page.following import is_to_be_asked

REQUESTS_EACH = 5
BUDGET = 200


@pytest.mark.parametrize("follows", [True, False])
def test_a_minute_full_of_orders_takes_less_than_a_third_of_the_budget(follows: bool) -> None:
    asked, since = 0, 100.0
    for _ in range(600):
        if is_to_be_asked(since, follows=follows, is_called=False, has_moved=True):
            asked, since = asked + 1, 0.0
        since += 0.1
    assert 10 <= asked <= BUDGET / REQUESTS_EACH / 3


@pytest.mark.parametrize(
    ("since", "follows", "is_called", "has_moved", "asks"),
    [
        (20.0, True, False, False, True),
        (10.0, True, False, False, False),
        (10.0, True, False, True, True),
        (2.0, True, False, True, False),
        (2.0, True, True, False, True),
        (0.5, True, True, True, False),
        (6.0, False, False, False, True),
        (4.0, False, False, False, False),
    ],
)
def test_when_it_asks(
    since: float, follows: bool, is_called: bool, has_moved: bool, asks: bool
) -> None:
    found = is_to_be_asked(since, follows=follows, is_called=is_called, has_moved=has_moved)
    assert found is asks
