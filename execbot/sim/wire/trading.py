"""The endpoints of the trading API: each turns one call into one reply."""

from __future__ import annotations

from collections.abc import Callable

from execbot.sim.types import ApiError, Response
from execbot.sim.wire import markets
from execbot.sim.wire.call import Call
from execbot.sim.wire.http import reply
from execbot.sim.wire.reference import corporate_actions, watchlists
from execbot.sim.wire.reference.views import all_actions

Endpoint = Callable[[Call], Response]


def account(call: Call) -> Response:
    return reply(call.exchange.account(call.account_id))


def configurations(call: Call) -> Response:
    return reply(call.exchange.configurations(call.account_id))


def set_configurations(call: Call) -> Response:
    return reply(call.exchange.set_configurations(call.account_id, call.body()))


def portfolio_history(call: Call) -> Response:
    return reply(call.exchange.portfolio_history(call.account_id, call.query))


def activities(call: Call) -> Response:
    wanted = call.query.get("activity_types")
    if wanted and call.query.get("category"):
        raise ApiError(422, 40010001, "activity_types and category cannot both be set")
    types = [name for name in wanted.split(",") if name] if wanted else None
    return reply(call.exchange.activities(call.account_id, types, call.query))


def activities_of_type(call: Call) -> Response:
    return reply(call.exchange.activities(call.account_id, [call.args[0]], call.query))


def place_order(call: Call) -> Response:
    return reply(call.exchange.place(call.account_id, call.body()))


def list_orders(call: Call) -> Response:
    return reply(call.exchange.orders(call.account_id, call.query))


def get_order(call: Call) -> Response:
    return reply(call.exchange.order(call.account_id, call.args[0], call.flag("nested")))


def get_order_by_client_id(call: Call) -> Response:
    client_order_id = call.query.get("client_order_id", "")
    if not client_order_id:
        raise ApiError(422, 40010001, "client_order_id is missing")
    return reply(call.exchange.order_by_client_id(call.account_id, client_order_id))


def replace_order(call: Call) -> Response:
    return reply(call.exchange.replace(call.account_id, call.args[0], call.body()))


def cancel_order(call: Call) -> Response:
    call.exchange.cancel(call.account_id, call.args[0])
    return Response(204)


def cancel_all_orders(call: Call) -> Response:
    return reply(call.exchange.cancel_all(call.account_id), 207)


def positions(call: Call) -> Response:
    return reply(call.exchange.positions(call.account_id))


def position(call: Call) -> Response:
    return reply(call.exchange.position(call.account_id, call.args[0]))


def close_position(call: Call) -> Response:
    return reply(call.exchange.close_position(call.account_id, call.args[0], call.query))


def close_all_positions(call: Call) -> Response:
    return reply(call.exchange.close_all(call.account_id, call.flag("cancel_orders")), 207)


def assets(call: Call) -> Response:
    return reply(call.exchange.assets(call.query))


def asset(call: Call) -> Response:
    return reply(call.exchange.asset(call.args[0]))


def clock(call: Call) -> Response:
    return reply(call.exchange.clock())


def calendar(call: Call) -> Response:
    return reply(call.exchange.calendar_days(call.query))


def market_clocks(call: Call) -> Response:
    return reply(markets.clocks(call.venue.market.calendar, call.query, call.now))


def market_calendar(call: Call) -> Response:
    calendar = call.venue.market.calendar
    return reply(markets.calendar_of(calendar, call.args[0], call.query, call.now))


def announcements(call: Call) -> Response:
    actions = all_actions(call.venue.market, call.now)
    return reply(corporate_actions.announcements(actions, call.query))


def announcement(call: Call) -> Response:
    actions = all_actions(call.venue.market, call.now)
    return reply(corporate_actions.announcement(actions, call.args[0]))


def exercise(call: Call) -> Response:
    call.exchange.exercise(call.account_id, call.args[0])
    return Response(200)


def do_not_exercise(call: Call) -> Response:
    call.exchange.do_not_exercise(call.account_id, call.args[0])
    return Response(200)


def option_contracts(call: Call) -> Response:
    from execbot.sim.wire.options import contracts  # most exchanges are never asked for them

    return contracts.contracts(call)


def option_contract(call: Call) -> Response:
    from execbot.sim.wire.options import contracts

    return contracts.contract(call)


# Method, path (`*` is one variable part) and what answers. Exact paths win over patterns.
ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/v2/account", account),
    ("GET", "/v2/account/configurations", configurations),
    ("PATCH", "/v2/account/configurations", set_configurations),
    ("GET", "/v2/account/portfolio/history", portfolio_history),
    ("GET", "/v2/account/activities", activities),
    ("GET", "/v2/account/activities/*", activities_of_type),
    ("POST", "/v2/orders", place_order),
    ("GET", "/v2/orders", list_orders),
    ("DELETE", "/v2/orders", cancel_all_orders),
    ("GET", "/v2/orders:by_client_order_id", get_order_by_client_id),
    ("GET", "/v2/orders/*", get_order),
    ("PATCH", "/v2/orders/*", replace_order),
    ("DELETE", "/v2/orders/*", cancel_order),
    ("GET", "/v2/positions", positions),
    ("DELETE", "/v2/positions", close_all_positions),
    ("GET", "/v2/positions/*", position),
    ("DELETE", "/v2/positions/*", close_position),
    ("POST", "/v2/positions/*/exercise", exercise),
    ("POST", "/v2/positions/*/do-not-exercise", do_not_exercise),
    ("GET", "/v2/assets", assets),
    ("GET", "/v2/assets/*", asset),
    ("GET", "/v2/clock", clock),
    ("GET", "/v2/calendar", calendar),
    ("GET", "/v2/options/contracts", option_contracts),
    ("GET", "/v2/options/contracts/*", option_contract),
    ("GET", "/v3/clock", market_clocks),
    ("GET", "/v3/calendar/*", market_calendar),
    ("GET", "/v2/corporate_actions/announcements", announcements),
    ("GET", "/v2/corporate_actions/announcements/*", announcement),
    *watchlists.ROUTES,
)
