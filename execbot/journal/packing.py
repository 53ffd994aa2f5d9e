"""Long texts of the journal made small: reports, decisions, plans, all of which repeat each other.

What is packed begins with the number of its dictionary and goes on as deflated bytes, which SQLite
keeps as a BLOB where otherwise there is TEXT; short texts stay as they are, and so does whatever
was written before there was this. A dictionary is never changed: what was packed with it could not
be read any more. A better one gets the next number.
"""

from __future__ import annotations

import zlib

SHORTEST = 100
"""A text under so many characters gains next to nothing."""

_LEVEL, _WINDOW_BITS, _MEMORY = 6, -13, 7
"""A window of 8 kB holds the dictionary and the text; a larger one costs more to set up."""

_FIRST = (
    b'{"schema":1,"plan_id":"plan-execbot-","version":1,"status":"pending","symbol":"MSFT",'
    b'"side":"short","origin":"signal","strategy_id":null,"strength":null,'
    b'"entry_client_order_id":"execbot-","entry_price":null,"base_qty":"1",'
    b'"stop":{"spec":"2%","price":"","initial":"","high_water":"","moved_at":null,'
    b'"trail":{"kind":"percent","value":"1","from_start":false}},"targets":[{"spec":"4%",'
    b'"weight":"100","price":"","filled_qty":"0","done":false,"moved_at":null}],'
    b'"rules":{"breakeven_at_r":null,"tighten_within_pct":null,"tighten_to_pct":"0.5",'
    b'"widen_atr":null,"time_stop_minutes":null,"flatten_before_close_minutes":null,'
    b'"remeasure":false},"facts":{"atr":null,"lowest_low":null,"highest_high":null,'
    b'"offset_pct":"0.1","tick":null},"opened_at":"2026-","best_price":"","worst_price":"",'
    b'"exit":null,"lift":null,"note":"closed","created_at":"2026-","updated_at":"2026-"}'
    b'{"checks":{"kill_switch":["off","off"],"reduce_only":["off","off"],'
    b'"mode_gate":["mode: live and ALPACA_LIVE_TRADE=true","paper"],'
    b'"account_active":["ACTIVE","ACTIVE"],"account_not_blocked":["not blocked","not blocked"],'
    b'"account_not_suspended":["not suspended","not suspended"],'
    b'"equity_known":["above 0, within 20 % of cash and positions",'
    b'"100,000.00 USD, cash and positions 100,000.00 USD"],'
    b'"intraday_margin":[" USD"," USD"],"instrument":["a stock, or a pair in dollars",'
    b'"us_equity"],"asset_tradable":["active, tradable","active, tradable"],'
    b'"symbol_not_denied":["not denied","AAPL"],"session":["regular session","open"],'
    b'"halt":["not halted","no halt known"],"luld_band":["inside the band","no band known"],'
    b'"entry_window":["not in the first 0 or last 0 min","no open or close near"],'
    b'"quote_fresh":["at most 900 s old","0.1 s"],"spread":["5 %","0.01 %"],'
    b'"buying_power":[" USD"," USD"],"max_position_size":["10 % of equity, 10,000.00 USD",'
    b'" USD ( %)"],"max_positions":["5","1 with this"],'
    b'"max_exposure":["80 % of equity, 80,000.00 USD"," USD ( %)"],'
    b'"broker_position_ratio":["600 % of equity, 600,000.00 USD"," USD ( %)"],'
    b'"duplicate_order":["no same order in 60 s","none"],'
    b'"duplicate_position":["no position","none"],'
    b'"opposite_order":["no entry of the other side","none"],'
    b'"wash_trade":["no order of ours on the other side","none"],"daily_loss":["below 5 %","0 %"],'
    b'"daily_orders":["fewer than 100","0"],"consecutive_losses":["fewer than 5","0"],'
    b'"consecutive_rejections":["fewer than 10","0"]},"failed":[]}'
    b'{"mark":["",],"replaces":"","origin":"submit","arrival_price":"","plan_id":"plan-execbot-",'
    b'"role":"exit","parent_id":"execbot-","request":{"symbol":"","side":"buy","type":"market",'
    b'"time_in_force":"gtc","qty":"","limit_price":"","stop_price":"","order_class":"bracket",'
    b'"take_profit":{"limit_price":""},"stop_loss":{"stop_price":""},'
    b'"position_intent":"sell_to_close","client_order_id":"execbot-"},'
    b'"request_json":"{\\"symbol\\":\\"AAPL\\",\\"side\\":\\"sell\\",\\"type\\":\\"stop\\",'
    b'\\"time_in_force\\":\\"gtc\\",\\"qty\\":\\"10\\",\\"stop_price\\":\\"\\",'
    b'\\"order_class\\":\\"bracket\\",\\"position_intent\\":\\"sell_to_close\\",'
    b'\\"client_order_id\\":\\"execbot-"}'
    b'{"activity_id":"2026","order_status":"filled","row_type":"fill"}'
    b'{"activity":{"id":"2026","activity_type":"FILL","transaction_time":"2026-",'
    b'"type":"partial_fill","price":"","qty":"","side":"sell_short","symbol":"AAPL",'
    b'"leaves_qty":"0","order_id":"","cum_qty":"","order_status":"partially_filled"}}'
    b'{"at":"2026-","event_id":"","event":"pending_replace","event":"canceled",'
    b'"event":"partial_fill","event":"replaced","event":"fill","event":"new",'
    b'"execution_id":"","timestamp":"2026-","price":"","qty":"","position_qty":"",'
    b'"order":{"id":"","client_order_id":"execbot-","created_at":"2026-11-","updated_at":"2026-11-",'
    b'"submitted_at":"2026-11-","filled_at":null,"expired_at":null,"expires_at":"2026-11-",'
    b'"canceled_at":null,"failed_at":null,"replaced_at":null,"replaced_by":null,"replaces":null,'
    b'"asset_id":"","symbol":"AAPL","asset_class":"us_equity","notional":null,"qty":"1",'
    b'"filled_qty":"0","filled_avg_price":null,"order_class":"bracket","order_type":"stop",'
    b'"type":"limit","side":"sell","position_intent":"sell_to_close","time_in_force":"day",'
    b'"limit_price":null,"stop_price":null,"status":"filled","extended_hours":false,'
    b'"legs":null,"trail_percent":null,"trail_price":null,"hwm":null,"subtag":null,'
    b'"source":null}}'
)

_DICTIONARIES = {1: _FIRST}
_NEWEST = max(_DICTIONARIES)
_PRIMED = zlib.compressobj(
    _LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY, zlib.Z_DEFAULT_STRATEGY, _DICTIONARIES[_NEWEST]
)
"""Copied for each text: a copy knows the dictionary already."""


def packed(text: str) -> str | bytes:
    """The form in which a text is written."""
    if len(text) < SHORTEST:
        return text
    packer = _PRIMED.copy()
    return b"%c%b%b" % (_NEWEST, packer.compress(text.encode()), packer.flush())


def unpacked(value: str | bytes) -> str:
    """The text that was written. Raises ValueError where it cannot be read back."""
    if isinstance(value, str):
        return value
    try:
        opener = zlib.decompressobj(_WINDOW_BITS, _DICTIONARIES[value[0]])
        text = opener.decompress(value[1:]) + opener.flush()
    except (KeyError, IndexError, zlib.error) as error:
        raise ValueError(f"what was packed cannot be read back: {error}") from error
    if not opener.eof:
        raise ValueError("what was packed is cut off")
    return text.decode()
