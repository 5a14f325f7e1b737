"""Data sets that come as files of matrices: which keys they use, and how their arrays become one data set."""
