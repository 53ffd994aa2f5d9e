"""Random sessions of `watch`: drawn, recorded, lied to and judged."""
