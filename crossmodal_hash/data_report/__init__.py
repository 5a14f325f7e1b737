"""The contents of a data set, and whether a model can be trained on it."""
