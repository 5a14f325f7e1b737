"""The settings: their schema, their layers, and how they are resolved."""
