"""Where the named points of one thing are: the joints of a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np

from plantain._shapes import UInt8
from plantain.errors import UsageError
from plantain.kinds import Keypoints as KeypointsAnswer
from plantain.tasks import truth as truths
from plantain.tasks.base import Task
from plantain.tasks.legend import BLACK, Legend, checked, name_of, names_of, rgb_of, said
from plantain.tasks.wording import RGB

COCO_17 = (
    "nose",
    "left eye",
    "right eye",
    "left ear",
    "right ear",
    "left shoulder",
    "right shoulder",
    "left elbow",
    "right elbow",
    "left wrist",
    "right wrist",
    "left hip",
    "right hip",
    "left knee",
    "right knee",
    "left ankle",
    "right ankle",
)
RADIUS = 0.03  # of a disc, as a share of the picture's longer side
GROUP = 64  # points in one painting


@dataclass(frozen=True)
class Keypoints(Task):
    """A disc for each named point (COCO's 17 of a person when not said), in its own colour on black.

    >>> Keypoints({"nose": "red", "chin": (0, 0, 255)}).legend
    (('nose', (255, 0, 0)), ('chin', (0, 0, 255)))
    """

    names: tuple[str, ...] | Mapping[str, Any] = COCO_17
    thing: str = "person"
    colours: tuple[RGB, ...] = ()

    name: ClassVar[str] = "keypoints"
    title: ClassVar[str] = "keypoints"
    kind: ClassVar[type[KeypointsAnswer]] = KeypointsAnswer
    default_code: ClassVar[str] = "discs"
    codes: ClassVar[Mapping[str, str]] = {"discs": "discs/1"}
    phrases: ClassVar[Mapping[str, str]] = {"discs": "flat round discs"}
    templates: ClassVar[Mapping[str, str]] = {
        "imperative": "Mark the keypoints of the {thing} in this photo with discs: {legend| is }; everything else, the "
        "background, is {background}; if there is none, paint everything {background}.[ Colours: {colours}.]",
        "caption": "The keypoints of the {thing} in this photo as discs: {legend| is }; everything else, the "
        "background, is {background}, all of it if there is none[; colours: {colours}].",
        "terse": "keypoints; {thing}; {legend|: |; }; background: {background}[; {colours}]",
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        name_of(self.thing, "the thing with the points")
        given = tuple(self.names.values()) if isinstance(self.names, Mapping) else self.colours
        names = names_of(self.names, "a point")
        colours = tuple(map(rgb_of, given)) or tuple(
            bright_colours(min(len(names), GROUP))[i % GROUP] for i in range(len(names))
        )
        if len(colours) != len(names):
            raise UsageError(f"{len(names)} points were named but {len(colours)} colours given; give one for each")
        for start in range(0, len(names), GROUP):
            span = slice(start, start + GROUP)
            checked(tuple(zip(names[span], colours[span], strict=True)), BLACK)
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "colours", colours)

    @property
    def legend(self) -> Legend:
        return tuple(zip(self.names, self.colours, strict=True))

    def record(self) -> dict[str, Any]:
        return {"thing": self.thing, "legend": said(self.legend), "background": BLACK}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        return cls(record["legend"], record["thing"])

    def encode(self, truth: Any) -> UInt8[np.ndarray, "h w 3"]:
        """Paints Keypoints, matched by name; a point that is not visible is left out. The nearer disc's centre wins."""
        found, (height, width) = truths.points_of(truth)
        rgb = np.zeros((height, width, 3), np.uint8)
        nearest = np.full((height, width), (RADIUS * max(height, width)) ** 2, np.float32)
        ys, xs = np.mgrid[:height, :width].astype(np.float32) + 0.5
        colour_of = dict(self.legend)
        for name, (x, y), visible in zip(found.names, found.xy, found.visible, strict=True):
            if visible and name in colour_of:
                away = (xs - x) ** 2 + (ys - y) ** 2
                closer = away <= nearest
                rgb[closer] = colour_of[name]
                nearest[closer] = away[closer]
        return rgb


@cache
def bright_colours(count: int) -> tuple[RGB, ...]:
    """Colours as far apart as can be *in direction* from black, for at most 64 points.

    A disc that is painted faint or blurred keeps its direction and loses its brightness, so two colours on one ray
    ((255, 0, 0) and (102, 0, 0)) must not both be used. Greedy farthest points over the bright faces of the cube.
    """
    steps = range(0, 256, 51)
    grid = np.array([(r, g, b) for r in steps for g in steps for b in steps if max(r, g, b) == 255])
    rays = grid / np.linalg.norm(grid, axis=1, keepdims=True)
    chosen = [int(np.flatnonzero((grid == (255, 0, 0)).all(1))[0])]
    closest = np.full(len(grid), -1.0)
    for _ in range(count - 1):
        closest = np.maximum(closest, rays @ rays[chosen[-1]])
        chosen.append(int(np.argmin(closest)))
    return tuple((int(r), int(g), int(b)) for r, g, b in grid[chosen])
