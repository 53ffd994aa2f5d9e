"""What configuration and environment decide before an account is opened: mode, keys, URLs, account.

Configuration decides the mode, the mode decides keys and URLs, keys and URLs decide the account.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.clock import BrokerClock
from execbot.config.credentials import (
    Credentials,
    find_credentials,
    no_credentials,
    pair_notices,
)
from execbot.config.environment import Environment, environment_of
from execbot.config.errors import ConfigError
from execbot.config.files import unread_env_file
from execbot.config.load import Settings, load_settings
from execbot.config.mode import Endpoints, ModeChoice, choose_endpoints, choose_mode
from execbot.config.paths import (
    cache_root,
    exchange_directory,
    private_directory,
    state_root,
    write_private,
)
from execbot.config.schema import Mode, Transport
from execbot.desk.opening.pinned import check_account, check_profile_keys

if TYPE_CHECKING:
    from execbot.broker.alpaca import AlpacaClient
    from execbot.broker.market_stream import MarketDataStream
    from execbot.broker.port import TradeUpdateStream
    from execbot.risk.asking.kept_facts import KeptFacts
    from execbot.sim.doors.transport import SharedVenue

ACCOUNTS_NAME = "accounts.json"
ACCOUNTS_MAX = 200
"""Remembered accounts; a test server on a new port each time must not grow the file for ever."""


class Setup(Struct, frozen=True):
    """What configuration and environment alone decide: nothing was contacted yet."""

    settings: Settings
    choice: ModeChoice
    credentials: Credentials
    endpoints: Endpoints
    root: Path
    cache: Path
    env: Environment

    @property
    def profile(self) -> str | None:
        return self.env.profile

    @property
    def mode(self) -> Mode:
        return self.choice.mode

    @property
    def is_own_server(self) -> bool:
        """An Alpaca-compatible server was named: it may live in a time of its own."""
        return self.endpoints.trading is not None

    @property
    def is_paper(self) -> bool:
        """By which of Alpaca's hosts is meant where none is named."""
        return self.mode is not Mode.LIVE

    @property
    def is_in_process(self) -> bool:
        """The exchange runs in this very process: sim mode with no server to talk to."""
        return self.mode is Mode.SIM and self.endpoints.trading is None


def read_setup(
    mode_flag: str | None,
    config_path: Path | None,
    env: Mapping[str, str] | None = None,
) -> Setup:
    """Configuration, mode, keys and URLs. Raises ConfigError; contacts nobody."""
    env = environment_of(env, config_path)
    settings = load_settings(config_path, env)
    choice = choose_mode(
        mode_flag,
        env,
        settings.trading.mode,
        lambda: find_credentials(Mode.PAPER.value, env) is not None,
        on_terminal=on_terminal(),
    )
    endpoints = choose_endpoints(choice.mode, env)
    credentials = _credentials(choice.mode, endpoints, env)
    if choice.mode is not Mode.SIM:
        notices = pair_notices(choice.mode.value, env)
        choice = replace(choice, notices=(*choice.notices, *notices))
        check_profile_keys(settings, credentials, env)
    return Setup(settings, choice, credentials, endpoints, state_root(env), cache_root(env), env)


def on_terminal() -> bool:
    """Is a person there: is any of the three standard streams a terminal?"""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    with suppress(ValueError):  # a stream that was closed
        return any(stream is not None and stream.isatty() for stream in streams)
    return False


def _credentials(mode: Mode, endpoints: Endpoints, env: Environment) -> Credentials:
    """Sim mode needs none: against a served exchange a pair only chooses the account."""
    is_in_process = mode is Mode.SIM and endpoints.trading is None
    found = None if is_in_process else find_credentials(mode.value, env)
    if found is not None:
        return found
    if mode is Mode.SIM:
        from execbot.desk.opening.in_process import KEY

        return Credentials(KEY, KEY, "sim")
    raise no_credentials(mode.value, unread_env_file(env.path, env))


