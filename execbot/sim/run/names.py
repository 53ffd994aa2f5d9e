"""The host names of Alpaca, to which programs connect unless they are given others."""

from __future__ import annotations

DOMAIN = "alpaca.markets"

TRADING = f"paper-api.{DOMAIN}"
DATA = f"data.{DOMAIN}"
STREAM = f"stream.data.{DOMAIN}"

# A hosts file knows no wildcard, so each name that a client is known to use stands here.
HOSTS = (
    TRADING,
    f"api.{DOMAIN}",
    DATA,
    STREAM,
    f"data.sandbox.{DOMAIN}",
    f"stream.data.sandbox.{DOMAIN}",
    f"paper-data.{DOMAIN}",
    f"broker-api.{DOMAIN}",
    f"broker-api.sandbox.{DOMAIN}",
    f"authx.{DOMAIN}",
    f"authx.sandbox.{DOMAIN}",
    f"app.{DOMAIN}",
    f"files.{DOMAIN}",
    f"docs.{DOMAIN}",
    DOMAIN,
)


def is_alpaca(host: str) -> bool:
    """Whether a host name is one of Alpaca's, known or not."""
    name = host.lower().rstrip(".")
    return name == DOMAIN or name.endswith(f".{DOMAIN}")
