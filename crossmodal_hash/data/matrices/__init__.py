"""Data sets in files of matrices: their keys, and how their arrays become one data set."""
