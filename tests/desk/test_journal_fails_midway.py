"""Goal: wherever the journal fails in the middle of a command, what is said is what was done.

Method: each command on an account of the built-in exchange, in this process, once for every step at
which it writes the journal: locked before the step, the disk full at it, the file gone after it.
What the exchange has is compared with what was said; a command that promises that nothing was sent
must not have touched it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from desk.failing_file import Fails
from desk.sim_account import Harness, Said, Seen

from execbot.cli.errors import NOTHING_SENT
from execbot.cli.exit_codes import ExitCode
from execbot.desk import protect
from execbot.desk.opening.outcomes import STEPS, CommandStep

COMMANDS: Mapping[str, str] = {
    "submit": "submit KO --qty 1 --client-order-id new",
    "submit_with_exits": "submit KO --qty 2 --stop-loss 2% --client-order-id new --wait 5",
    "signal": "signal KO buy --strength 90 --qty 2 --id s1",
    "signal_closes": "signal AAPL sell --strength 90 --id s2",
    "replace": "replace resting --limit 101",
    "cancel": "cancel resting",
    "cancel_all": "cancel-all --yes",
    "close": "close AAPL",
    "close_part": "close AAPL --qty 1",
    "close_without": "close AAPL --without-journal",
    "close_all_without": "close --all --yes --without-journal",
    "halt": "halt --reason test --cancel --flatten --yes",
    "halt_without": "halt --reason test --cancel --flatten --yes --without-journal",
    "protect": "protect AAPL --stop 5%",
    "move": "exits move AAPL --stop 7%",
}
FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "place": ("submit", "submit_with_exits"),
    "act_on_signal": ("signal", "signal_closes"),
    "replace": ("replace",),
    "cancel": ("cancel",),
    "cancel_all": ("cancel_all",),
    "close": ("close", "close_part", "close_without"),
    "close_all": ("close_all_without",),
    "halt": ("halt", "halt_without"),
    "protect": ("protect",),
    "move": ("move",),
}
"""Which function of the desk each of them is."""

STEP_OF: Mapping[str, CommandStep] = {
    **dict.fromkeys(("intent", "release", "replace_requested", "hand_overs"), CommandStep.INTENT),
    **dict.fromkeys(("snapshot", "activity_fill", "chain"), CommandStep.ANSWER),
    **dict.fromkeys(("exit_plans", "plans_in_force"), CommandStep.PLAN),
    **dict.fromkeys(
        (
            "meta sync",
            "meta brake_pulled",
            "meta account_rows",
            "account_rows",
            "fee_sums",
            "meta queue:released_at",
        ),
        CommandStep.MARK,
    ),
    **dict.fromkeys(
        (
            *("confirmations", "confirmations_in_force", "cash_samples", "cash_days"),
            "equity_samples",
        ),
        CommandStep.MARK,
    ),
    "cancel_requested": CommandStep.CANCEL,
    "audit": CommandStep.DECISION,
    "signals": CommandStep.SIGNAL,
    "meta kill_switch": CommandStep.SWITCH,
}


def judge(line: str, said: Said, before: Seen, after: Seen) -> list[str]:
    """What is wrong with what was said. Empty is right."""
    changed, wrong = after.changed_since(before), []
    if said.code in (ExitCode.INTERNAL, ExitCode.INTERRUPTED):
        wrong.append("a bug")
    if changed and (said.code in NOTHING_SENT or said.outcome == "not_sent"):
        wrong.append("it says that nothing was sent")
    writes_alone = line.startswith(("halt", "protect", "exits"))  # a switch, a plan: a part of it
    if not changed and said.code == ExitCode.PARTLY and not writes_alone:
        wrong.append("no part was done")
    if not changed and said.code in (ExitCode.DONE, ExitCode.IN_DOUBT):
        wrong.append("nothing was done, and it does not say so")
    for name in changed:
        order = after.orders[name]
        leg_of_named = order["client_order_id"] not in said.everything and order["legs"] is None
        if name not in said.everything and order["id"] not in said.everything and not leg_of_named:
            wrong.append(f"{name} is not named")
    bare = (after.bare() - before.bare()) & set(before.held)
    words = ("no stop", "unprotected", "without a stop", "not protected")
    if bare and not (
        all(symbol in said.everything for symbol in bare)
        and any(word in said.everything for word in words)
    ):
        wrong.append(f"{bare} have no stop, and nobody says so")
    if any(float(qty) < 0 for qty in after.held.values()):
        wrong.append("sold too much")
    if line.startswith("submit") and said.code == ExitCode.DONE and "new" not in changed:
        wrong.append("done, and there is no order")
    if "--without-journal" in line:
        if "AAPL" in after.held:
            wrong.append("not flat")
        if said.err and "--without-journal" in json.loads(said.err.splitlines()[-1])["next"]:
            wrong.append("it names the command that failed")
    return wrong


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_said_is_what_was_done(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    line = COMMANDS[name]
    monkeypatch.setattr(protect, "WAIT_SECONDS", 1.0)
    monkeypatch.setattr(protect, "FAILING_WAIT_SECONDS", 0.3)
    said, before, after, faults = harness.run(line, Fails.LOCKED, 0)
    assert said.code == 0, said
    assert not judge(line, said, before, after)
    found = []
    for kind in Fails:
        for at in range(1, faults.steps + 1):
            said, before, after, _ = harness.run(line, kind, at)
            found += [f"{kind} {at}: {wrong}: {said}" for wrong in judge(line, said, before, after)]
    assert not found, "\n\n".join(found)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_command_writes_at_the_steps_that_it_declares(harness: Harness, function: str) -> None:
    seen = set()
    for name in FUNCTIONS[function]:
        *_, faults = harness.run(COMMANDS[name], Fails.LOCKED, 0)
        seen |= {STEP_OF[touched] for touched in faults.touched}
    assert seen <= STEPS[function]
    assert {CommandStep.ANSWER} <= seen
