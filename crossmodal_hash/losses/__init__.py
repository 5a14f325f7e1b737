"""Losses: real codes of two modalities and their targets in, a scalar out."""
