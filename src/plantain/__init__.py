"""Plantain: photo + words -> painting -> numbers. The public surface, loaded lazily."""

__version__ = "0.1.0"
