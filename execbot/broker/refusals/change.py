"""Refusals of a change: the order has ended, cannot change now, or does not exist."""

from __future__ import annotations

from execbot.broker.remedy import REFUSALS, Remedy, Row

CHANGE_ROWS: tuple[Row, ...] = (
    Row(
        "broker.replace_raced",
        Remedy.WAIT,
        REFUSALS,
        r"leg order is already in|order already replaced|order chain not fully replaced",
        "The order is being replaced already",
        "Two changes met; the first one is under way.",
        "look at the order again, then change its newest version",
    ),
    Row(
        "broker.replace_too_early",
        Remedy.WAIT,
        REFUSALS,
        r"isn.t sent to exchange yet|cannot replace order in .* status",
        "The order cannot be replaced in its present state",
        "The exchange has not acknowledged it yet; while the market is closed it never does.",
        "wait a moment; while the market is closed cancel and send it anew",
    ),
    Row(
        "broker.replace_qty_below_filled",
        Remedy.ADJUST,
        REFUSALS,
        r"qty must be > filled_qty",
        "The new quantity is not above what has filled already",
        "The quantity of a replacement counts the whole chain, fills included.",
        "ask for more than the filled quantity, or cancel the rest",
    ),
    Row(
        "broker.order_not_open",
        Remedy.ALREADY_DONE,
        REFUSALS,
        r"order is not open",
        "The order is not open any more",
        "It was filled, canceled or replaced in the meantime.",
        "look at it again with `execbot orders show ID`",
    ),
    Row(
        "broker.not_changed",
        Remedy.ALREADY_DONE,
        REFUSALS,
        r"parameters are not changed",
        "The order has these values already",
        "Nothing was left to change.",
        "nothing to do",
    ),
    Row(
        "broker.advanced_qty_fixed",
        Remedy.ADJUST,
        REFUSALS,
        r"qty cannot be changed for advanced",
        "The quantity of a bracket, OCO or OTO member cannot be changed",
        "Only its price can.",
        "cancel it and send a new one",
    ),
    Row(
        "broker.advanced_tif_fixed",
        Remedy.ADJUST,
        REFUSALS,
        r"time_in_force cannot be changed for advanced",
        "The time in force of a bracket, OCO or OTO member cannot be changed",
        "Only its price can.",
        "cancel it and send a new one",
    ),
    Row(
        "broker.order_already_done",
        Remedy.ALREADY_DONE,
        REFUSALS,
        r"order is already in",
        "The order has ended already",
        "It was filled, canceled, expired, rejected or replaced in the meantime.",
        "look at it again with `execbot orders show ID`",
    ),
    Row(
        "broker.not_cancelable",
        Remedy.ALREADY_DONE,
        REFUSALS,
        r"order is not cancell?able|order pending cancel",
        "The order cannot be canceled now",
        "A cancel or a replace is under way, or it has ended.",
        "look at it again with `execbot orders show ID`",
    ),
)

MISSING_ROWS: tuple[Row, ...] = (
    Row(
        "broker.order_not_found",
        Remedy.NOT_FOUND,
        (404,),
        r"order not found",
        "There is no such order at the broker",
        "The account has no order with this id; ids of other accounts or modes do not show.",
        "check the id and the mode with `execbot orders --status all`",
    ),
    Row(
        "broker.position_not_found",
        Remedy.ALREADY_DONE,
        (404,),
        r"position (does not exist|not found)",
        "There is no position in this symbol",
        "It may have been closed in the meantime.",
        "nothing to do",
    ),
)
