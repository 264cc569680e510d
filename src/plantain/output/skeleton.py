"""Which named points of a body are joined by a bone: the names of COCO (17 points) and of LSP (14 points)."""

from __future__ import annotations

from collections.abc import Sequence

_HALF = (
    ("ankle", "knee"),
    ("knee", "hip"),
    ("hip", "shoulder"),
    ("shoulder", "elbow"),
    ("elbow", "wrist"),
    ("shoulder", "ear"),
    ("ear", "eye"),
)
_MIDDLE = (
    ("left hip", "right hip"),
    ("left shoulder", "right shoulder"),
    ("left eye", "right eye"),
    ("nose", "left eye"),
    ("nose", "right eye"),
    ("neck", "left shoulder"),
    ("neck", "right shoulder"),
    ("neck", "head top"),
)
BONES = tuple((f"{side} {a}", f"{side} {b}") for side in ("left", "right") for a, b in _HALF) + _MIDDLE


def bones(names: Sequence[str]) -> list[tuple[int, int]]:
    """Index pairs of the bones whose two ends are both among `names`; underscores and case do not matter.

    >>> bones(["left_hip", "left_knee", "tail"])
    [(1, 0)]
    """
    place = {name.lower().replace("_", " ").replace("-", " "): i for i, name in enumerate(names)}
    return [(place[a], place[b]) for a, b in BONES if a in place and b in place]
