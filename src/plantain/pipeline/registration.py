"""How far a picture that came back has moved and grown, by phase correlation of its parts. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from plantain._shapes import Float, UInt8

BLOCK = 96  # pixels: the parts that are compared one by one
FINE = 50  # steps a pixel of the refined peak
LIKE = 0.5  # pixels by which an honest part may differ from the common movement


@dataclass(frozen=True)
class Registration:
    """Movement of the picture's middle in pixels, growth about it, and the share of parts that moved so."""

    right_px: float
    down_px: float
    zoom: float
    inlier_ratio: float


def chart(width: int, height: int) -> UInt8[np.ndarray, "h w 3"]:
    """White crosses with dark rims on a soft gray texture: the same at every call."""
    rng = np.random.default_rng(7)
    spectrum = np.fft.rfft2(rng.standard_normal((height, width)))
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    soft = np.fft.irfft2(spectrum * np.exp(-((fy**2 + fx**2) / 0.08**2)), (height, width))
    gray = np.clip(120 + 30 * soft / soft.std(), 0, 255)
    for y in range(24, height - 12, 48):
        for x in range(24, width - 12, 48):
            gray[y - 10 : y + 11, x - 3 : x + 4] = gray[y - 3 : y + 4, x - 10 : x + 11] = 20
            gray[y - 8 : y + 9, x - 1 : x + 2] = gray[y - 1 : y + 2, x - 8 : x + 9] = 250
    return np.repeat(np.rint(gray).astype(np.uint8)[..., None], 3, axis=-1)


def measure(sent: UInt8[np.ndarray, "h w 3"], back: UInt8[np.ndarray, "h w 3"]) -> Registration:
    """Movement and growth of `back` against `sent`: a least-squares fit of shift and zoom to the parts' movements,
    in which parts that disagree with most are left out. A coarse fit is undone and refined once."""
    a, b = (np.asarray(picture, np.float64).mean(axis=-1) for picture in (sent, back))
    first = _once(a, b)
    if not 0.15 < first.inlier_ratio < 0.9:
        return first
    then = _once(a, _undone(b, first))
    right, down = first.right_px + first.zoom * then.right_px, first.down_px + first.zoom * then.down_px
    if then.inlier_ratio <= first.inlier_ratio:
        return first
    return Registration(right, down, first.zoom * then.zoom, then.inlier_ratio)


def _undone(b: Float[np.ndarray, "h w"], moved: Registration) -> Float[np.ndarray, "h w"]:
    """`b` brought back to where it would be without this movement."""
    height, width = b.shape
    zoom = moved.zoom
    left = moved.right_px + (1 - zoom) * width / 2
    top = moved.down_px + (1 - zoom) * height / 2
    picture = Image.fromarray(b.astype(np.float32))
    same = (zoom, 0, left, 0, zoom, top)
    return np.asarray(picture.transform((width, height), Image.Transform.AFFINE, same, Image.Resampling.BICUBIC))


def _once(a: Float[np.ndarray, "h w"], b: Float[np.ndarray, "h w"]) -> Registration:
    coarse, _ = shift_of(a, b)
    whole = np.rint(coarse).astype(int)
    b = np.roll(b, -whole, axis=(0, 1))
    height, width = a.shape
    side = min(BLOCK, height, width)
    parts = [(y, x) for y in _starts(height, side) for x in _starts(width, side)]
    telling = [(y, x) for y, x in parts if b[y : y + side, x : x + side].std() >= 1]  # a flat part says nothing
    if not telling:
        return Registration(0.0, 0.0, 1.0, 0.0)
    cuts = [np.s_[y : y + side, x : x + side] for y, x in telling]
    moves = np.array([shift_of(a[cut], b[cut])[0] + whole for cut in cuts])
    places = np.array(telling) + side / 2 - np.array(a.shape) / 2
    shift, growth, inlier_ratio = _fit(places, moves)
    return Registration(float(shift[1]), float(shift[0]), 1 + growth, inlier_ratio * len(telling) / len(parts))


def _starts(length: int, side: int) -> np.ndarray:
    count = max(1, round(1.5 * (length - side) / side) + 1)
    return np.rint(np.linspace(0, length - side, count)).astype(int)


def _fit(
    places: Float[np.ndarray, "n 2"], moves: Float[np.ndarray, "n 2"]
) -> tuple[Float[np.ndarray, "2"], float, float]:
    """Shift t and growth g of move = t + g place, from the parts that agree best; and the share that agrees.

    The start is the pair of parts whose line most others follow: a third of wild parts does no harm."""
    best = np.zeros(len(places), bool)
    rng = np.random.default_rng(0)
    for i, j in rng.integers(0, len(places), (200, 2)):
        apart = places[i] - places[j]
        growth = float(apart @ (moves[i] - moves[j]) / max(float(apart @ apart), 1e-9))
        shift = moves[i] - growth * places[i]
        near = np.abs(moves - shift - growth * places).max(axis=1) < LIKE
        best = near if near.sum() > best.sum() else best
    if not best.any():
        return np.zeros(2), 0.0, 0.0
    place, move = places[best], moves[best]
    centered = place - place.mean(axis=0)
    growth = float((centered * move).sum() / max(float((centered**2).sum()), 1e-9))
    return move.mean(axis=0) - growth * place.mean(axis=0), growth, float(best.mean())


def shift_of(a: Float[np.ndarray, "h w"], b: Float[np.ndarray, "h w"]) -> tuple[Float[np.ndarray, "2"], float]:
    """How far down and right `b` has moved against `a`, to a fiftieth of a pixel, and the height of the peak (0..1).

    Phase correlation, its peak refined by a matrix Fourier transform around it (Guizar-Sicairos et al. 2008)."""
    window = np.hanning(a.shape[0])[:, None] * np.hanning(a.shape[1])
    spectra = [np.fft.fft2((picture - picture.mean()) * window) for picture in (a, b)]
    cross = np.conj(spectra[0]) * spectra[1]
    weight = np.abs(cross)
    cross = cross / np.maximum(weight, 1e-12) * (weight > 1e-6 * weight.max())
    peaks = np.fft.ifft2(cross).real
    top = np.array(np.unravel_index(int(np.argmax(peaks)), peaks.shape), np.float64)
    size = np.array(a.shape)
    top = np.where(top > size / 2, top - size, top)
    offsets = [np.arange(-FINE, FINE + 1) / FINE + center for center in top]
    ways = [np.exp(2j * np.pi * np.outer(o, np.fft.fftfreq(n))) for o, n in zip(offsets, a.shape, strict=True)]
    fine = (ways[0] @ cross @ ways[1].T).real
    y, x = np.unravel_index(int(np.argmax(fine)), fine.shape)
    used = max(int((weight > 1e-6 * weight.max()).sum()), 1)
    return np.array([offsets[0][y], offsets[1][x]]), float(fine[y, x] / used)
