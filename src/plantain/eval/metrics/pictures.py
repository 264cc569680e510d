"""How far a made picture is from the true one, and how far a set of made pictures is from a set of real ones."""

from __future__ import annotations

import numpy as np

from plantain._shapes import Float, UInt8
from plantain.eval.metrics.base import check_size

WINDOW, SIGMA = 11, 1.5  # of SSIM
K1, K2, LEVELS = 0.01, 0.03, 255.0


def psnr(made: UInt8[np.ndarray, "h w 3"], true: UInt8[np.ndarray, "y x 3"]) -> float:
    """Peak signal to noise ratio, decibels; 100 for equal pictures."""
    check_size(made.shape, true.shape)
    error = float(np.mean((made.astype(float) - true) ** 2))
    return min(100.0, 10 * np.log10(LEVELS**2 / error)) if error else 100.0


def ssim(made: UInt8[np.ndarray, "h w 3"], true: UInt8[np.ndarray, "y x 3"]) -> float:
    """Structural similarity, mean over the three channels and all whole windows (Gaussian, 11 x 11, sigma 1.5).

    Source: Wang et al. 2004, equations 13 to 15, as scikit-image counts with gaussian_weights=True and
    use_sample_covariance=False."""
    check_size(made.shape, true.shape)
    a, b = made.astype(float), true.astype(float)
    mean_a, mean_b = blurred(a), blurred(b)
    var_a, var_b = blurred(a * a) - mean_a**2, blurred(b * b) - mean_b**2
    both = blurred(a * b) - mean_a * mean_b
    c1, c2 = (K1 * LEVELS) ** 2, (K2 * LEVELS) ** 2
    above = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return float((above / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean())


def blurred(values: Float[np.ndarray, "h w c"]) -> Float[np.ndarray, "y x c"]:
    """The Gaussian mean of every whole window."""
    at = np.arange(WINDOW) - WINDOW // 2
    kernel = np.exp(-0.5 * (at / SIGMA) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        windows = np.lib.stride_tricks.sliding_window_view(values, WINDOW, axis)
        values = windows @ kernel
    return values


def feature_distance(made: Float[np.ndarray, "n c"], true: Float[np.ndarray, "n c"], layers: int = 4) -> float:
    """Squared distance of features brought to length 1 layer by layer, mean over places: 0 for equal, 2 for unrelated.

    The form of LPIPS (arXiv 1801.03924, equation 1) without learned weights, on a vision encoder's features."""
    check_size(made.shape, true.shape)
    a, b = (unit(v.reshape(len(v), layers, -1).astype(float)) for v in (made, true))
    return float(((a - b) ** 2).sum(-1).mean())


def unit(values: np.ndarray) -> np.ndarray:
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=-1, keepdims=True), 1e-9))


def frechet(made: Float[np.ndarray, "n c"], real: Float[np.ndarray, "m c"]) -> float:
    """Frechet distance of two sets of features as normal distributions (Heusel et al. 2017, arXiv 1706.08500). With
    fewer pictures than channels it leans upwards: compare sets of one size alone."""
    gap = made.mean(0) - real.mean(0)
    a, b = (np.cov(v.astype(float), rowvar=False) for v in (made, real))
    root = half(a)
    common = np.linalg.eigvalsh(root @ b @ root).clip(0)
    return float(gap @ gap + np.trace(a) + np.trace(b) - 2 * np.sqrt(common).sum())


def half(matrix: Float[np.ndarray, "c c"]) -> Float[np.ndarray, "c c"]:
    """The square root of a symmetric matrix without negative directions."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(values.clip(0))) @ vectors.T)


def kernel_distance(made: Float[np.ndarray, "n c"], real: Float[np.ndarray, "m c"]) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (x y / c + 1)^3, about 0 for like sets of any size.
    Source: Binkowski et al. 2018, arXiv 1801.01401 (KID)."""
    x, y = made.astype(float), real.astype(float)
    xx, yy, xy = (kernel(a, b) for a, b in ((x, x), (y, y), (x, y)))
    n, m = len(x), len(y)
    within = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within - 2 * xy.mean())


def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray((a @ b.T / a.shape[1] + 1) ** 3)
