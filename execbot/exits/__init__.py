"""Where a position's stops and targets stand, and how they get to the broker and stay there."""
