"""The paths, a file a subject."""
