"""Refusals of orders in option contracts, and of exercise (docs of Alpaca, "Options trading")."""

from __future__ import annotations

from execbot.broker.remedy import REFUSALS, Remedy, Row

OPTION_ROWS: tuple[Row, ...] = (
    Row(
        "broker.options_level",
        Remedy.FATAL_ACCOUNT,
        REFUSALS,
        r"not eligible (for level|to trade (long option|spreads))",
        "The account's options level is too low for this order",
        "Alpaca grants options trading in levels.",
        "ask Alpaca for a higher level",
    ),
    Row(
        "broker.options_disabled",
        Remedy.FATAL_ACCOUNT,
        REFUSALS,
        r"mleg order is disabled",
        "Alpaca takes no orders of several legs at present",
        "It is switched off on Alpaca's side.",
        "close what must be closed contract by contract, sold ones first",
    ),
    Row(
        "broker.uncovered_contract",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"not eligible to trade uncovered",
        "A sold contract would be left without cover",
        "What covers it is gone, is held by another order, or would be sold first.",
        "see `execbot option held`; close the whole as one order: `execbot option close`",
    ),
    Row(
        "broker.insufficient_underlying",
        Remedy.ADJUST,
        REFUSALS,
        r"insufficient underlying qty",
        "Too few free shares of the stock for this contract",
        "A sold call, and a put that is exercised, need 100 each; stops and targets hold theirs.",
        "take the exits off these shares, or reduce the quantity",
    ),
    Row(
        "broker.options_limit",
        Remedy.ADJUST,
        REFUSALS,
        r"options order (qty|notional) .*must be <=|limit for contracts expiring",
        "More contracts than Alpaca takes in one order, or of one day",
        "Alpaca does not publish these limits; the message names the one that ruled.",
        "reduce the quantity",
    ),
    Row(
        "broker.contract_expires_soon",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"expires soon",
        "Nothing is opened in this contract any more: it expires today",
        "Alpaca takes opening orders until 15:30 New York time on the last day.",
        "choose a later expiry",
    ),
    Row(
        "broker.option_terms",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"for options trading|options? order_type|option time_in_force"
        r"|position intent is required|rolling contracts|underlying asset mismatch"
        r"|european-style option|invalid contract|limit price is (required|only valid)"
        r"|invalid (limit|stop) price$",
        "Options are not ordered like this",
        "One contract: market, limit, stop or stop-limit, day or gtc. Legs: one underlying, market "
        "or limit, day. Whole contracts, regular hours, no bracket.",
        "change the order as the message says",
    ),
    Row(
        "broker.assignment_lock",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"assignment lock",
        "An assignment keeps these contracts from being closed whole",
        "A sold contract was assigned, and the bought ones cover what it left.",
        "see `execbot reconcile`; close fewer, or wait until the assignment is booked",
    ),
    Row(
        "broker.not_exercised",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"is out of the money|to exercise|exercise (is|requests? are) not|dne requests"
        r"|marked (as )?(dne|do not exercise)|cannot be exercised|insufficient cash available"
        r"|insufficient regt|no available position for the specified",
        "The contract is not exercised, nor its exercise called off",
        "Exercise needs a bought American contract in the money, its strike in cash (a call) or "
        "the shares (a put), and ends at the close; it is called off on the last day alone.",
        "sell the contract instead: `execbot close SYMBOL`",
    ),
)
