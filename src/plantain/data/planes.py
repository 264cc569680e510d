"""Surface normals from metric depth by local plane fits, pure NumPy."""

from __future__ import annotations

import numpy as np

from plantain._shapes import Bool, Float


def _box_sums(stack: np.ndarray, radius: int) -> np.ndarray:
    """Sums over (2 radius + 1)^2 windows of each plane of `stack` (k h w), zero outside."""
    padded = np.pad(stack, ((0, 0), (radius + 1, radius), (radius + 1, radius)))
    total = padded.cumsum(1).cumsum(2)
    n = 2 * radius + 1
    return total[:, n:, n:] - total[:, :-n, n:] - total[:, n:, :-n] + total[:, :-n, :-n]


def normals_from_depth(
    metres: Float[np.ndarray, "h w"], fx: float, fy: float, cx: float, cy: float, radius: int = 4
) -> tuple[Float[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    """Unit normals (+x right, +y up, +z to the viewer) and where they are known; `metres` is z, 0 = unknown.

    A plane aX + bY + cZ = 1 seen by a pinhole camera is a u + b v + c = 1/z in the image, so the fit is linear in 1/z.
    At depth jumps the best of five shifted windows is taken: the one whose fit leaves the smallest relative residual
    and still passes within 3 % of the pixel's own depth.
    """
    z = metres.astype(np.float64)
    height, width = z.shape
    known = z > 0
    inverse = np.where(known, 1 / np.maximum(z, 1e-6), 0)
    u = np.broadcast_to((np.arange(width) - cx) / fx, z.shape)
    v = np.broadcast_to(((np.arange(height) - cy) / fy)[:, None], z.shape)
    plane, residual = _fit(inverse, u, v, known, radius)
    best, cost = plane.copy(), residual.copy()
    for dy, dx in ((-radius, 0), (radius, 0), (0, -radius), (0, radius)):
        moved, worse = _shift(plane, dy, dx, 0.0), _shift(residual[..., None], dy, dx, np.inf)[..., 0]
        there = moved[..., 0] * u + moved[..., 1] * v + moved[..., 2]
        worse = np.where(np.abs(there - inverse) > 0.03 * inverse, np.inf, worse)
        better = worse < 0.5 * cost
        best, cost = np.where(better[..., None], moved, best), np.where(better, worse, cost)
    length = np.linalg.norm(best, axis=-1)
    valid = known & (length > 1e-9) & (cost < 5)
    # (a, b, c) points away from the camera in OpenCV's frame; turning it round and then y, z up gives (-a, b, c)
    xyz = best * np.array([-1.0, 1.0, 1.0]) / np.maximum(length, 1e-9)[..., None]
    away = -xyz[..., 0] * u + xyz[..., 1] * v + xyz[..., 2] < 0
    xyz = np.where(away[..., None], -xyz, xyz)
    return np.where(valid[..., None], xyz, 0).astype(np.float32), valid


def _fit(
    inverse: np.ndarray, u: np.ndarray, v: np.ndarray, known: np.ndarray, radius: int
) -> tuple[np.ndarray, np.ndarray]:
    """Least-squares (a, b, c) of 1/z = a u + b v + c in each window, and its relative residual."""
    m = known.astype(np.float64)
    terms = np.stack([m, u * m, v * m, inverse, u * u * m, u * v * m, v * v * m, u * inverse, v * inverse, inverse**2])
    s = _box_sums(terms, radius)
    n = np.maximum(s[0], 1)
    mu, mv, md = s[1] / n, s[2] / n, s[3] / n
    uu, uv, vv = s[4] / n - mu * mu, s[5] / n - mu * mv, s[6] / n - mv * mv
    ud, vd, dd = s[7] / n - mu * md, s[8] / n - mv * md, s[9] / n - md * md
    det = np.maximum(uu * vv - uv * uv, 1e-18)
    a, b = (ud * vv - vd * uv) / det, (vd * uu - ud * uv) / det
    c = md - a * mu - b * mv
    residual = np.sqrt(np.maximum(dd - a * ud - b * vd, 0)) / np.maximum(md, 1e-6) + 10.0 * (s[0] < 12)
    return np.stack([a, b, c], -1), residual


def _shift(field: np.ndarray, dy: int, dx: int, fill: float) -> np.ndarray:
    """`field` (h w k) looked up at (y + dy, x + dx); `fill` outside."""
    out = np.full_like(field, fill)
    height, width = field.shape[:2]
    ys, xs = slice(max(dy, 0), height + min(dy, 0)), slice(max(dx, 0), width + min(dx, 0))
    yt, xt = slice(max(-dy, 0), height + min(-dy, 0)), slice(max(-dx, 0), width + min(-dx, 0))
    out[yt, xt] = field[ys, xs]
    return out
