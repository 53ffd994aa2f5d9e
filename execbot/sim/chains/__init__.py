"""Option chains over the exchange's stocks: which contracts there are, and what each is worth."""
