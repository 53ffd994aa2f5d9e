"""The vocabulary. Imports nothing of ours; see the submodules for the shapes and units."""
