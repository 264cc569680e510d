"""Depth: every figure of the field from one set of sums a picture, under a named crop, cap and alignment.

The figures are those of Marigold, Depth Anything V2, UniDepth and MoGe, each under its own settings.

DepthMetric(crop="nyu-eigen", far=10.0)                       # metric
DepthMetric(alignment="scale-shift", clip=(1e-3, 10.0))       # as Marigold scores affine-invariant depth
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from plantain._shapes import Bool, Float, Int
from plantain.errors import UnknownName, UsageError
from plantain.eval.metrics.alignment import ALIGNMENTS
from plantain.eval.metrics.base import Judged, Row, Scores, check_size, mean_of_pictures

SUMS = ("delta1", "delta2", "delta3", "tau", "abs_rel", "sq_rel", "sq", "sq_log", "log", "log10", "sq_inverse")
EXPONENTS = np.linspace(0.01, 5.0, 100)
LEVELS = np.linspace(0.05, 0.25, 10)  # by how much farther a neighbor is at a depth edge

# rows and columns as shares of the picture: top, bottom, left, right
SHARES: dict[str, tuple[float, float, float, float]] = {
    "none": (0.0, 1.0, 0.0, 1.0),
    "nyu-eigen": (45 / 480, 471 / 480, 41 / 640, 601 / 640),  # outside it the filled depth is invented
    "kitti-benchmark": (0.0, 1.0, 0.0, 1.0),
    "kitti-eigen": (0.3324324, 0.91351351, 0.0359477, 0.96405229),
    "kitti-garg": (0.40810811, 0.99189189, 0.03594771, 0.96405229),
}
WHOLE = "-whole"  # "kitti-garg-whole": the mask on the picture as it is, as Monodepth has it
CROPS = (*SHARES, "kitti-eigen" + WHOLE, "kitti-garg" + WHOLE)
BENCHMARK = (352, 1216)  # rows and columns of KITTI's benchmark crop, at the bottom and in the middle


def cropped(name: str, shape: tuple[int, int]) -> tuple[slice, slice]:
    """The rows and columns of a crop.

    nyu-eigen is rows 45:471, columns 41:601 of 480 x 640, and the same share of other sizes. KITTI's are taken within
    the benchmark crop (bottom center, 352 x 1216), whose shares differ from those of the picture; UsageError for a
    smaller picture. Sources: Eigen et al. 2014, Garg et al. 2016; order of steps as prs-eth/Marigold, KITTI dataset.

    >>> cropped("kitti-eigen", (375, 1242))
    (slice(140, 344, None), slice(56, 1185, None))
    """
    if name not in CROPS:
        raise UnknownName("crop", name, CROPS)
    top, bottom, left, right = SHARES[name.removesuffix(WHOLE)]
    y, x, h, w = _frame(name, shape)
    to = round if name.startswith("nyu") else int
    return slice(y + to(top * h), y + to(bottom * h)), slice(x + to(left * w), x + to(right * w))


def _frame(name: str, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """Top, left, height and width of what a crop's shares are shares of."""
    if not name.startswith("kitti") or name.endswith(WHOLE):
        return 0, 0, *shape
    h, w = BENCHMARK
    if shape[0] < h or shape[1] < w:
        raise UsageError(f"crop {name} begins with {h} x {w} pixels and this truth has {shape[0]} x {shape[1]}; "
                         f"score at full size, or name kitti-eigen{WHOLE} or kitti-garg{WHOLE}")  # fmt: skip
    return shape[0] - h, (shape[1] - w) // 2, h, w


def aligned(
    name: str, pred: Float[np.ndarray, "h w"], truth: Float[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]
) -> Float[np.ndarray, "h w"]:
    """The prediction brought to the truth in a named way, fitted where `valid` (MoGe's fits: on a sample)."""
    if name not in ALIGNMENTS:
        raise UnknownName("alignment", name, ALIGNMENTS)
    where = sample(valid) if name.startswith("l1") else np.flatnonzero(valid)
    return np.asarray(ALIGNMENTS[name](pred.ravel()[where], truth.ravel()[where])(pred))


def sample(valid: Bool[np.ndarray, "h w"], side: int = 64) -> Int[np.ndarray, "n"]:
    """Flat indices of the valid pixel nearest to the middle of each cell of a grid of side x side, if it has any.

    A pixel belongs to the cell that holds its middle; on a border, to the one before. Lengths are counted in
    1 / (2 side) of a pixel, so that all are whole. Source: EasternJournalist/utils3d, masked_nearest_resize (MoGe)."""
    y, x = np.nonzero(valid)
    (row, away_y), (column, away_x) = (_cell(at, size, side) for at, size in zip((y, x), valid.shape, strict=True))
    cell = row * side + column
    order = np.lexsort((away_y**2 + away_x**2, cell))
    nearest = order[np.diff(cell[order], prepend=-1) > 0]
    return np.asarray(y[nearest] * valid.shape[1] + x[nearest])


