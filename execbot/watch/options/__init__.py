"""What `watch` does for option contracts: exits of structures, expiry, and what threatens them."""
