"""Is a market open? Sessions, holidays, halts, and the orders that wait for the open."""
