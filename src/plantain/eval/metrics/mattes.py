"""Alpha mattes: SAD, MSE, Grad and Conn, in the unknown region of a trimap (the usual) or over the whole picture.

Mattes()                     # GCA-Matting, which every repository of deep matting carries
Mattes(region="whole")       # as AIM-500, P3M and others count: other numbers, not to be put beside the first
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from plantain._shapes import Bool, Float
from plantain.codecs.regions import regions
from plantain.errors import UsageError
from plantain.eval.metrics.base import Judged, Row, Scores, check_size

SIGMA = 1.4  # pixels: of the Gaussian whose derivatives are compared
REACH = int(np.ceil(SIGMA * np.sqrt(-2 * np.log(np.sqrt(2 * np.pi) * SIGMA * 0.01))))  # where it falls below .01
STEPS = np.arange(0, 1.1, 0.1)  # with its rounding: .6 is a little more than 153 / 255
SLIGHT = 0.15  # a pixel may stand above its connected level by less than this
THOUSAND = 1000.0
FIGURES = ("sad", "mse", "mad", "grad", "conn")
Truth = tuple[Float[np.ndarray, "y x"], Bool[np.ndarray, "v u"] | None]  # a matte, and where the trimap is undecided


@dataclass(frozen=True)
class Mattes:
    """Four distances between two mattes, 0..1.

    `region`: "unknown" = where the trimap is undecided, "whole" = every pixel. `levels`: both mattes are rounded to so
    many steps first, as in the 8-bit files that the official scorer reads; 0 = not rounded. `largest`: what counts as
    the connected part at a level: "any" = the larger of the background taken as one and each 4-connected region
    (GCA-Matting), "foreground" = the largest region (Rhemann et al. 2009, and the MATLAB code).
    Source: Yaoyi-Li/GCA-Matting, utils/evaluate.py. Its authors find Grad within .1 % of the MATLAB code of Xu et al.
    2017 and Conn about 5 % below it: not for tables of alphamatting.com."""

    region: Literal["unknown", "whole"] = "unknown"
    levels: int = 255
    largest: Literal["any", "foreground"] = "any"

    def measure(self, pred: Float[np.ndarray, "h w"], truth: Truth) -> Row:
        """Sums over the region, and its size. `truth`: the matte and where the trimap is undecided (None = nothing
        known of it: for region "whole"). UsageError: unlike sizes, an empty region, a value that is not within 0..1."""
        alpha, unknown = truth
        check_size(pred.shape, alpha.shape)
        where = self._where(alpha, unknown)
        p, g = self._ready(pred, "predicted"), self._ready(alpha, "true")
        gap = p - g
        each = (np.abs(gap), gap**2, (steepness(p) - steepness(g)) ** 2, self._unconnected(p, g))
        return {"n": np.array(float(where.sum())), "sums": np.array([e[where].sum() for e in each])}

    def _where(self, alpha: np.ndarray, unknown: np.ndarray | None) -> Bool[np.ndarray, "h w"]:
        if self.region == "whole":
            return np.ones(alpha.shape, bool)
        if unknown is None:
            raise UsageError('no trimap came with this truth; give one, or score region "whole"')
        check_size(alpha.shape, unknown.shape)
        if not unknown.any():
            raise UsageError('this trimap has no undecided pixel; leave the picture out, or score region "whole"')
        return unknown

    def _ready(self, matte: np.ndarray, which: str) -> Float[np.ndarray, "h w"]:
        matte = matte.astype(np.float64)
        if not ((matte >= 0) & (matte <= 1)).all():
            raise UsageError(f"the {which} matte has values outside 0..1 ({matte.min():g} to {matte.max():g}); divide "
                             "8-bit values by 255, or clip")  # fmt: skip
        return np.round(matte * self.levels) / self.levels if self.levels else matte

    def _unconnected(self, p: np.ndarray, g: np.ndarray) -> Float[np.ndarray, "h w"]:
        """How unlike the two are in what stands out of the part that is connected in both.

        A pixel's level is the last step below the first at which it left that part. Source: Rhemann et al. 2009."""
        level = np.ones(p.shape)
        staying = np.ones(p.shape, bool)
        for low, high in pairwise(STEPS):
            leaving = staying & ~self._connected((p >= high) & (g >= high))
            level[leaving] = low
            staying &= ~leaving
        out_p, out_g = p - level, g - level
        return np.asarray(np.abs(out_p * (out_p >= SLIGHT) - out_g * (out_g >= SLIGHT)))

    def _connected(self, on: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
        """The largest 4-connected region of `on`, or the background as `largest` says; of equals the first."""
        numbers, lit = regions(on.astype(np.int8))
        area = np.bincount(numbers.ravel(), minlength=len(lit)) * lit
        if area.max() == 0 or (self.largest == "any" and (~on).sum() >= area.max()):
            return ~on if self.largest == "any" else np.zeros_like(on)
        return np.asarray(numbers == area.argmax())

    def worst(self, truth: Truth) -> Row:
        """The matte of everything else."""
        return self.measure(1 - truth[0], truth)

    def judge(self, pred: Float[np.ndarray, "h w"], truth: Truth) -> Judged:
        """Right: within .1 of the true alpha; error: the difference."""
        where = self._where(*truth)
        gap = np.abs(pred - truth[0])[where]
        return Judged(where, gap < 0.1, gap)

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """Means of pictures' sad, grad and conn (sums over the region / 1000) and of their mse and mad (means over it;
        mad = mean absolute difference)."""
        if not len(rows):
            return dict.fromkeys(FIGURES, float("nan"))
        n = np.array([float(row["n"]) for row in rows])
        sad, squares, grad, conn = np.array([row["sums"] for row in rows]).T
        each = (sad / THOUSAND, squares / n, sad / n, grad / THOUSAND, conn / THOUSAND)
        return {name: float(values.mean()) for name, values in zip(FIGURES, each, strict=True)}


def steepness(matte: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Length of the gradient by derivatives of a Gaussian; the filter has unit sum of squares, borders are repeated."""
    x = np.arange(-REACH, REACH + 1)
    bell = np.exp(-(x**2) / (2 * SIGMA**2))
    slope = -x * bell
    bell, slope = bell / np.linalg.norm(bell), slope / np.linalg.norm(slope)
    return np.hypot(_along(_along(matte, bell, 0), slope, 1), _along(_along(matte, slope, 0), bell, 1))


def _along(matte: np.ndarray, kernel: np.ndarray, axis: int) -> Float[np.ndarray, "h w"]:
    """Correlation with a kernel of odd length along one axis."""
    reach = len(kernel) // 2
    padded = np.pad(matte, [(reach, reach) if a == axis else (0, 0) for a in range(2)], mode="edge")
    size = matte.shape[axis]
    return np.sum([k * np.take(padded, range(i, i + size), axis) for i, k in enumerate(kernel)], axis=0)
