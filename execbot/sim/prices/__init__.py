"""Where prices come from: a synthetic market, recorded files, and both side by side."""
