"""From a photo and a question to an answer, and the one loop over many photos."""
