"""What may be set, in which layers it is said, and what becomes of it."""
