"""Goal: execbot and a real paper account understand each other. Method: the acceptance list.

    ALPACA_API_KEY=PK... ALPACA_SECRET_KEY=... pytest tests/paper -v

Without keys every card is skipped and says so. Only `paper-api.alpaca.markets` is ever contacted;
the cards place one-share orders far from the market, one market round trip of one share, and one
crypto round trip of 20 USD, and cancel what they leave open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from support.acceptance import CARDS, Card, Desk

from execbot.broker.addresses import PAPER_URL
from execbot.broker.alpaca import AlpacaClient
from execbot.config.credentials import find_credentials

pytestmark = pytest.mark.paper


@pytest.fixture(params=["direct", "sdk"])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    keys = find_credentials("paper", os.environ)
    if keys is None:
        pytest.skip("no paper account: set ALPACA_API_KEY and ALPACA_SECRET_KEY to run this card")
    if not keys.api_key.startswith("PK"):
        pytest.skip("these are not keys of a paper account (they begin with PK)")

    def with_keys(api_key: str, secret_key: str) -> AlpacaClient:
        return AlpacaClient(
            api_key, secret_key, trading_url=PAPER_URL, sdk=request.param == "sdk", feed="iex"
        )

    desk = Desk(with_keys(keys.api_key, keys.secret_key), with_keys)
    yield desk
    desk.tidy()
    desk.client.close()


@pytest.mark.parametrize("card", CARDS, ids=lambda card: f"{card.number} {card.title}")
def test_card(card: Card, desk: Desk) -> None:
    card.run(desk)


def test_the_list_is_numbered_and_every_card_says_what_it_needs_does_and_expects() -> None:
    assert [card.number for card in CARDS] == [f"A-{n:02d}" for n in range(1, len(CARDS) + 1)]
    for card in CARDS:
        assert card.title and card.precondition and card.action and card.expected
