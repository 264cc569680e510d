"""Metrics by the official rules, in NumPy alone: a file a family. Each names the scorer whose numbers it gives."""
