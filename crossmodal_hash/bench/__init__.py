"""Grids of methods x bits x seeds x data sets: run the missing cells, and tabulate the finished ones."""
