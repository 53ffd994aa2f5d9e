"""Goal: what must be agreed to follows from one table, whatever the command.

Method: the rule itself, for every act, mode and way to agree.
"""

from __future__ import annotations

import pytest

from execbot.config.schema import Mode
from execbot.desk.confirming import AGREED, Act, Consent, needs_consent

ASKABLE, NOBODY = Consent(ask=lambda question: True), Consent()


@pytest.mark.parametrize("act", list(Act))
def test_in_live_everything_is_agreed_to_wherever_it_comes_from(act: Act) -> None:
    assert needs_consent(act, Mode.LIVE, ASKABLE)
    assert needs_consent(act, Mode.LIVE, NOBODY)
    assert not needs_consent(act, Mode.LIVE, AGREED)


@pytest.mark.parametrize("mode", [Mode.SIM, Mode.PAPER])
@pytest.mark.parametrize(
    ("act", "asks"),
    [(Act.SEND, False), (Act.CLOSE, False), (Act.CANCEL_ALL, True), (Act.FLATTEN, True)],
)
def test_elsewhere_only_what_undoes_much_is_asked_and_no_script_is_held_up(
    mode: Mode, act: Act, asks: bool
) -> None:
    assert needs_consent(act, mode, ASKABLE) is asks
    assert not needs_consent(act, mode, NOBODY)
    assert not needs_consent(act, mode, AGREED)
