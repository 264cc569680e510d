"""Answers as files and pictures."""
