"""Levels of a backbone: which ones are used, how they are standardized and projected."""
