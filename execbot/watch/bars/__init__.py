"""Minute bars of what `watch` follows, kept beside the journal."""
