"""Goal: the Host and the Origin that are ours pass, and nothing else does. By a table."""

from __future__ import annotations

import pytest

from execbot.page.addresses import Address, address_of
from execbot.page.hosts import Hosts

HOSTS = Hosts(port=8787, names=("page.example", "other.example:8443"))


@pytest.mark.parametrize(
    ("host", "passes"),
    [
        ("127.0.0.1:8787", True),
        ("localhost:8787", True),
        ("localhost", True),
        ("[::1]:8787", True),
        ("127.0.0.1:9999", False),
        ("page.example", True),
        ("PAGE.example.", True),
        ("page.example:443", True),
        ("page.example:8787", True),
        ("page.example:9999", False),
        ("other.example:8443", True),
        ("other.example", False),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("127.evil.example:8787", False),
        ("page.example@evil.example", False),
        ("evil.example/page.example", False),
        ("192.168.1.5:8787", False),
        ("127.0.0.1:8787,evil.example", False),
        ("127.0.0.1:x", False),
        ("", False),
    ],
)
def test_a_host_passes_only_if_it_is_known(host: str, passes: bool) -> None:
    words = HOSTS.refusal(host)
    assert (words is None) is passes
    if words is not None and "." in host and "@" not in host and "," not in host:
        assert "--page-host" in words or "cannot be read" in words


def test_an_address_passes_where_the_page_is_public() -> None:
    assert Hosts(port=8787, is_public=True).refusal("192.168.1.5:8787") is None
    assert Hosts(port=8787, is_public=True).refusal("evil.example:8787") is not None


@pytest.mark.parametrize(
    ("origin", "host", "passes"),
    [
        ("http://127.0.0.1:8787", "127.0.0.1:8787", True),
        ("http://127.0.0.1:8788", "127.0.0.1:8787", False),
        ("http://localhost:8787", "127.0.0.1:8787", False),
        ("https://page.example", "page.example", True),
        ("https://page.example", "page.example:443", True),
        ("https://page.example:443", "page.example", True),
        ("https://page.example", "127.0.0.1:8787", True),
        ("https://page.example:9999", "127.0.0.1:8787", False),
        ("https://evil.example", "page.example", False),
        ("null", "127.0.0.1:8787", False),
        ("file://127.0.0.1:8787", "127.0.0.1:8787", False),
        ("", "127.0.0.1:8787", False),
    ],
)
def test_an_origin_passes_only_if_it_is_the_page(origin: str, host: str, passes: bool) -> None:
    assert (HOSTS.origin_refusal(origin, host) is None) is passes


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("127.0.0.1:9000", Address("127.0.0.1", 9000)),
        (":9000", Address("127.0.0.1", 9000)),
        ("9000", Address("127.0.0.1", 9000)),
        ("localhost", Address("localhost", 8787)),
        ("[::1]:0", Address("::1", 0)),
        ("[::1]", Address("::1", 8787)),
    ],
)
def test_an_address_is_read_as_it_is_written(word: str, found: Address) -> None:
    assert address_of(word, Address("127.0.0.1", 8787)) == found


@pytest.mark.parametrize("word", ["127.0.0.1:", "a:b", "1.2.3.4:70000", "1.2.3.4:-1"])
def test_an_address_without_a_usable_port_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="port"):
        address_of(word, Address("127.0.0.1", 8787))
