"""Past months of a journal in files of their own: written, read, and taken back from."""
