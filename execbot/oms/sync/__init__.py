"""Journal and broker brought together: reports taken in, doubts settled, breaks explained."""