def _cell(at: Int[np.ndarray, "n"], size: int, side: int) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
    """Along one axis: the cell of each pixel, and how far its middle lies from the cell's."""
    middle = (2 * at + 1) * side
    cell = (middle - 1) // (2 * size)
    return cell, middle - (2 * cell + 1) * size


@dataclass(frozen=True)
class DepthMetric:
    """Depth in metres against true depth; pixels where `near` < truth < `far` inside the crop count.

    `inclusive`: near and far themselves count too (Depth Anything V2; Marigold's are exclusive). `alignment` (see
    alignment.ALIGNMENTS) is fitted on those pixels and comes first, then `clip` (metres); without a clip depth below
    1e-6 counts as 1e-6, so that it has a logarithm. `over`: "pictures" = the mean of pictures' figures, "pixels" = all
    pixels of all pictures pooled. `fewest`: pictures with fewer valid pixels are left out (10 in Depth Anything V2);
    with 0 a picture without any is an error."""

    crop: str = "none"
    near: float = 1e-3
    far: float = np.inf
    inclusive: bool = False
    alignment: str = "none"
    clip: tuple[float, float] | None = None
    over: Literal["pictures", "pixels"] = "pictures"
    fewest: int = 0

    def measure(self, pred: Float[np.ndarray, "h w"], truth: Float[np.ndarray, "y x"]) -> Row:
        """The number of valid pixels, sums over them, and two figures that only a picture has.

        `pred`: metres, or what `alignment` takes. `truth`: metres, 0 or NaN where unknown. UsageError: unlike sizes, no
        valid pixel, or a prediction that is not finite where the truth is valid."""
        check_size(pred.shape, truth.shape)
        where = cropped(self.crop, truth.shape)
        p, g = pred[where].astype(np.float64), truth[where].astype(np.float64)
        valid = self._valid(g)
        if valid.sum() < max(self.fewest, 1):
            if self.fewest == 0:
                raise UsageError(f"no pixel of this truth is valid ({self.near:g} < metres < {self.far:g}, crop "
                                 f"{self.crop}); leave the picture out or widen the range")  # fmt: skip
            return {"n": np.array(0.0), "sums": np.zeros(len(SUMS)), "auc": np.array(0.0), "median_log": np.array(0.0)}
        return self._sums(self._ready(p, g, valid), g[valid])

    def _valid(self, g: np.ndarray) -> Bool[np.ndarray, "h w"]:
        inside = (g >= self.near) & (g <= self.far) if self.inclusive else (g > self.near) & (g < self.far)
        return np.isfinite(g) & (g > 0) & inside

    def _ready(self, p: np.ndarray, g: np.ndarray, valid: Bool[np.ndarray, "h w"]) -> np.ndarray:
        """Valid predictions, aligned and clipped."""
        p = aligned(self.alignment, p, g, valid)[valid]
        p = np.maximum(p, 1e-6) if self.clip is None else p.clip(*self.clip)
        if not np.isfinite(p).all():
            raise UsageError(f"the prediction is not finite at {np.sum(~np.isfinite(p))} of {len(p)} valid pixels "
                             f"(after alignment {self.alignment}); fill it before it is scored")  # fmt: skip
        return p

    def _sums(self, p: Float[np.ndarray, "n"], g: Float[np.ndarray, "n"]) -> Row:
        ratio, log = np.maximum(p / g, g / p), np.log(p) - np.log(g)
        gap = p - g
        each = (ratio < 1.25, ratio < 1.25**2, ratio < 1.25**3, ratio < 1.03, np.abs(gap) / g, gap**2 / g, gap**2,
                log**2, log, np.abs(log) / np.log(10), (1 / p - 1 / g) ** 2)  # fmt: skip
        shares = np.searchsorted(np.sort(ratio), 1.25**EXPONENTS) / len(ratio)
        middle = (len(log) - 1) // 2  # the lower of two, as torch.median
        return {
            "n": np.array(float(len(g))),
            "sums": np.array([e.sum(dtype=float) for e in each]),
            "auc": np.trapezoid(shares, EXPONENTS) / 5,
            "median_log": np.abs(np.partition(log, middle)[middle]),
        }

    def worst(self, truth: Float[np.ndarray, "h w"]) -> Row:
        """Nothing but nearness, which no alignment may save."""
        return replace(self, alignment="none").measure(np.full_like(truth, 1e-6), truth)

    def judge(self, pred: Float[np.ndarray, "h w"], truth: Float[np.ndarray, "h w"]) -> Judged:
        """Right: within 1.25 times the true depth, after a line fit where the metric aligns; error: abs_rel."""
        known = truth > 0
        p, g = pred[known], truth[known]
        if self.alignment != "none":
            p, g = p.astype(float), g.astype(float)
            slope, shift = np.polyfit(p, g, 1) if np.ptp(p) > 0 else (0.0, g.mean())
            p = slope * p + shift
        p = np.maximum(p, 1e-6)
        return Judged(known, np.maximum(p / g, g / p) < 1.25, np.abs(p - g) / g)

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """delta1, delta2, delta3, tau (ratio < 1.03), abs_rel, sq_rel (m), rmse (m), rmse_log, log10, i_rmse (1/m);
        four conventions of si-log, of d = ln pred - ln truth: silog_eigen (standard deviation of d: Eigen et al. 2014),
        silog (100 times that: KITTI's server, Marigold), silog_unbiased (the same with n - 1: UniDepth), silog_half
        (square root of mean(d^2) - 0.5 mean(d)^2: Depth Anything V2); and two of UniDepth that a picture only has, NaN
        when pixels are pooled: d_auc (mean share below 1.25^x for x of .01 to 5) and median_log (100 |median d|)."""
        n = np.array([float(row["n"]) for row in rows])
        sums = np.array([row["sums"] for row in rows]).reshape(-1, len(SUMS))[n > 0]
        alone = np.array([[float(row["auc"]), 100 * float(row["median_log"])] for row in rows]).reshape(-1, 2)[n > 0]
        n = n[n > 0]
        if not len(n):
            return dict.fromkeys(_figures(np.ones((1, len(SUMS))), np.ones(1), np.ones((1, 2))), float("nan"))
        if self.over == "pixels":
            n, sums, alone = n.sum(keepdims=True), sums.sum(0, keepdims=True), np.full((1, 2), np.nan)
        return {name: float(np.mean(values)) for name, values in _figures(sums, n, alone).items()}


