"""One request out: its intent, its sending, and what cancels, closes and replaces need."""
