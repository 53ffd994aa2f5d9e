"""Runs somebody's bot, unchanged, against the exchange, and lets it reach nothing else."""