def _figures(
    sums: Float[np.ndarray, "r k"], n: Float[np.ndarray, "r"], alone: Float[np.ndarray, "r 2"]
) -> dict[str, np.ndarray]:
    """Every figure of each row."""
    m = dict(zip(SUMS, (sums / n[:, None]).T, strict=True))
    spread = np.maximum(m["sq_log"] - m["log"] ** 2, 0)
    plain = {name: m[name] for name in ("delta1", "delta2", "delta3", "tau", "abs_rel", "sq_rel", "log10")}
    roots = {"rmse": "sq", "rmse_log": "sq_log", "i_rmse": "sq_inverse"}
    return plain | {name: np.sqrt(m[of]) for name, of in roots.items()} | {
        "silog_eigen": np.sqrt(spread),
        "silog": 100 * np.sqrt(spread),
        "silog_unbiased": 100 * np.sqrt(spread * n / np.maximum(n - 1, 1)),
        "silog_half": np.sqrt(np.maximum(m["sq_log"] - 0.5 * m["log"] ** 2, 0)),
        "d_auc": alone[:, 0],
        "median_log": alone[:, 1],
    }  # fmt: skip


@dataclass(frozen=True)
class Boundaries:
    """Sharpness of depth edges: F1 of "this neighbor is farther by the share t" within `radius` pixels, for ten t from
    .05 to .25, weighted by t. Source: microsoft/MoGe, moge/test/metrics.py (which swaps the names of precision and
    recall; F1 is the same). Scale-free: metric depth needs no alignment."""

    radius: int = 1
    alignment: str = "none"

    def measure(self, pred: Float[np.ndarray, "h w"], truth: Float[np.ndarray, "y x"]) -> Row:
        """`f1` of one picture; `truth`: metres, 0 or NaN where unknown. UsageError: unlike sizes, no valid pixel."""
        check_size(pred.shape, truth.shape)
        valid = np.isfinite(truth) & (truth > 0)
        if not valid.any():
            raise UsageError("no pixel of this truth is valid; leave the picture out")
        g = np.where(valid, truth.astype(np.float64), 1.0)
        p = np.maximum(aligned(self.alignment, pred.astype(np.float64), g, valid), 1e-6)
        both, painted, true = np.sum([self._counts(p, g, valid, dy, dx) for dy, dx in self._disc()], axis=0)
        precision, recall = both / np.maximum(painted, 1), both / np.maximum(true, 1)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        return {"f1": np.array((LEVELS * f1).sum() / LEVELS.sum())}

    def _disc(self) -> Iterator[tuple[int, int]]:
        reach = range(-self.radius, self.radius + 1)
        return ((dy, dx) for dy in reach for dx in reach if dy * dy + dx * dx <= self.radius**2)

    def _counts(self, p: np.ndarray, g: np.ndarray, valid: np.ndarray, dy: int, dx: int) -> np.ndarray:
        """Edges to the neighbor at (dy, dx) at each level: in both, in the prediction, in the truth (3 10)."""
        (h, w), r = p.shape, self.radius
        here, there = (slice(r, h - r), slice(r, w - r)), (slice(r + dy, h - r + dy), slice(r + dx, w - r + dx))
        known = valid[here] & valid[there]
        a = (p[there] / p[here])[known][:, None] > 1 + LEVELS
        b = (g[there] / g[here])[known][:, None] > 1 + LEVELS
        return np.array([(a & b).sum(0), a.sum(0), b.sum(0)], float)

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """boundary_f1: the mean of pictures."""
        return {"boundary_f1": mean_of_pictures(rows, "f1")}
