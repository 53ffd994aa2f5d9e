"""Goal: clients of Alpaca, unchanged, trade on the exchange as docs/clients.md says.

Method: each from its registry in an environment of its own, driven by a program of ours under
`sim run`. Opt-in: `pytest -m clients`; the three quickest run with `-m quick_clients`, as CI does.
"""

from __future__ import annotations

import shutil

import pytest
from clients import bots_section
from clients.catalogue import CLIENTS, CannotInstall, Client
from clients.driving import drive
from clients.page import COLUMNS, PAGE, page, row


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "client",
    [
        pytest.param(client, id=client.slug, marks=[pytest.mark.clients]
                     + ([pytest.mark.quick_clients] if client.quick else []))
        for client in CLIENTS
    ],
)  # fmt: skip
def test_a_client_does_what_the_page_says(client: Client) -> None:
    if client.language == "Node" and shutil.which("node") is None:
        pytest.skip("node is not installed")
    try:
        found = drive(client)
    except CannotInstall as error:
        pytest.skip(f"{client.name} could not be installed: {error}")
    assert row(client, found) in PAGE.read_text().splitlines(), row(client, found)


def test_the_page_is_as_it_is_generated() -> None:
    text = PAGE.read_text()
    before, heading, bots = text.partition(bots_section.HEADING)
    results = {}
    for client in CLIENTS:
        start = f"| {client.name} | {client.language} | {client.version} | "
        [cells] = [line[len(start) : -2] for line in before.splitlines() if line.startswith(start)]
        results[client.name] = dict(zip(COLUMNS, cells.split(" | "), strict=True))
    assert text == page(results, heading + bots)
