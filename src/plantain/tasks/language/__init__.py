"""Questions in words: the templates that prompts are written by, and the readers of what people type."""
