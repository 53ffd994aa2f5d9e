"""Trades as other programs read them: trading journals, and books of accounts. Pure text."""
