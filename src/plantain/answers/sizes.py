"""How large things are at most: a distance at which a thing would be larger is doubted.

A generator that has learned rooms and streets paints a cup that fills the picture as far away as furniture is. But the
shorter side of what is seen is no longer than the thing's longest, also where several stand in a row."""

from __future__ import annotations

import math

import numpy as np

from plantain._shapes import Bool
from plantain.answers.measures import extent
from plantain.tasks.language.english import plain, singular

NARROW_DEG = 40.0  # horizontal field of view where no camera is said: phones see more, at which things are larger
LONGEST_M = {  # the longest side of a large one, generously, in meters
    0.15: "apple, carrot, coin, donut, egg, fork, knife, key, mouse, orange, ring, spoon",
    0.3: "banana, broccoli, cell phone, cup, face, flower, glass, hand, hot dog, mug, phone, remote, sandwich, "
    "scissors, toothbrush, wine glass",
    0.6: "bird, book, bottle, bowl, cake, clock, frisbee, hair drier, head, keyboard, laptop, pizza, plate, shoe, tie, "
    "toaster, vase",
    1.0: "backpack, baseball glove, cat, handbag, lamp, microwave, pillow, sports ball, teddy bear",
    1.5: "baseball bat, dog, skateboard, stool, suitcase, tennis racket, toilet, umbrella",
    2.5: "bicycle, boy, chair, child, girl, man, oven, person, potted plant, refrigerator, sheep, sink, tv, woman",
    3.5: "bear, bed, couch, cow, dining table, door, horse, motorcycle, sofa, table, zebra",
    7.0: "car, elephant, giraffe",
}
_LONGEST_OF = {name: metres for metres, names in LONGEST_M.items() for name in names.split(", ")}


def longest_of(name: str) -> float | None:
    """The longest side of a large thing of this name in meters; None where it is not known.

    >>> longest_of("the red mugs"), longest_of("two wine glasses"), longest_of("the building")
    (0.3, 0.3, None)
    """
    words = singular(plain(name)).lower().split()
    return next((_LONGEST_OF[tail] for i in range(len(words)) if (tail := " ".join(words[i:])) in _LONGEST_OF), None)


def too_large(name: str, mask: Bool[np.ndarray, "h w"], metres: float, focal: float | None) -> float:
    """How many times longer than the largest of its kind a thing would be at this distance; 1 where it may be so, or
    nothing is known. `focal`: of the camera, in pixels."""
    longest = longest_of(name)
    if longest is None:
        return 1.0
    pixels = focal or mask.shape[1] / (2 * math.tan(math.radians(NARROW_DEG) / 2))
    return max(1.0, min(extent(mask)) / pixels * metres / longest)
