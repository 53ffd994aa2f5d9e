"""Lets pages of other origins use Alpaca's paths (`--cors`): the headers that browsers ask for.

Keys are sent in headers of their own, so no cookie is ever involved and any origin may be named.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
EXPOSED = "X-Request-ID, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Clock-Speed"
_DAY_SECONDS = "86400"


def allowing(response: web.StreamResponse, asked: Mapping[str, str]) -> web.StreamResponse:
    """The response, allowed to be read by any page. `asked`: the request's headers, in lower case.

    One whose head has gone out already (a fault cut it) stays as it is.
    """
    if response.prepared:
        return response
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = EXPOSED
    if "access-control-request-method" in asked:
        response.headers["Access-Control-Allow-Methods"] = METHODS
        response.headers["Access-Control-Max-Age"] = _DAY_SECONDS
        names = asked.get("access-control-request-headers", "")
        if names:
            response.headers["Access-Control-Allow-Headers"] = names
    return response
