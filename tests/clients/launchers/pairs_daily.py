"""Pairs_Package2: what it does once a day, with the pairs of its own file."""

from Pairs_Package2 import daily_pairs_run

daily_pairs_run()
