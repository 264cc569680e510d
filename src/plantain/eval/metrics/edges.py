"""Edges by the rules of BSDS500: thinned at many thresholds, matched one to one with each annotator, ODS, OIS and AP.

EdgeMetric()                          # an edge map as it is
EdgeMetric(nms="gradient")            # after the usual unsaid step, non-maximum suppression across the edge

A picture of 481 x 321 with 5 annotators and 99 thresholds takes 1 to 3 seconds; `thresholds=33` a third of that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from plantain._shapes import Bool, Float, Int
from plantain.errors import UsageError
from plantain.eval.metrics.base import Judged, Row, Scores, check_size

FIGURES = ("ods", "ods_threshold", "ods_recall", "ods_precision", "ods_on_grid", "ois", "ois_recall", "ois_precision",
           "area_pr", "ap_monotone", "r50")  # fmt: skip


@dataclass(frozen=True)
class EdgeMetric:
    """Boundaries against those of several annotators. Source: BIDS/BSDS500, bench/benchmarks (Arbelaez et al. 2011).

    `thresholds`: so many, evenly spaced inside 0..1. `max_dist`: how far a matched pair may be apart, as a share of the
    diagonal. `nms`: "none", or "gradient" (see `suppressed`), before the rest. `thinning`: "full" (MATLAB), "hasty"
    (pyEdgeEval; see `thin`), "none". `levels`: the map is rounded to so many steps, as in the 8-bit files that the
    official scorer reads; 0 = not rounded."""

    thresholds: int = 99
    max_dist: float = 0.0075
    nms: Literal["none", "gradient"] = "none"
    thinning: Literal["full", "hasty", "none"] = "full"
    levels: int = 255

    @property
    def grid(self) -> Float[np.ndarray, "t"]:
        """The thresholds."""
        return np.linspace(1 / (self.thresholds + 1), 1 - 1 / (self.thresholds + 1), self.thresholds)

    def measure(self, pred: Float[np.ndarray, "h w"], truth: Bool[np.ndarray, "a y x"]) -> Row:
        """`counts` (4 t): at each threshold the annotators' pixels that are matched, and all of them; the painted
        pixels that are matched with any annotator's, and all of them.

        `pred`: strength 0..1. `truth`: one map an annotator. UsageError: unlike sizes, no annotator, other values."""
        check_size(pred.shape, truth.shape[1:])
        if not len(truth):
            raise UsageError("no annotator's map came with this truth; leave the picture out")
        maps = self._ready(pred)[None] >= self.grid[:, None, None]
        _, first, which = np.unique(maps.sum((1, 2)), return_index=True, return_inverse=True)
        return {"counts": self._counts(maps[first], truth)[:, which]}  # of one size, of nested maps, are one map

    def _counts(self, maps: Bool[np.ndarray, "t h w"], truth: Bool[np.ndarray, "a h w"]) -> Float[np.ndarray, "4 t"]:
        thinned = maps if self.thinning == "none" else thin(maps, hasty=self.thinning == "hasty")
        painted = thinned.sum((1, 2))
        far = self.max_dist * float(np.hypot(*truth.shape[1:]))
        found, hit = np.zeros(len(painted)), np.zeros(int(painted.sum()), bool)
        for one in truth:
            mates, level = partners(thinned, one, far)
            found += np.bincount(level[mates], minlength=len(painted))
            hit |= mates
        right = np.bincount(level[hit], minlength=len(painted))
        return np.array([found, np.full(len(painted), truth.sum()), right, painted], float)

    def _ready(self, pred: np.ndarray) -> Float[np.ndarray, "h w"]:
        strength = pred.astype(np.float64)
        if not ((strength >= 0) & (strength <= 1)).all():
            raise UsageError(f"the edge map has values outside 0..1 ({strength.min():g} to {strength.max():g}); divide "
                             "8-bit values by 255, or clip")  # fmt: skip
        if self.nms == "gradient":
            strength = suppressed(strength)
        return np.round(strength * self.levels) / self.levels if self.levels else strength

    def worst(self, truth: Bool[np.ndarray, "a y x"]) -> Row:
        """No edge at all."""
        return self.measure(np.zeros(truth.shape[1:], np.float32), truth)

    def judge(self, pred: Float[np.ndarray, "h w"], truth: Bool[np.ndarray, "a y x"]) -> Judged:
        """True strength is the share of annotators who drew here; right: within a fifth of it."""
        gap = np.abs(pred - truth.mean(0, dtype=np.float32))
        return Judged(np.ones(gap.shape, bool), (gap < 0.2).ravel(), gap.ravel())

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """ods: the best F of all pictures' counts, between thresholds too (with its threshold, recall and precision);
        ods_on_grid: without going between. ois: F of the counts of each picture at its own best threshold. area_pr: of
        precision over recall, as BSDS500 and pdollar/edges have it (their "AP"). ap_monotone: with precision made
        monotone, at 101 recalls (pyEdgeEval, as COCO). r50: recall at a precision of one half (pdollar/edges)."""
        if not len(rows):
            return dict.fromkeys(FIGURES, float("nan"))
        counts = np.array([row["counts"] for row in rows])  # n 4 t
        curve = PrecisionRecall.of(counts.sum(0))
        best = curve.between(self.grid)
        each = PrecisionRecall.of(np.moveaxis(counts, 1, 0)).f1.argmax(1)
        ois = PrecisionRecall.of(counts[np.arange(len(rows)), :, each].sum(0)[:, None])
        ways = (best[3], *best[:3], curve.f1.max(), ois.f1[0], ois.recall[0], ois.precision[0])
        return dict(zip(FIGURES, map(float, (*ways, curve.area(), curve.monotone(), curve.r50())), strict=True))


class PrecisionRecall(NamedTuple):
    """Recall and precision at each threshold; 0 where there is nothing to divide by."""

    recall: Float[np.ndarray, "*t"]
    precision: Float[np.ndarray, "*t"]

    @classmethod
    def of(cls, counts: Float[np.ndarray, "4 *t"]) -> PrecisionRecall:
        found, all_true, right, painted = counts
        return cls(found / np.maximum(all_true, 1), right / np.maximum(painted, 1))

    @property
    def f1(self) -> Float[np.ndarray, "*t"]:
        r, p = self
        return np.asarray(2 * p * r / np.where(p + r == 0, 1, p + r))

    def between(self, grid: Float[np.ndarray, "t"]) -> tuple[float, float, float, float]:
        """Threshold, recall, precision and F at the best F, in 100 steps between neighboring thresholds, between which
        recall and precision are each interpolated."""
        d = np.linspace(0, 1, 100)
        lines = [(v[1:, None] * d + v[:-1, None] * (1 - d)).ravel() if len(v) > 1 else v for v in (grid, *self)]
        threshold, recall, precision = lines
        f1 = PrecisionRecall(recall, precision).f1
        i = int(f1.argmax())
        return float(threshold[i]), float(recall[i]), float(precision[i]), float(f1[i])

    def area(self) -> float:
        """Precision interpolated at recalls 0, .01 .. 1, 0 beyond the curve; of equal recalls the first counts."""
        recall, first = np.unique(self.recall, return_index=True)
        at = np.arange(101) / 100
        if len(recall) < 2:
            return 0.0
        return float(np.interp(at, recall, self.precision[first], left=0, right=0).sum() * 0.01)

    def monotone(self) -> float:
        """Mean over recalls 0, .01 .. 1 of the best precision at that recall or more."""
        order = np.argsort(self.recall, kind="stable")
        best = np.maximum.accumulate(self.precision[order][::-1])[::-1]
        at = np.searchsorted(self.recall[order], np.arange(101) / 100)
        return float(np.append(best, 0.0)[at].mean())

    def r50(self) -> float:
        """Recall at precision .5, or at the least precision if that is more; NaN where precision never comes so far."""
        precision, first = np.unique(self.precision, return_index=True)
        half = max(precision[0], 0.5)
        return float(np.interp(half, precision, self.recall[first], right=np.nan))


def _thinning(half: int) -> Bool[np.ndarray, "256"]:
    """Which neighborhoods lose their middle in a half step. Bit k of an index is neighbor k + 1, counted from the
    right one against the clock. Source: Lam, Lee and Suen 1992, as conditions G1, G2 and G3 of MATLAB's bwmorph."""
    x = [(np.arange(256) >> (k % 8)) & 1 for k in range(10)]  # x[k] is neighbor k + 1; 9 is 1 again
    crossings = sum((1 - x[k]) & (x[k + 1] | x[k + 2]) for k in (0, 2, 4, 6))
    pairs = np.minimum(sum(x[k] | x[k + 1] for k in (0, 2, 4, 6)), sum(x[k] | x[k + 1] for k in (1, 3, 5, 7)))
    side = (x[1] | x[2] | (1 - x[7])) & x[0] if half == 0 else (x[5] | x[6] | (1 - x[3])) & x[4]
    return (crossings == 1) & (pairs >= 2) & (pairs <= 3) & (side == 0)


