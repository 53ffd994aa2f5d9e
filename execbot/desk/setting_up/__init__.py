"""Setting up: the first configuration, profiles, and what a shell completes."""
