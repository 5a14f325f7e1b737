"""Grids of methods x bits x seeds x data sets: run what is missing, and tabulate what is there."""
