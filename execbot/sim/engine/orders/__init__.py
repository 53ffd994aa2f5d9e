"""An order's life at the exchange: checks, matching, executions, cancel and replace."""
