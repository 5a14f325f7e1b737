"""The codes of an index as files that other programs read: one module for each of them, and what they share."""
