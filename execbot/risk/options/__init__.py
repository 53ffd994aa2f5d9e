"""What entries in options are held to: facts of contracts, worth and loss, rules."""
