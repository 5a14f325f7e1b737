"""Presentation of scores: records, tables, curves, galleries, and the page with all of them."""
