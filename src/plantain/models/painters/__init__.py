"""Painters, one file each: the embedded generator with its words and grids, and those for tests and callers."""
