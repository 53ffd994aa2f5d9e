"""How well orders were executed: confirmations, their figures, and the check of the day's cash."""
