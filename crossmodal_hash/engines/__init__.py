"""Indices of codes: built once, added to, searched by many; each engine keeps one in its own way. Needs no torch."""
