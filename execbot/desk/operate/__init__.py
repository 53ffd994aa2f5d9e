"""Living with execbot: set-ups for service managers, dead man's pings, the guided check."""
