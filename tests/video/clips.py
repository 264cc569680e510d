"""Clips made with PyAV for tests: pictures that move by known steps."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

WIDTH, HEIGHT = 96, 64


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth gray blobs of many sizes, which flow can follow."""
    chance = np.random.default_rng(seed)
    made = np.zeros((height, width), np.float32)
    for cells in (4, 9, 18):
        coarse = chance.normal(0, 1, (cells, round(cells * width / height))).astype(np.float32)
        made += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    made = 128 + 45 * made / made.std()
    return np.repeat(made.clip(0, 255).astype(np.uint8)[..., None], 3, -1)


def panned(count: int, step: int = 1, size: tuple[int, int] = (WIDTH, HEIGHT), seed: int = 0) -> list[np.ndarray]:
    """Cuts of one texture, each `step` pixels farther to the right: the picture moves to the left."""
    whole = texture(size[1], size[0] + step * count, seed)
    return [np.ascontiguousarray(whole[:, i * step : i * step + size[0]]) for i in range(count)]


def write(
    path: Path,
    frames: Sequence[np.ndarray],
    times: Sequence[float] | None = None,
    *,
    codec: str = "libx264",
    turned: int = 0,
    shape: Fraction | None = None,
) -> Path:
    """A clip without sound, nearly lossless; at 25 frames a second, or at given times. `turned`: what players must turn
    it by; `shape`: of its pixels."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.height, stream.width = frames[0].shape[:2] if frames else (HEIGHT, WIDTH)
        stream.pix_fmt = "yuv444p" if codec == "libx264" else "bgr0"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.options = {"crf": "4", "g": "10"} if codec == "libx264" else {}
        if shape is not None:
            stream.codec_context.sample_aspect_ratio = shape
        if turned:
            stream.set_display_rotation(turned)
        for i, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = round(1000 * (i / 25 if times is None else times[i])), Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def read(path: Path, form: str = "rgb24") -> list[np.ndarray]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format=form) for frame in film.decode(video=0)]
