"""Depth: every figure of the field from one set of sums a picture, under a named crop, cap and alignment.

Depth(crop="nyu-eigen", far=10.0)                       # metric
Depth(alignment="scale-shift", clip=(1e-3, 10.0))       # as Marigold scores affine-invariant depth
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from plantain._shapes import Bool, Float
from plantain.bench.metrics.alignment import align
from plantain.bench.metrics.base import Row, Scores, check_size
from plantain.errors import UnknownName, UsageError

SUMS = ("delta1", "delta2", "delta3", "tau", "abs_rel", "sq_rel", "sq", "sq_log", "log", "log10", "sq_inverse")
EXPONENTS = np.linspace(0.01, 5.0, 100)

# rows and columns as shares of the picture: top, bottom, left, right
CROPS: dict[str, tuple[float, float, float, float]] = {
    "none": (0.0, 1.0, 0.0, 1.0),
    "nyu-eigen": (45 / 480, 471 / 480, 41 / 640, 601 / 640),  # outside it the filled depth is invented
    "kitti-eigen": (0.3324324, 0.91351351, 0.0359477, 0.96405229),
    "kitti-garg": (0.40810811, 0.99189189, 0.03594771, 0.96405229),
}


def cropped(name: str, shape: tuple[int, int]) -> tuple[slice, slice]:
    """The rows and columns of a crop. Sources: Eigen et al. 2014 as in Marigold and Monodepth, Garg et al. 2016."""
    if name not in CROPS:
        raise UnknownName("crop", name, CROPS)
    top, bottom, left, right = CROPS[name]
    h, w = shape
    if name.startswith("nyu"):
        return slice(round(top * h), round(bottom * h)), slice(round(left * w), round(right * w))
    return slice(int(top * h), int(bottom * h)), slice(int(left * w), int(right * w))


@dataclass(frozen=True)
class Depth:
    """Depth in metres against true depth; pixels where `near` < truth < `far` inside the crop count.

    `alignment` (see alignment.ALIGNMENTS) comes first, then `clip`. `over`: "pictures" = the mean of pictures' figures,
    "pixels" = all pixels of all pictures pooled. `fewest`: pictures with fewer valid pixels are left out (10 in Depth
    Anything V2); with 0 a picture without any is an error."""

    crop: str = "none"
    near: float = 1e-3
    far: float = np.inf
    alignment: str = "none"
    clip: tuple[float, float] | None = None
    over: Literal["pictures", "pixels"] = "pictures"
    fewest: int = 0

    def measure(self, pred: Float[np.ndarray, "h w"], truth: Float[np.ndarray, "y x"]) -> Row:
        """`truth`: metres, 0 or NaN where unknown. Sums over the valid pixels, their number, and two medians."""
        check_size(pred.shape, truth.shape)
        where = cropped(self.crop, truth.shape)
        p, g = pred[where].astype(np.float64), truth[where].astype(np.float64)
        valid = np.isfinite(g) & (g > self.near) & (g < self.far)
        if valid.sum() < max(self.fewest, 1):
            if self.fewest == 0:
                raise UsageError(f"no pixel of this truth is valid ({self.near:g} < metres < {self.far:g}, crop "
                                 f"{self.crop}); leave the picture out or widen the range")  # fmt: skip
            return {"n": np.array(0.0), "sums": np.zeros(len(SUMS)), "auc": np.array(0.0), "median_log": np.array(0.0)}
        return self._sums(self._ready(p, g, valid)[valid], g[valid])

    def _ready(self, p: np.ndarray, g: np.ndarray, valid: Bool[np.ndarray, "h w"]) -> np.ndarray:
        p = align(self.alignment, p, g, valid)
        return np.maximum(p, 1e-6) if self.clip is None else p.clip(*self.clip)

    def _sums(self, p: np.ndarray, g: np.ndarray) -> Row:
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

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """delta1, delta2, delta3, tau (ratio < 1.03), abs_rel, sq_rel, rmse (m), rmse_log, log10, i_rmse (1/m), and the
        three si-log conventions: silog (100 times the standard deviation of the log error: Marigold, KITTI),
        silog_unbiased (the same with n - 1: UniDepth), silog_half (lambda 0.5, no factor: Depth Anything V2)."""
        n = np.array([float(row["n"]) for row in rows])
        sums = np.array([row["sums"] for row in rows]).reshape(-1, len(SUMS))[n > 0]
        n = n[n > 0]
        if not len(n):
            return {name: float("nan") for name in _figures(np.ones((1, len(SUMS))), np.ones(1))}
        if self.over == "pixels":
            n, sums = n.sum(keepdims=True), sums.sum(0, keepdims=True)
        return {name: float(np.mean(values)) for name, values in _figures(sums, n).items()}


def _figures(sums: Float[np.ndarray, "r k"], n: Float[np.ndarray, "r"]) -> dict[str, np.ndarray]:
    """Every figure of each row of sums."""
    m = dict(zip(SUMS, (sums / n[:, None]).T, strict=True))
    spread = np.maximum(m["sq_log"] - m["log"] ** 2, 0)
    plain = {name: m[name] for name in ("delta1", "delta2", "delta3", "tau", "abs_rel", "sq_rel", "log10")}
    roots = {"rmse": "sq", "rmse_log": "sq_log", "i_rmse": "sq_inverse"}
    return plain | {name: np.sqrt(m[of]) for name, of in roots.items()} | {
        "silog": 100 * np.sqrt(spread),
        "silog_unbiased": 100 * np.sqrt(spread * n / np.maximum(n - 1, 1)),
        "silog_half": np.sqrt(np.maximum(m["sq_log"] - 0.5 * m["log"] ** 2, 0)),
    }  # fmt: skip


@dataclass(frozen=True)
class Boundaries:
    """Sharpness of depth edges: F1 of "this neighbour is farther by the share t" within `radius` pixels, for ten t from
    .05 to .25, weighted by t. Source: MoGe, boundary metric (scale-free: metric depth needs no alignment)."""

    radius: int = 1
    alignment: str = "none"

    def measure(self, pred: Float[np.ndarray, "h w"], truth: Float[np.ndarray, "y x"]) -> Row:
        """`f1` of one picture; `truth`: 0 where unknown."""
        check_size(pred.shape, truth.shape)
        valid = truth > 0
        p = np.maximum(align(self.alignment, pred.astype(np.float64), truth.astype(np.float64), valid), 1e-6)
        g, r = np.where(valid, truth.astype(np.float64), 1.0), self.radius
        levels = np.linspace(0.05, 0.25, 10)
        both, painted, true = (np.zeros(10) for _ in range(3))
        h, w = truth.shape
        middle = (slice(r, h - r), slice(r, w - r))
        for dy in range(-r, r + 1):
            for dx in range(-r, r + 1):
                if dy * dy + dx * dx > r * r:
                    continue
                there = (slice(r + dy, h - r + dy), slice(r + dx, w - r + dx))
                known = valid[middle] & valid[there]
                a = (p[there] / p[middle])[known][:, None] > 1 + levels
                b = (g[there] / g[middle])[known][:, None] > 1 + levels
                both, painted, true = both + (a & b).sum(0), painted + a.sum(0), true + b.sum(0)
        precision, recall = both / np.maximum(painted, 1), both / np.maximum(true, 1)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        return {"f1": np.array((levels * f1).sum() / levels.sum())}

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """boundary_f1: the mean of pictures."""
        return {"boundary_f1": float(np.mean([row["f1"] for row in rows]))}