def build_client(setup: Setup, clock: BrokerClock) -> AlpacaClient:
    """The broker adapter for this mode, over the wire or to the exchange in this process."""
    from execbot.broker.alpaca import AlpacaClient
    from execbot.broker.stream_times import StreamTimes

    broker, stream = setup.settings.trading.broker, setup.settings.trading.stream
    common = {
        "paper": setup.is_paper,
        "timeout_seconds": float(broker.timeout_seconds),
        "feed": broker.feed,
        "requests_per_minute": broker.requests_per_minute,
        "now": clock,
        "clock": clock,
        "stream_times": StreamTimes(
            backoff=float(stream.backoff_seconds),
            backoff_max=float(stream.backoff_max_seconds),
            silence=float(stream.silence_probe_seconds),
        ),
    }
    keys = (setup.credentials.api_key, setup.credentials.secret_key)
    if not setup.is_in_process:
        return AlpacaClient(
            *keys,
            trading_url=setup.endpoints.trading,
            stream_url=setup.endpoints.stream,
            data_url=setup.endpoints.data,
            data_stream_url=setup.endpoints.data_stream,
            sdk=broker.transport is Transport.SDK,
            **common,  # type: ignore[arg-type]
        )
    from execbot.desk.opening.in_process import InProcessTransport, open_exchange

    exchange = open_exchange(exchange_directory(setup.root), setup.settings.trading.sim)
    return AlpacaClient(
        *keys,
        transport=InProcessTransport(exchange),
        trade_stream=lambda: _in_process_stream(exchange, clock),
        market_stream=lambda kind: _in_process_data(exchange),
        **common,  # type: ignore[arg-type]
    )


def clock_of(setup: Setup) -> BrokerClock:
    """The broker's clock: an exchange of one's own may live in another day, or faster."""
    return BrokerClock(at_once=setup.is_own_server or setup.is_in_process)


def kept_facts_of(setup: Setup, client: AlpacaClient) -> KeptFacts | None:
    """What need not be asked every time of a broker over the network. The exchange in this process
    is asked every time."""
    if not client.answers_beside:
        return None
    from execbot.risk.asking.kept_facts import KeptFacts

    return KeptFacts(setup.cache, f"{setup.mode.value}|{client.trading_url}")


def account_of(setup: Setup, client: AlpacaClient, *, must_remember: bool = True) -> str:
    """The account number behind the keys: asked of the broker once, then remembered.

    The journal's place depends on it, and a command must find its journal with the broker down.
    Keys are remembered as a hash only. In an emergency it need not be remembered. Raises
    ConfigError for an account that it must not be (`pinned`).
    """
    import json

    path = setup.root / ACCOUNTS_NAME
    digest, known = _keys_hash(setup, client.trading_url), _remembered(path)
    if digest in known:
        _check_account(setup, known[digest])
        return known[digest]
    found = client.get_account()
    account = found.account_number or found.id
    _check_account(setup, account)
    kept = list(known.items())[-(ACCOUNTS_MAX - 1) :]
    try:
        private_directory(setup.root)
        write_private(path, json.dumps(dict([*kept, (digest, account)]), indent=0))
    except (OSError, ConfigError):
        if must_remember:
            raise
    return account


def _check_account(setup: Setup, account: str) -> None:
    check_account(setup.settings, setup.mode, setup.credentials, setup.env, account)


def remembered_account(setup: Setup) -> str | None:
    """The account as `account_of` has remembered it; nobody is asked."""
    from execbot.broker.addresses import trading_url_of

    url = "" if setup.is_in_process else trading_url_of(setup.endpoints.trading, setup.is_paper)
    return _remembered(setup.root / ACCOUNTS_NAME).get(_keys_hash(setup, url))


def _keys_hash(setup: Setup, trading_url: str) -> str:
    from hashlib import sha256

    place = "in-process" if setup.is_in_process else trading_url
    name = f"{setup.mode.value}|{place}|{setup.credentials.api_key}"
    return sha256(name.encode()).hexdigest()[:32]


def _remembered(path: Path) -> dict[str, str]:
    """Accounts by their keys' hash."""
    import json

    with suppress(OSError, ValueError):  # not there yet, or damaged: it is only a memory
        return dict(json.loads(path.read_text(encoding="utf-8")))
    return {}


def _in_process_stream(exchange: SharedVenue, now: Callable[[], datetime]) -> TradeUpdateStream:
    from execbot.broker.stream import messages_of
    from execbot.desk.opening.in_process import InProcessTradeUpdates

    return InProcessTradeUpdates(exchange, messages_of, now)


def _in_process_data(exchange: SharedVenue) -> MarketDataStream:
    from execbot.broker.data_stream import parse_data_frame
    from execbot.desk.opening.in_process import InProcessMarketData

    return InProcessMarketData(exchange, parse_data_frame)
