"""The environment that a bot is started with: keys, addresses, whom it trusts, how it goes out.

Pure: a mapping goes in, a mapping comes out.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from execbot.sim.run.names import DATA, STREAM, TRADING

KEY = SECRET = "demo"

# Alpaca's own names and those of widely used clients.
KEYS = {
    "APCA_API_KEY_ID": KEY,
    "APCA_API_SECRET_KEY": SECRET,
    "ALPACA_API_KEY": KEY,
    "ALPACA_API_KEY_ID": KEY,
    "ALPACA_KEY_ID": KEY,
    "ALPACA_SECRET_KEY": SECRET,
    "ALPACA_API_SECRET": SECRET,
    "ALPACA_API_SECRET_KEY": SECRET,
}
ADDRESSES = {
    "APCA_API_BASE_URL": f"https://{TRADING}",
    "APCA_API_DATA_URL": f"https://{DATA}",
    "APCA_API_STREAM_URL": f"https://{TRADING}",
    "APCA_DATA_URL": f"https://{DATA}",
    "APCA_API_DATA_STREAM_URL": f"wss://{STREAM}",
    "ALPACA_BASE_URL": f"https://{TRADING}",
    "ALPACA_DATA_URL": f"https://{DATA}",
    "ALPACA_PAPER": "true",
    "ALPACA_PAPER_TRADE": "true",
    "ALPACA_IS_PAPER": "true",
}
# What would lead elsewhere, or name an account that is not the exchange's.
FORGOTTEN = (
    "APCA_API_OAUTH_TOKEN",
    "ALPACA_OAUTH_TOKEN",
    "ALPACA_LIVE_TRADE",
    "ALPACA_TRADING_URL",
    "ALPACA_TRADING_WS_URL",
    "TRADE_API_URL",
    "TRADE_API_WSS",
    "DATA_API_URL",
    "STREAM_DATA_WSS",
    "EXECBOT_MODE",
    "TRADING_MODE",
    "EXECBOT_STATE_DIR",
    "EXECBOT_CREDENTIALS_FILE",
)
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "WS_PROXY", "WSS_PROXY")

# Who reads it: OpenSSL (Python, Ruby, curl), Go, .NET and rustls-native-certs read the first one.
TRUST = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",  # requests
    "CURL_CA_BUNDLE",  # curl, requests
    "NODE_EXTRA_CA_CERTS",  # Node
    "DENO_CERT",  # Deno
    "WEBSOCKET_CLIENT_CA_BUNDLE",  # websocket-client
    "HTTPLIB2_CA_CERTS",  # httplib2
    "NIX_SSL_CERT_FILE",  # programs of Nix
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
)
# Set to a folder of their own, these would bring back the authorities of the system.
TRUST_FOLDERS = ("SSL_CERT_DIR",)

BUNDLE_NAME = "EXECBOT_RUN_BUNDLE"
CONTROL_NAME = "EXECBOT_SIM_URL"


def surroundings(
    env: Mapping[str, str], *, bundle: Path, control: str, shims: Path, state: Path
) -> dict[str, str]:
    """What a bot finds in its environment, sealed or not.

    `bundle` is the file of certificates to trust, `control` where the exchange is steered,
    `shims` the folder whose `sitecustomize.py` Python loads, `state` a private folder for execbot
    itself where it is the bot.
    """
    kept = {name: value for name, value in env.items() if name not in (*FORGOTTEN, *TRUST_FOLDERS)}
    trust = dict.fromkeys((*TRUST, BUNDLE_NAME), str(bundle))
    return {
        **kept,
        **KEYS,
        **ADDRESSES,
        **trust,
        CONTROL_NAME: control,
        "EXECBOT_STATE_DIR": str(state),
        "PYTHONPATH": joined(str(shims), env.get("PYTHONPATH")),
    }


def without_proxies(env: Mapping[str, str]) -> dict[str, str]:
    """Proxies are outside, and a sealed bot does not get there."""
    return {name: value for name, value in env.items() if name.upper() not in PROXIES}


def with_proxy(env: Mapping[str, str], proxy: str) -> dict[str, str]:
    """Everything goes through our proxy, this machine excepted."""
    both = {"HTTPS_PROXY": proxy, "ALL_PROXY": proxy, "NO_PROXY": "localhost,127.0.0.1,::1"}
    lower = {name.lower(): value for name, value in both.items()}
    return {**without_proxies(env), **both, **lower, "NODE_USE_ENV_PROXY": "1"}


def joined(first: str, rest: str | None, separator: str = os.pathsep) -> str:
    """A search path with one more at its beginning."""
    return f"{first}{separator}{rest}" if rest else first
