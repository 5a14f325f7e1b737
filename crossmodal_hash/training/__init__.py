"""Training, from settings and a data set to a run folder; encoding with what came out."""
