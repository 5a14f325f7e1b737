"""Run folders: how they are created and read, and the history of epochs; only the model needs torch."""
