"""What is wanted for a position: its plan of stops and targets, and how the plan changes."""
