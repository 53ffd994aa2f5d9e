"""What rows say of contracts: their ends, the shares they deliver, and what waits for rows."""
