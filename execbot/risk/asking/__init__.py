"""Asks the broker for the facts of one decision: all at once, and no more than needed."""
