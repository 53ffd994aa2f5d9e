"""`trading.yaml` and the environment become one validated `Settings`."""
