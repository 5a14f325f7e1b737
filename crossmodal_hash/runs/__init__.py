"""Run folders: how they are made and read, and what happened epoch by epoch; no torch but for the model."""
