"""Photos in, and the geometry between a photo, its tiles and the canvas it is shown on."""
