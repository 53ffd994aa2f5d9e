"""Care of the journal as a file: looked over, measured, verified, copied, restored."""
