"""Execution quality: what a day's orders, fills and positions amounted to."""
