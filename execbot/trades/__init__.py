"""Round trips, what they earned and how well: from executions and samples of equity. Pure."""
