"""Whether a market is open: sessions, holidays, halts, and what waits for the open."""
