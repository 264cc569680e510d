"""From paintings that were read to answers as people need them: `ask(photo, text) -> Answer`."""
