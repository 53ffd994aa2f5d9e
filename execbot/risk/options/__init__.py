"""Limits on entries in options: facts of contracts, worth and loss, rules."""
