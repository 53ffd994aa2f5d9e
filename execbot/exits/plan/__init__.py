"""The plan of a position: its stops and targets, and how the plan changes."""
