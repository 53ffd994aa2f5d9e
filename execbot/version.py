"""The version of this program; its own file, so that reading it imports nothing else."""

from __future__ import annotations

__version__ = "0.1.0"
