"""Goal: every failure of every room has one exit code, one category and three lines.

Method: build the rooms' own errors and translate them; compare the docs' table with the code.
"""

from __future__ import annotations

import pytest
from support.paths import ROOT

from execbot.broker.errors import classify, classify_transport
from execbot.cli.error_page import markdown
from execbot.cli.errors import Failure, failure_of, usage
from execbot.cli.exit_codes import AT_BROKER, MEANING, ExitCode
from execbot.config.errors import ConfigError, CredentialsError
from execbot.exits.levels import LevelError
from execbot.journal.errors import JournalCorrupt, JournalFull, JournalLocked
from execbot.oms.errors import ClientIdReused, InDoubt, StaleIntent, UnknownOrder

REFUSED = '{"code": 40310000, "message": "insufficient buying power"}'


def http(status: int, body: str, method: str = "POST", headers: dict[str, str] | None = None):
    return classify(
        status, body, headers or {}, method=method, path="/v2/orders", client_order_id="mine"
    )


@pytest.mark.parametrize(
    ("error", "code", "outcome"),
    [
        (usage("wrong"), ExitCode.USAGE, "not_sent"),
        (LevelError("exits.bad_level", "level was 'x'", "hint"), ExitCode.USAGE, "not_sent"),
        (ClientIdReused("used"), ExitCode.USAGE, "not_sent"),
        (UnknownOrder("no order x"), ExitCode.USAGE, "not_sent"),
        (ConfigError("broken"), ExitCode.CONFIG, "not_sent"),
        (ConfigError("gate", kind="mode.live_gate"), ExitCode.CONFIG, "not_sent"),
        (JournalCorrupt("damaged"), ExitCode.CONFIG, "not_sent"),
        (JournalFull("full"), ExitCode.CONFIG, "not_sent"),
        (JournalLocked("locked"), ExitCode.TRANSIENT, "not_sent"),
        (CredentialsError("half", kind="auth.half_pair"), ExitCode.AUTH, "not_sent"),
        (http(401, '{"message": "request is not authorized"}'), ExitCode.AUTH, "rejected"),
        (http(403, REFUSED), ExitCode.REJECTED, "rejected"),
        (http(429, '{"message": "rate limit exceeded"}'), ExitCode.TRANSIENT, None),
        (http(504, "gateway timeout"), ExitCode.IN_DOUBT, "in_doubt"),
        (http(500, "", "GET"), ExitCode.TRANSIENT, None),
        (
            classify_transport(ConnectionRefusedError(), method="POST", sent=False),
            ExitCode.TRANSIENT,
            "not_sent",
        ),
        (
            classify_transport(TimeoutError(), method="POST", sent=True),
            ExitCode.IN_DOUBT,
            "in_doubt",
        ),
        (classify_transport(TimeoutError(), method="GET", sent=True), ExitCode.TRANSIENT, None),
        (InDoubt("unknown"), ExitCode.IN_DOUBT, "in_doubt"),
        (StaleIntent("stale"), ExitCode.TRANSIENT, "not_sent"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "in_doubt"),
        (ValueError("bug"), ExitCode.INTERNAL, "in_doubt"),
    ],
)
def test_every_failure_has_its_exit_code(
    error: BaseException, code: ExitCode, outcome: str | None
) -> None:
    failure = failure_of(error)
    assert failure.exit_code is code
    assert failure.category in ("retryable", "adjustable", "fatal", "waiting")
    assert failure.message
    if outcome is not None:
        assert failure.outcome == outcome


def test_the_json_of_a_refusal_carries_what_the_broker_said() -> None:
    shown = failure_of(http(403, REFUSED, headers={"X-Request-ID": "r1"})).as_json()
    assert shown["kind"] == "broker.insufficient_buying_power"
    assert shown["category"] == "adjustable"
    assert (shown["code"], shown["status"], shown["request_id"]) == (40310000, 403, "r1")
    assert shown["client_order_id"] == "mine"
    for name in ("error", "exit_code", "outcome", "hint", "next"):
        assert name in shown


def test_facts_that_are_not_known_are_left_out() -> None:
    assert "status" not in Failure("usage", "wrong").as_json()


def test_every_exit_code_is_explained_in_the_documentation() -> None:
    assert set(MEANING) == set(ExitCode)
    text = (ROOT / "docs" / "cli.md").read_text()
    for code, (meaning, at_broker) in MEANING.items():
        assert f"| {int(code)} | {meaning} | {at_broker} |" in text


def test_the_errors_page_says_for_every_code_what_may_have_happened() -> None:
    assert set(AT_BROKER) == set(ExitCode)
    written = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert written.endswith(markdown()), "how: see execbot/cli/error_page.py"


def test_what_was_done_decides_over_where_it_failed() -> None:
    error = JournalLocked("locked")
    error.after = "canceled"
    failure = failure_of(error)
    assert (failure.exit_code, failure.outcome) == (ExitCode.PARTLY, "canceled")
    error = JournalLocked("locked")
    error.in_doubt = True
    failure = failure_of(error)
    assert (failure.exit_code, failure.outcome) == (ExitCode.IN_DOUBT, "in_doubt")
    full = OSError(28, "No space left on device")
    full.after = "accepted"  # type: ignore[attr-defined]
    assert failure_of(full).exit_code is ExitCode.PARTLY
    stopped = KeyboardInterrupt()
    stopped.after = "not_sent"  # type: ignore[attr-defined]
    failure = failure_of(stopped)
    assert (failure.exit_code, failure.outcome) == (ExitCode.INTERRUPTED, "not_sent")
