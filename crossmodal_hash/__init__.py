"""Cross-modal hashing: short binary codes for pictures and texts, found by Hamming distance."""
