"""What a data set is made of, and whether a model may be trained on it."""
