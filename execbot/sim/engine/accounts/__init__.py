"""Accounts at the exchange: cash, positions, margin, corporate actions, the archive."""
