"""Legend unmixing: class probabilities from paintings of one photo under several legends.

A generator trained with squared error paints the mean of what it believes, E[color] = sum_k p_k color_k. With K
classes and N paintings under different legends every pixel gives 3 N linear equations for p on the simplex; about
(K - 1) / 3 paintings suffice in principle. Solved by accelerated projected gradient, all pixels at once.
"""

from __future__ import annotations

import numpy as np

from plantain._shapes import Float, Shaped, UInt8
from plantain.codecs import palette

ROUNDS = 60  # of projected gradient: more changed nothing on CamVid (design 2)
TRIES = 24  # random legends a pass, of which the one that conditions the equations best is kept
CHUNK = 1 << 16  # pixels at once: bounds the memory


def legends(
    classes: int, passes: int, background: palette.RGB = (0, 0, 0), seed: int = 0
) -> UInt8[np.ndarray, "n k 3"]:
    """`passes` legends of `classes` colors that unmix well together (with the background as one more class).

    Each next legend is the best of a few random ones: it leaves the smallest mean variance of the probabilities,
    trace((A'A + eps)^-1)."""
    rng = np.random.default_rng(seed)
    ground = np.array([background], np.float64) / 255
    chosen: list[np.ndarray] = []
    gram = np.ones((classes + 1, classes + 1)) + 1e-3 * np.eye(classes + 1)  # the probabilities sum to one
    for _ in range(passes):
        tried = [palette.pick(classes, background, seed=int(rng.integers(1 << 31))) for _ in range(TRIES)]
        rows = [np.concatenate([t / 255.0, ground]).T for t in tried]
        costs = [float(np.trace(np.linalg.inv(gram + a.T @ a))) for a in rows]
        best = int(np.argmin(costs))
        chosen.append(tried[best])
        gram = gram + rows[best].T @ rows[best]
    return np.stack(chosen)


def unmix(
    paintings: Shaped[np.ndarray, "n h w 3"], colors: Shaped[np.ndarray, "n k 3"], rounds: int = ROUNDS
) -> Float[np.ndarray, "h w k"]:
    """Class probabilities (they sum to 1) from `n` paintings, each under its own legend of the same `k` classes.

    Paintings are uint8 (0..255) or float (0..1); colors are levels 0..255."""
    count, height, width, _ = paintings.shape
    scale = 255.0 if paintings.dtype == np.uint8 else 1.0
    matrix = (np.asarray(colors, np.float32) / 255).transpose(0, 2, 1).reshape(3 * count, -1)
    seen = np.moveaxis(paintings, 0, 2).reshape(height * width, 3 * count)
    out = np.empty((height * width, matrix.shape[1]), np.float32)
    for start in range(0, len(seen), CHUNK):
        part = np.nan_to_num(seen[start : start + CHUNK].astype(np.float32)) / np.float32(scale)
        out[start : start + CHUNK] = _solve(part, matrix, rounds)
    return out.reshape(height, width, -1)


def _solve(seen: Float[np.ndarray, "p m"], matrix: Float[np.ndarray, "m k"], rounds: int) -> Float[np.ndarray, "p k"]:
    """argmin over the simplex of |matrix p - seen|^2 a pixel, by projected gradient with Nesterov's momentum."""
    k = matrix.shape[1]
    gram = matrix.T @ matrix
    step = np.float32(1 / max(float(np.linalg.eigvalsh(gram)[-1]), 1e-6))
    target = seen @ matrix
    now = np.full((len(seen), k), 1 / k, np.float32)
    ahead, speed = now, 1.0
    for _ in range(rounds):
        moved = simplex(ahead - step * (ahead @ gram - target))
        faster = (1 + (1 + 4 * speed * speed) ** 0.5) / 2
        ahead = moved + np.float32((speed - 1) / faster) * (moved - now)
        now, speed = moved, faster
    return now


def simplex(points: Float[np.ndarray, "p k"]) -> Float[np.ndarray, "p k"]:
    """The nearest point of the probability simplex to each row. Source: Held, Wolfe and Crowder, 1974.

    >>> simplex(np.array([[2.0, 0.0], [0.4, 0.4]], np.float32)).tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    k = points.shape[1]
    ordered = -np.sort(-points, axis=1)
    excess = (ordered.cumsum(1) - 1) / np.arange(1, k + 1, dtype=np.float32)
    last = (ordered > excess).sum(1) - 1
    level = np.take_along_axis(excess, np.maximum(last, 0)[:, None], 1)
    return np.maximum(points - level, 0)
