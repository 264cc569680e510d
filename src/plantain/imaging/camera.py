"""The camera that a photo says it was taken with."""

from __future__ import annotations

import math
from typing import Any

from plantain.errors import PhotoError
from plantain.imaging.photo import open_picture

EXIF_BLOCK, FOCAL_35MM = 0x8769, 0xA405  # the block of the camera, and FocalLengthIn35mmFilm in it
DIAGONAL_MM = math.hypot(36, 24)  # of 35 mm film


def focal_of_exif(source: Any) -> float | None:
    """The focal length in pixels, by the equivalent on 35 mm film of the same diagonal; None where the photo says none,
    as most do that were edited or sent.

    Source: CIPA DC-008 (Exif 3.0), tag FocalLengthIn35mmFilm; the equivalence by the diagonal is CIPA DCG-001's."""
    try:
        with open_picture(source) as image:
            millimetres = image.getexif().get_ifd(EXIF_BLOCK).get(FOCAL_35MM)
            diagonal = math.hypot(image.width, image.height)
    except (PhotoError, TypeError):  # no file: an array; whoever reads the photo says what is wrong
        return None
    if not isinstance(millimetres, int | float) or not 0 < millimetres < math.inf:
        return None
    return float(millimetres) / DIAGONAL_MM * diagonal
