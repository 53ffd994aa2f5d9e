"""Goal: the SDK's session speaks to Alpaca's own host as meant. Method: a replayed cassette.

Requests must match the cassette in method, path, query and body; nothing leaves the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execbot.broker.alpaca import AlpacaClient
from execbot.broker.errors import BrokerError, DuplicateClientOrderId, NotFound
from execbot.broker.port import ReplaceRequest
from execbot.broker.session import Exchanged
from execbot.model.enums import OrderStatus, OrderType, Side
from execbot.model.order import OrderRequest

ID = "5d1c0b7e-3f0a-4c55-9a3e-{:012d}"
LIMIT_BUY = OrderRequest(
    "AAPL",
    Side.BUY,
    qty=Decimal(10),
    type=OrderType.LIMIT,
    limit_price=Decimal("186.40"),
    client_order_id="execbot-cassette-1",
)


@pytest.fixture
def seen() -> list[Exchanged]:
    return []


@pytest.fixture
def client(seen: list[Exchanged]) -> Iterator[AlpacaClient]:
    import vcr

    recorder = vcr.VCR(record_mode="none", match_on=["method", "uri", "body"])
    with recorder.use_cassette(str(Path(__file__).parent / "cassettes" / "paper_session.yaml")):
        client = AlpacaClient("PKCASSETTE", "no-secret", sdk=True, observer=seen.append)
        yield client
        client.close()


def failure(call: Any) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        call()
    return caught.value


def test_account_of_2026_is_read(client: AlpacaClient) -> None:
    account = client.get_account()
    assert (account.equity, account.buying_power) == (Decimal("100250.75"), Decimal(401003))
    assert account.daytrade_count is None


def test_submit_then_the_same_id_again_then_the_look_up(client: AlpacaClient) -> None:
    placed = client.place_order(LIMIT_BUY)
    assert (placed.id, placed.status) == (ID.format(1), OrderStatus.PENDING_NEW)
    again = failure(lambda: client.place_order(LIMIT_BUY))
    assert isinstance(again, DuplicateClientOrderId)
    assert again.client_order_id == "execbot-cassette-1"
    found = client.get_order_by_client_id("execbot-cassette-1")
    assert (found.id, found.status) == (placed.id, OrderStatus.NEW)


def test_unknown_client_id_is_definitively_absent(client: AlpacaClient) -> None:
    error = failure(lambda: client.get_order_by_client_id("execbot-cassette-9"))
    assert isinstance(error, NotFound)
    assert error.request_id == "cassette-0005"


def test_replace_gives_the_new_order(client: AlpacaClient) -> None:
    changed = client.replace_order(ID.format(1), ReplaceRequest(limit_price=Decimal("186.50")))
    assert (changed.id, changed.replaces) == (ID.format(2), ID.format(1))


def test_refusal_carries_the_numbers(client: AlpacaClient, seen: list[Exchanged]) -> None:
    request = OrderRequest(
        "AAPL", Side.BUY, qty=Decimal(1000000), client_order_id="execbot-cassette-3"
    )
    error = failure(lambda: client.place_order(request))
    assert error.kind == "broker.insufficient_buying_power"
    assert error.extra["cost_basis"] == "192000000"
    assert [(one.status, one.request_id) for one in seen] == [(403, "cassette-0007")]


def test_cancels(client: AlpacaClient) -> None:
    canceled, missing = client.cancel_all_orders()
    assert canceled.ok and not missing.ok
    assert failure(lambda: client.cancel_order(ID.format(2))).kind == "broker.order_already_done"
    client.cancel_order(ID.format(4))


def test_crypto_position_and_activities(client: AlpacaClient) -> None:
    position = client.get_position("BTC/USD")
    assert position is not None
    assert (position.symbol, position.qty) == ("BTC/USD", Decimal("0.25"))
    after = datetime(2026, 11, 20, 15, tzinfo=UTC)
    (fill,) = client.get_activities(after=after)
    assert (fill.price, fill.leaves_qty) == (Decimal("186.39"), 6)


def test_the_rate_limit_headers_are_believed(client: AlpacaClient) -> None:
    client.get_account()
    assert 41 <= client.budgets["trading"].level.tokens < 45


def test_the_cassette_holds_no_secret() -> None:
    text = (Path(__file__).parent / "cassettes" / "paper_session.yaml").read_text()
    assert "APCA" not in text.upper().replace("ALPACA", "")
    assert "no-secret" not in text
