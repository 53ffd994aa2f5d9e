"""Check, send, react: an order from wish to broker, with its plan of exits."""
