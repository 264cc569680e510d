"""Open generators by diffusers: `spec` is the table of rows, `painter` the one class that runs them all."""
