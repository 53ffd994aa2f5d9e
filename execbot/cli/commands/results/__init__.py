"""What trading has come to: round trips, and figures of them."""
