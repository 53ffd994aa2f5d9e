"""Goal: a process that sends an alert loads the service that it sends to, and not the others.

Method: every kind of receiver made both ways, by us and by apprise, and compared; and a process of
its own that sends one alert and counts what it has loaded.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

apprise = pytest.importorskip("apprise")

from alerts.test_receivers import KINDS, Wires, wires  # noqa: E402

from execbot.alerts import apprise_sender  # noqa: E402
from execbot.alerts.services import receiver_of  # noqa: E402

__all__ = ["wires"]

OTHERS = [
    "slack://T1JJ3T3L2/A1BRTD4JD/0123456789abcdef01234567/#general/#alerts",
    "JSONS://user:pass@Example.com:8443/Path/?+X-Token=abc&method=put",
    "mailto://user:pass@gmail.com?to=a@example.com,b@example.com",
    "ntfys://user:pass@ntfy.example.com/topic?priority=high",
]

ONE_ALERT = """
import sys
from execbot.alerts import apprise_sender
told = apprise_sender([sys.argv[1]])("title", "body")
print(told.refused, len({name.split(".")[2] for name in sys.modules
                         if name.startswith("apprise.plugins.")}))
"""
NOBODY = "json://127.0.0.1:9/"
SERVICES_MAX = 5
"""The service itself and what it is built on; apprise has some 140."""


@pytest.mark.parametrize("url", [*(kind.url for kind in KINDS), *OTHERS])
def test_a_receiver_is_the_one_that_apprise_would_make(url: str) -> None:
    ours = receiver_of(url, apprise.AppriseAsset())
    theirs = apprise.Apprise.instantiate(url)
    assert theirs is not None and type(ours) is type(theirs)
    assert (ours.url(), ours.tags) == (theirs.url(), theirs.tags)


@pytest.mark.parametrize("url", ["nosuch://x", "https://example.com/", "no url", "json://", ""])
def test_what_no_service_has_is_left_to_apprise(url: str) -> None:
    assert receiver_of(url, apprise.AppriseAsset()) is None


def test_an_address_as_a_service_hands_it_out_is_found_by_apprise(wires: Wires) -> None:
    hook = f"https://discord.com/api/webhooks/4174216298/{'0123456789abcdef' * 2}"
    assert apprise_sender([hook])("title", "body").is_taken
    assert len(wires.payloads) == 1


def test_one_alert_does_not_load_what_apprise_can_also_send_to() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ONE_ALERT, NOBODY], capture_output=True, text=True, check=True
    )
    refused, loaded = map(int, done.stdout.split())
    assert refused == 1
    assert 1 <= loaded <= SERVICES_MAX
