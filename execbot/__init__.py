"""execbot: the trade executor for Alpaca.

The public Python API is re-exported here lazily, so that `import execbot` costs nothing.
"""

__version__ = "0.1.0"
