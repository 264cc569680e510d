"""Painters behind a service: what is asked and read is a file a service; money, retries and keeping are shared."""
