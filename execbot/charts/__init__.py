"""Pictures of trades: bars, executions, and where stop and targets stood. Pure, but for the files
that are written at the end."""
