"""Backbones: one modality in, an ordered list of levels out."""
