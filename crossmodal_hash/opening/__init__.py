"""From what a user names to a data set: the layout is recognized, the data read, what cannot be used left out."""
