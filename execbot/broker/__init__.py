"""The broker: the port every room talks to (`port`), and its Alpaca adapter.

What is exported here is the public API of the room; names are loaded at first use, so that a
command pays only for what it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from execbot.lazy_names import lazy_names

if TYPE_CHECKING:
    from execbot.broker.alpaca import AlpacaClient
    from execbot.broker.budget import RateBudget, RequestPriority
    from execbot.broker.data_stream import DataStream
    from execbot.broker.errors import (
        AuthenticationError,
        BadReply,
        BrokerError,
        BrokerUnavailable,
        DuplicateClientOrderId,
        NetworkError,
        NotFound,
        RateLimited,
        RequestRefused,
        StreamError,
    )
    from execbot.broker.http import (
        DirectTransport,
        HttpReply,
        SdkTransport,
        Transport,
        TransportFailure,
    )
    from execbot.broker.market_stream import (
        DataWarning,
        LimitBand,
        MarketDataStream,
        TradingStatus,
    )
    from execbot.broker.port import (
        BrokerClient,
        BulkResult,
        OrderQuery,
        ReplaceRequest,
        TradeUpdate,
        TradeUpdateStream,
    )
    from execbot.broker.remedy import Remedy
    from execbot.broker.session import Exchanged
    from execbot.broker.stream import TradeStream
    from execbot.broker.stream_states import Connected, Disconnected, Gap, StreamState
    from execbot.broker.stream_times import StreamTimes

_HOME = {
    "alpaca": ("AlpacaClient",),
    "budget": ("RateBudget", "RequestPriority"),
    "data_stream": ("DataStream",),
    "errors": (
        "AuthenticationError",
        "BadReply",
        "BrokerError",
        "BrokerUnavailable",
        "DuplicateClientOrderId",
        "NetworkError",
        "NotFound",
        "RateLimited",
        "RequestRefused",
        "StreamError",
    ),
    "http": ("DirectTransport", "HttpReply", "SdkTransport", "Transport", "TransportFailure"),
    "market_stream": ("DataWarning", "LimitBand", "MarketDataStream", "TradingStatus"),
    "port": (
        "BrokerClient",
        "BulkResult",
        "OrderQuery",
        "ReplaceRequest",
        "TradeUpdate",
        "TradeUpdateStream",
    ),
    "remedy": ("Remedy",),
    "session": ("Exchanged",),
    "stream": ("TradeStream",),
    "stream_states": ("Connected", "Disconnected", "Gap", "StreamState"),
    "stream_times": ("StreamTimes",),
}

__all__ = [
    "AlpacaClient",
    "AuthenticationError",
    "BadReply",
    "BrokerClient",
    "BrokerError",
    "BrokerUnavailable",
    "BulkResult",
    "Connected",
    "DataStream",
    "DataWarning",
    "DirectTransport",
    "Disconnected",
    "DuplicateClientOrderId",
    "Exchanged",
    "Gap",
    "HttpReply",
    "LimitBand",
    "MarketDataStream",
    "NetworkError",
    "NotFound",
    "OrderQuery",
    "RateBudget",
    "RateLimited",
    "Remedy",
    "ReplaceRequest",
    "RequestPriority",
    "RequestRefused",
    "SdkTransport",
    "StreamError",
    "StreamState",
    "StreamTimes",
    "TradeStream",
    "TradeUpdate",
    "TradeUpdateStream",
    "TradingStatus",
    "Transport",
    "TransportFailure",
]

__getattr__ = lazy_names(__name__, _HOME)
