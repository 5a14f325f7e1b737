"""Criteria: two blocks of label vectors in, their similarity out; larger always means more similar."""
