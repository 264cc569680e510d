"""Photos in, and the geometry between a photo, its tiles and the canvas it is shown on."""

from plantain.imaging.photo import open_picture, photo_size, read_mask, read_photo

__all__ = ["open_picture", "photo_size", "read_mask", "read_photo"]
