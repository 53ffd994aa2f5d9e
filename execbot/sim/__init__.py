"""The built-in exchange: an independent witness that speaks Alpaca's wire.

Nothing here imports another room of execbot. The exchange does no I/O: a request and the
time go in, a response and events come out.
"""
