"""What is asked of the broker for one decision: at once, and not more than is needed."""
