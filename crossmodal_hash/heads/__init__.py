"""Heads: what is applied to K values to make real codes of them."""
