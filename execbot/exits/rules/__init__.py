"""Decides what to do for a plan now. Pure: a view goes in, actions come out."""
