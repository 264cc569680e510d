"""Answers as numbers, and what can be done with them."""
