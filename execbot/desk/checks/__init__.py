"""Checks, each with its findings: is everything in place to trade, and is everything well now."""
