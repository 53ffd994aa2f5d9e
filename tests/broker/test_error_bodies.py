"""Goal: no answer, however broken, breaks us or leaks. Method: tables and random bodies."""

from __future__ import annotations

import json
import socket
import ssl
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execbot.broker.errors import (
    BadReply,
    BrokerError,
    BrokerUnavailable,
    NotFound,
    bad_reply,
    classify,
    classify_transport,
    plain_line,
)
from execbot.broker.remedy import Remedy

NGINX = "<html>\r\n<head><title>{}</title></head>\r\n<body><h1>{}</h1></body></html>"


@settings(deadline=None, max_examples=200)
@given(
    status=st.integers(300, 599),
    body=st.one_of(
        st.text(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["code", "message", "x"]), inner, max_size=3)
            ),
            max_leaves=8,
        ).map(json.dumps),
    ),
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE"]),
)
def test_any_answer_becomes_a_broker_error(status: int, body: str, method: str) -> None:
    error = classify(status, body, {"Retry-After": body[:5]}, method=method, path="/v2/orders")
    assert isinstance(error, BrokerError)
    assert error.kind and error.message and error.next_step
    assert not (error.in_doubt and method == "GET")
    assert str(error).isprintable()


def test_html_of_a_gateway_is_in_doubt_for_a_post_and_shows_its_title_only() -> None:
    page = NGINX.format("502 Bad Gateway", "502 Bad Gateway")
    error = classify(502, page, {}, method="POST", path="/v2/orders")
    assert isinstance(error, BrokerUnavailable)
    assert error.in_doubt
    assert error.said == "502 Bad Gateway"


def test_html_401_without_key_headers_is_a_rejected_key() -> None:
    page = NGINX.format("401 Authorization Required", "401 Authorization Required")
    assert classify(401, page, {}, method="GET", path="/v2/account").kind == "auth.rejected"


def test_html_404_is_no_proof_that_an_order_does_not_exist() -> None:
    page = NGINX.format("404 Not Found", "order not found")
    error = classify(404, page, {}, method="GET", path="/v2/orders:by_client_order_id?x=1")
    assert isinstance(error, BadReply)
    assert not isinstance(error, NotFound)
    assert "?x=1" not in error.message


def test_json_404_without_a_code_is_still_the_answer() -> None:
    body = '{"message": "order not found for abc"}'
    error = classify(404, body, {}, method="GET", path="/v2/orders/abc")
    assert isinstance(error, NotFound)
    assert error.kind == "broker.order_not_found"


def test_redirect_is_refused_and_nothing_is_in_doubt() -> None:
    error = classify(308, "", {"Location": "https://x"}, method="POST", path="/v2/orders")
    assert error.kind == "broker.redirected"
    assert not error.in_doubt


@pytest.mark.parametrize("reason", ["it was empty", "it was not JSON"])
def test_unreadable_success_of_a_write_is_in_doubt_and_of_a_read_is_not(reason: str) -> None:
    assert bad_reply(reason, method="POST", status=200).in_doubt
    assert not bad_reply(reason, method="GET", status=200).in_doubt


NETWORK = [
    (socket.gaierror(-2, "Name or service not known"), "network.dns"),
    (ConnectionRefusedError(111, "Connection refused"), "network.refused"),
    (TimeoutError("timed out"), "network.timeout"),
    (ConnectionResetError(104, "Connection reset by peer"), "network.reset"),
    (BrokenPipeError(32, "Broken pipe"), "network.reset"),
    (ssl.SSLCertVerificationError("certificate verify failed"), "network.tls"),
    (OSError(101, "Network is unreachable"), "network.failed"),
]


@pytest.mark.parametrize(("cause", "kind"), NETWORK)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("sent", [False, True])
def test_network_failure_is_in_doubt_only_for_a_write_that_left(
    cause: Exception, kind: str, method: str, sent: bool
) -> None:
    error = classify_transport(cause, method=method, sent=sent, client_order_id="c-1")
    assert error.kind == kind
    assert error.in_doubt == (sent and method == "POST")
    assert error.category.value == ("waiting" if error.in_doubt else "retryable")
    assert error.client_order_id == "c-1"


def test_rate_limit_wait_is_read_from_either_header_and_bounded() -> None:
    now = datetime(2026, 11, 20, 15, 0, 0, tzinfo=UTC)

    def wait(**headers: str) -> float | None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return classify(429, "", named, method="POST", path="/", now=now).retry_after_seconds

    assert wait(Retry_After="7") == 7
    assert wait(X_RateLimit_Reset=str(int(now.timestamp()) + 12)) == 12
    assert wait(X_RateLimit_Reset=str(int(now.timestamp()) - 12)) == 0
    assert wait(X_RateLimit_Reset="99999999999") == 300
    assert wait(X_RateLimit_Reset="soon") is None
    assert wait() is None
    # The server's own clock is the one its reset time was made with.
    reset = str(int(now.timestamp()) + 12)
    assert wait(X_RateLimit_Reset=reset, Date="Fri, 20 Nov 2026 15:00:02 GMT") == 10


def test_a_line_for_people_has_no_markup_no_control_characters_and_an_end() -> None:
    line = plain_line("bad\x1b[31m\r\nnews\x07 " + "x" * 1000)
    assert line.isprintable()
    assert len(line) <= 300
    assert plain_line("<p>not <b>here</b></p>") == "not here"


@pytest.mark.parametrize("status", [408, 409, 425])
@pytest.mark.parametrize("body", ['{"message": "Request Timeout"}', "<html>timeout</html>"])
def test_a_timeout_or_conflict_said_to_a_write_leaves_it_in_doubt_in_either_form(
    status: int, body: str
) -> None:
    error = classify(status, body, {}, method="POST", path="/v2/orders")
    assert error.in_doubt
    assert error.remedy is Remedy.IN_DOUBT
    assert not classify(status, body, {}, method="GET", path="/v2/orders").in_doubt
