"""Fusion: the levels of one tower in, one vector out."""
