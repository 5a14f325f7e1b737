"""Losses: real codes of two modalities and what they should look like in, a scalar out."""