THINNING = (_thinning(0), _thinning(1))
TOGETHER = 8  # maps that are thinned at once: few enough for the cache


def thin(maps: Bool[np.ndarray, "n h w"], hasty: bool = False) -> Bool[np.ndarray, "n h w"]:
    """Each map thinned to lines one pixel wide. Until nothing changes, it equals skimage.morphology.thin and, by their
    description, MATLAB's; `hasty`: a map is left as it is after the first half step that changes nothing in it, though
    the other half might (py-bsds500, pyEdgeEval: a pixel more in 2 maps of 99)."""
    parts = [_thin(maps[i : i + TOGETHER], hasty) for i in range(0, len(maps), TOGETHER)]
    return np.concatenate(parts) if parts else maps


def _thin(maps: Bool[np.ndarray, "n h w"], hasty: bool) -> Bool[np.ndarray, "n h w"]:
    """Only pixels are looked at whose neighbors have changed since the same half step looked last."""
    n, h, w = maps.shape
    on = np.zeros((n, h + 2, w + 2), np.uint8)
    on[:, 1:-1, 1:-1] = maps
    flat, row, plane = on.reshape(-1), w + 2, (h + 2) * (w + 2)
    around = np.array([1, 1 - row, -row, -row - 1, -1, row - 1, row, row + 1])
    seen = np.zeros(flat.size, int)
    now = later = np.flatnonzero(flat)
    half = 0
    while len(now) or len(later):
        code = np.bitwise_or.reduce([flat[now + step] << np.uint8(k) for k, step in enumerate(around)])
        gone = now[THINNING[half][code]]
        flat[gone] = 0
        if hasty:
            later = later[np.isin(later // plane, gone // plane)]
        near = (gone[:, None] + around).ravel()
        near = _first(near[flat[near] > 0], seen)
        now = _first(np.concatenate([later[flat[later] > 0], near]), seen)
        later, half = near, 1 - half
    return on[:, 1:-1, 1:-1] > 0


def partners(
    thinned: Bool[np.ndarray, "t h w"], truth: Bool[np.ndarray, "h w"], far: float
) -> tuple[Bool[np.ndarray, "p"], Int[np.ndarray, "p"]]:
    """Which pixels of the thinned maps are matched with one of the truth's, at most `far` away; and whose map each is.

    In each map a pixel has one partner at most, as many pairs are made as there can be, and near ones come first.
    (The official matcher is a minimum of cost with random arcs: its counts differ a little from run to run.)"""
    level, y, x = np.nonzero(thinned)
    count = int(truth.sum())
    groups = [(painted, level[painted] * count + true) for painted, true in _near(y, x, truth, far)]
    return matching(groups, len(level), len(thinned) * count) >= 0, level


def _near(y: np.ndarray, x: np.ndarray, truth: np.ndarray, far: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each offset up to `far`, nearest first: the painted pixels with a true one there, and its number."""
    (h, w), r = truth.shape, int(far)
    number = np.full((h + 2 * r, w + 2 * r), -1)
    number[r : r + h, r : r + w][truth] = np.arange(truth.sum())
    start, flat = (y + r) * (w + 2 * r) + x + r, number.ravel()
    offsets = [(dy * dy + dx * dx, dy, dx) for dy in range(-r, r + 1) for dx in range(-r, r + 1)]
    for square, dy, dx in sorted(offsets):
        if square <= far * far:
            true = flat[start + dy * (w + 2 * r) + dx]
            painted = np.flatnonzero(true >= 0)
            yield painted, true[painted]


class Arcs:
    """Arcs of a graph by the node that they leave; the nearest first."""

    def __init__(self, tail: Int[np.ndarray, "m"], head: Int[np.ndarray, "m"], nodes: int) -> None:
        self.tail, self.head, self.nodes = tail, head, nodes  # sorted by tail
        self.start = np.concatenate([[0], np.bincount(tail, minlength=nodes).cumsum()])

    def where(self, keep: Bool[np.ndarray, "m"]) -> Arcs:
        return Arcs(self.tail[keep], self.head[keep], self.nodes)

    def of(self, nodes: Int[np.ndarray, "k"]) -> tuple[Int[np.ndarray, "a"], Int[np.ndarray, "a"]]:
        """The arcs of some nodes: the place in `nodes` of the one they leave, and where they lead."""
        first = self.start[nodes]
        count = self.start[nodes + 1] - first
        place = np.repeat(np.arange(len(nodes)), count)
        return place, self.head[np.arange(len(place)) + (first - count.cumsum() + count)[place]]


def matching(groups: Sequence[tuple[np.ndarray, np.ndarray]], left: int, right: int) -> Int[np.ndarray, "l"]:
    """A largest set of arcs of which no two share an end: for each left node its right partner, or -1.

    `groups`: arcs as (left nodes, right nodes), the nearest first; no two of a group share an end. As Hopcroft and Karp
    1973, but on whole arrays: a greedy start, then rounds, in each of which many disjoint augmenting paths are walked
    at once. A node from which or to which no such path leads has none in later rounds either, and is left out."""
    to, back = np.full(left, -1), np.full(right, -1)
    for a, b in groups:
        free = (to[a] < 0) & (back[b] < 0)
        to[a[free]], back[b[free]] = b[free], a[free]
    a, b = (np.concatenate([np.zeros(0, int), *(group[i] for group in groups)]) for i in (0, 1))
    rightward, leftward = np.argsort(a, kind="stable"), np.argsort(b, kind="stable")
    out, into = Arcs(a[rightward], b[rightward], left), Arcs(b[leftward], a[leftward], right)
    while True:
        away = _away(into, to, back)
        free = np.flatnonzero((to < 0) & (away > 0))
        if not len(free):
            return to
        useful = _reached(out, back, free) & (away > 0)
        ends = np.append(useful, True)[back]  # right nodes that are free, or whose partner is useful
        out, into = out.where(useful[out.tail] & ends[out.head]), into.where(ends[into.tail] & useful[into.head])
        nearer = out.where(np.append(away, 0)[back][out.head] == away[out.tail] - 1)
        _exchange(*_walk(nearer, back, free), to, back)


def _away(into: Arcs, to: Int[np.ndarray, "l"], back: Int[np.ndarray, "r"]) -> Int[np.ndarray, "l"]:
    """How many arcs outside the matching lie between each left node and a free right node; -1 where no path leads."""
    away, seen = np.full(len(to), -1), np.zeros(len(to), int)
    front, far = np.flatnonzero((np.diff(into.start) > 0) & (back < 0)), 0
    while len(front):
        far += 1
        _, found = into.of(front)
        found = _first(found[away[found] < 0], seen)
        away[found] = far
        front = to[found]
        front = front[front >= 0]
    return away


def _reached(out: Arcs, back: Int[np.ndarray, "r"], free: Int[np.ndarray, "k"]) -> Bool[np.ndarray, "l"]:
    """The left nodes that alternating paths from the free ones reach."""
    reached, seen = np.zeros(out.nodes, bool), np.zeros(out.nodes, int)
    front = free
    while len(front):
        reached[front] = True
        found = back[out.of(front)[1]]
        found = found[found >= 0]
        front = _first(found[~reached[found]], seen)
    return reached


def _walk(
    nearer: Arcs, back: Int[np.ndarray, "r"], walkers: Int[np.ndarray, "k"]
) -> tuple[Int[np.ndarray, "r"], Int[np.ndarray, "e"]]:
    """Walks from free left nodes, each step to the nearest right node that nobody has been to, and on to its partner.

    Gives from where each right node was entered (-1 = never), and the free right nodes where a walk has ended. Of two
    that want the same node one waits; who has nowhere to go gives up (there is another round)."""
    came, ends = np.full(len(back), -1), []
    while len(walkers):
        place, node = nearer.of(walkers)
        new = came[node] < 0
        place, node = place[new], node[new]
        best = np.diff(place, prepend=-1) > 0  # the first of each walker's
        place, node = place[best], node[best]
        came[node] = walkers[place]
        won = came[node] == walkers[place]
        entered = node[won]
        ends.append(entered[back[entered] < 0])
        walkers = np.concatenate([back[entered][back[entered] >= 0], walkers[place[~won]]])
    return came, np.concatenate(ends)


def _exchange(came: np.ndarray, ends: np.ndarray, to: np.ndarray, back: np.ndarray) -> None:
    """Along each walk, from its end to its start, the arcs that were walked take the place of the matched ones."""
    while len(ends):
        at = came[ends]
        before = to[at]
        to[at], back[ends] = ends, at
        ends = before[before >= 0]


def _first(nodes: Int[np.ndarray, "k"], seen: Int[np.ndarray, "s"]) -> Int[np.ndarray, "m"]:
    """Each of the nodes once; `seen` is room to write."""
    order = np.arange(len(nodes))
    seen[nodes] = order
    return nodes[seen[nodes] == order]


def suppressed(strength: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Non-maximum suppression: 0 where the strength is 1 % below that of a pixel next to it across the edge.

    The map is smoothed by a triangle of radius 1 first; directions come from its second derivatives after another of
    radius 4; strengths beside a pixel are interpolated; within 5 pixels of the border strength falls to 0. Source:
    Dollar and Zitnick 2015 (pdollar/edges, edgesNms with r = 1, s = 5, m = 1.01), order of steps as pyEdgeEval's
    fast_nms. Written from the description: not compared with their output."""
    strength = _triangle(strength, 1)
    across = _across(_triangle(strength, 4))
    (h, w), (y, x) = strength.shape, np.indices(strength.shape)
    sides = [_between(strength, y + d * np.sin(across), x + d * np.cos(across)) for d in (-1, 1)]
    kept = np.where(strength * 1.01 < np.maximum(*sides), 0, strength)
    fade_y, fade_x = (np.minimum(np.minimum(at, size - 1 - at) / 5, 1) for at, size in ((y, h), (x, w)))
    return np.asarray(kept * fade_y * fade_x)


def _across(smooth: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """The direction across an edge, radians from the x axis to the y axis."""
    dy, dx = np.gradient(smooth)
    dyy = np.gradient(dy, axis=0)
    dxy, dxx = np.gradient(dx)
    return np.mod(np.arctan(dyy * np.sign(-dxy) / (dxx + 1e-5)), np.pi)


def _triangle(picture: Float[np.ndarray, "h w"], radius: int) -> Float[np.ndarray, "h w"]:
    """Smoothed by a triangle of the radius along both axes; borders are mirrored."""
    kernel = np.convolve(np.ones(radius + 1), np.ones(radius + 1)) / (radius + 1) ** 2
    for axis in (0, 1):
        padded = np.pad(picture, [(radius, radius) if a == axis else (0, 0) for a in (0, 1)], mode="symmetric")
        size = picture.shape[axis]
        parts = [k * np.take(padded, range(i, i + size), axis) for i, k in enumerate(kernel)]
        picture = np.sum(parts, axis=0)
    return picture


def _between(picture: np.ndarray, y: np.ndarray, x: np.ndarray) -> Float[np.ndarray, "h w"]:
    """Values between pixels, linearly; the border's beyond it."""
    h, w = picture.shape
    y, x = y.clip(0, h - 1.001), x.clip(0, w - 1.001)
    top, left = y.astype(int), x.astype(int)
    dy, dx = y - top, x - left
    low, right = np.minimum(top + 1, h - 1), np.minimum(left + 1, w - 1)
    upper = picture[top, left] * (1 - dx) + picture[top, right] * dx
    return np.asarray(upper * (1 - dy) + (picture[low, left] * (1 - dx) + picture[low, right] * dx) * dy)
