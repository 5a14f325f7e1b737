"""Pooling: one level in, one vector out."""
