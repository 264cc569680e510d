"""Where the named points of one thing are: the joints of a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self, cast

import numpy as np

from plantain._shapes import Float, Shaped, UInt8
from plantain.errors import UsageError
from plantain.predictions.types import Keypoints
from plantain.tasks import decode_utils, targets
from plantain.tasks.base import Task
from plantain.tasks.language.templates import RGB
from plantain.tasks.legend import BLACK, GROUP, Legend, in_groups, legend_of, name_of, names_of, rgb_of, said
from plantain.vocabularies import COCO_17

RADIUS = 0.03  # of a disc, as a share of the picture's longer side
FAINT = 20  # levels: darker pixels are background
SEEN = 0.2  # score from which a point counts as visible; fainter ones keep their place
CHANNELS: tuple[RGB, ...] = ((255, 0, 0), (0, 255, 0), (0, 0, 255))


@dataclass(frozen=True)
class KeypointDetection(Task):
    """A disc for each named point (COCO's 17 of a person when not said), in its own color on black.

    Code "channels" asks for three points at a time, red, green and blue: a painter that is unsure paints the mean of
    what may be there, in which three points stay apart (each channel is the probability of one) and seventeen do not.

    >>> KeypointDetection({"nose": "red", "chin": (0, 0, 255)}).legend
    (('nose', (255, 0, 0)), ('chin', (0, 0, 255)))
    """

    names: Sequence[str] | Mapping[str, Any] = COCO_17
    thing: str = "person"
    colors: tuple[RGB, ...] = ()

    name: ClassVar[str] = "keypoints"
    title: ClassVar[str] = "keypoints"
    kind: ClassVar[type[Keypoints]] = Keypoints
    default_code: ClassVar[str] = "discs"
    codes: ClassVar[Mapping[str, str]] = {"discs": "discs/1", "channels": "channels/1"}
    code_descriptions: ClassVar[Mapping[str, str]] = {
        "discs": "flat round discs",
        "channels": "round discs that add up where they overlap",
    }
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
        given = tuple(self.names.values()) if isinstance(self.names, Mapping) else self.colors
        names = names_of(self.names, "a point")
        colors = tuple(map(rgb_of, given)) or _in_turn(len(names), bright_colors(min(len(names), GROUP)))
        if len(colors) != len(names):
            raise UsageError(f"{len(names)} points were named but {len(colors)} colors given; give one for each")
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "colors", colors)
        if self.code is not None and not self.supports(self.code):
            raise UsageError("code 'channels' paints points red, green and blue in turn; leave their colors out")
        if self.code == "channels":
            object.__setattr__(self, "colors", _in_turn(len(names), CHANNELS))
        legend_of(self.legend, BLACK, "a point", self.group)

    @property
    def group(self) -> int:
        """How many points one painting holds."""
        return len(CHANNELS) if self.code == "channels" else GROUP

    def supports(self, code: str) -> bool:
        """Channels have colors of their own: those of discs must be the ones that nobody chose."""
        count = len(self.names)
        unchosen = (_in_turn(count, bright_colors(min(count, GROUP))), _in_turn(count, CHANNELS))
        return code != "channels" or self.colors in unchosen

    @property
    def points(self) -> tuple[str, ...]:
        """The names, in order."""
        return cast(tuple[str, ...], self.names)

    @property
    def legend(self) -> Legend:
        return tuple(zip(self.points, self.colors, strict=True))

    @property
    def queries(self) -> tuple[str, ...]:
        return self.points

    def record(self) -> dict[str, Any]:
        return {"thing": self.thing, "legend": said(self.legend), "background": BLACK}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        return cls(record["legend"], record["thing"], code=record.get("code"))

    def encode(self, truth: Any) -> UInt8[np.ndarray, "h w 3"]:
        """Paints Keypoints, matched by name; a point that is not visible is left out. The nearer disc's center wins."""
        self.require_one_painting()
        found, (height, width) = targets.points_of(truth)
        if self.code == "channels":
            return self._encode_channels(found, (height, width))
        rgb = np.zeros((height, width, 3), np.uint8)
        nearest = np.full((height, width), (RADIUS * max(height, width)) ** 2, np.float32)
        ys, xs = np.mgrid[:height, :width].astype(np.float32) + 0.5
        color_of = dict(self.legend)
        for name, (x, y), visible in zip(found.names, found.xy, found.visible, strict=True):
            if visible and name in color_of:
                away = (xs - x) ** 2 + (ys - y) ** 2
                closer = away <= nearest
                rgb[closer] = color_of[name]
                nearest[closer] = away[closer]
        return rgb

    def _encode_channels(self, found: Keypoints, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
        rgb = np.zeros((*size, 3), np.uint8)
        ys, xs = np.mgrid[: size[0], : size[1]].astype(np.float32) + 0.5
        for name, (x, y), visible in zip(found.names, found.xy, found.visible, strict=True):
            if visible and name in self.points:
                near = (xs - x) ** 2 + (ys - y) ** 2 <= (RADIUS * max(size)) ** 2
                rgb[near, self.points.index(name)] = 255
        return rgb

    def _decode(self, rgb: Shaped[np.ndarray, "h w 3"]) -> Keypoints:
        if self.code == "channels":
            return self._decode_channels(rgb)
        height, width = rgb.shape[:2]
        ys, xs = np.nonzero(rgb.max(-1) > (FAINT if rgb.dtype == np.uint8 else FAINT / 255))
        seen = decode_utils.levels(rgb[ys, xs])
        which, place, distance = decode_utils.closest_line(seen, BLACK, self.colors)
        weight = place * decode_utils.confidence_at(distance)
        radius = max(RADIUS * max(height, width), 0.7)
        found = [
            _find(xs[which == i] + 0.5, ys[which == i] + 0.5, weight[which == i], radius, (height, width))
            for i in range(len(self.names))
        ]
        confidence = np.ones((height, width), np.float32)
        confidence[ys, xs] = decode_utils.confidence_at(distance) * decode_utils.binary_confidence(place)
        return self._answer(found, confidence)

    def _decode_channels(self, rgb: Shaped[np.ndarray, "h w 3"]) -> Keypoints:
        """Each channel is the probability of one point."""
        height, width = rgb.shape[:2]
        planes = np.moveaxis(decode_utils.levels(rgb)[..., : len(self.names)], -1, 0) / np.float32(255)
        radius = max(RADIUS * max(height, width), 0.7)
        found = []
        for plane in planes:
            ys, xs = np.nonzero(plane > FAINT / 255)
            found.append(_find(xs + 0.5, ys + 0.5, plane[ys, xs], radius, (height, width)))
        return self._answer(found, np.asarray(decode_utils.binary_confidence(planes).min(0)))

    def _answer(self, found: Sequence[tuple[float, float, float]], confidence: Float[np.ndarray, "h w"]) -> Keypoints:
        """From x, y and score of every point."""
        table = np.array(found, np.float32).reshape(-1, 3)
        return Keypoints(
            xy=table[:, :2],
            visible=table[:, 2] >= SEEN,
            names=self.points,
            scores=table[:, 2],
            confidence=confidence,
            presence={self.thing: float(table[:, 2].max())},
        )

    def parts(self) -> Sequence[KeypointDetection]:
        """Groups of as many points as one painting holds, for `merge` to join."""
        groups = in_groups(self.legend, self.group)
        if len(groups) == 1:
            return (self,)
        return tuple(KeypointDetection(dict(group), self.thing, code=self.code) for group in groups)


def _find(
    xs: Float[np.ndarray, "m"], ys: Float[np.ndarray, "m"], weight: Float[np.ndarray, "m"], radius: float, size: Any
) -> tuple[float, float, float]:
    """x, y and score of the best blob among pixels of one color: the densest place, then its weighted centroid.

    The score is the painted weight within one radius over the area of a disc there: 1 for a whole pure disc, less for
    a faint, blurred or half-hidden one."""
    if weight.size == 0:
        return np.nan, np.nan, 0.0
    x, y = _densest(xs, ys, weight, radius, size)
    for reach in (1.5, 1.25, 1.25):
        near = weight * ((xs - x) ** 2 + (ys - y) ** 2 <= (reach * radius) ** 2)
        total = near.sum()
        if total > 0:
            x, y = float((near * xs).sum() / total), float((near * ys).sum() / total)
    inside = weight[(xs - x) ** 2 + (ys - y) ** 2 <= (1.1 * radius) ** 2].sum()
    return x, y, float(min(1.0, inside / _disc_area(x, y, radius, size)))


def _densest(
    xs: Float[np.ndarray, "m"], ys: Float[np.ndarray, "m"], weight: Float[np.ndarray, "m"], radius: float, size: Any
) -> tuple[float, float]:
    """Where the most weight lies together, on a grid of cells of one radius summed 3 x 3."""
    height, width = size
    rows, columns = int(height / radius) + 3, int(width / radius) + 3
    cell = (ys / radius).astype(int) + 1, (xs / radius).astype(int) + 1
    grid = np.bincount(cell[0] * columns + cell[1], weight, rows * columns).reshape(rows, columns)
    across = grid[:, :-2] + grid[:, 1:-1] + grid[:, 2:]
    sums = across[:-2] + across[1:-1] + across[2:]
    row, column = np.unravel_index(int(sums.argmax()), sums.shape)
    close = (abs(cell[0] - row - 1) <= 1) & (abs(cell[1] - column - 1) <= 1)
    total = weight[close].sum()
    if total <= 0:
        return float(xs[0]), float(ys[0])
    return float((weight * xs)[close].sum() / total), float((weight * ys)[close].sum() / total)


def _disc_area(x: float, y: float, radius: float, size: Any) -> float:
    """Pixels of a disc that lie in the picture, counted on a coarse grid of sample points."""
    height, width = size
    steps = (np.arange(16) + 0.5) / 8 - 1
    dx, dy = (part[np.hypot(*np.meshgrid(steps, steps)) <= 1] * radius for part in np.meshgrid(steps, steps))
    inside = (x + dx >= 0) & (x + dx < width) & (y + dy >= 0) & (y + dy < height)
    return float(max(np.pi * radius**2 * inside.mean(), 1.0))


def _in_turn(count: int, palette: Sequence[RGB]) -> tuple[RGB, ...]:
    return tuple(palette[i % len(palette)] for i in range(count))


@cache
def bright_colors(count: int) -> tuple[RGB, ...]:
    """Colors as far apart as can be *in direction* from black, for at most 64 points.

    A disc that is painted faint or blurred keeps its direction and loses its brightness, so two colors on one ray
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
