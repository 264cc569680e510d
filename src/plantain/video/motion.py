"""Where each pixel of a frame was in the frame before, and whether it was seen there at all.

Dense flow by DIS (Kroeger, Timofte, Dai, Van Gool, "Fast Optical Flow using Dense Inverse Search", ECCV 2016) of
OpenCV, in both directions. A pixel counts as seen where it lies inside the frame before, where the two flows lead back
to it (Sundaram, Brox, Keutzer, ECCV 2010, eq. 5), and where it looks the same there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from plantain._shapes import Bool, Float, Shaped, UInt8

SIDE = 512  # pixels of the longer side at which flow is found
CUT = 0.3  # of a frame must have been seen before; else the film was cut
ALIKE = 24.0  # levels of gray by which a pixel may differ after the frame's own change of light


@dataclass(frozen=True, eq=False)
class Motion:
    """`places`: x and y in the frame before, a pair a pixel. `seen`: where that place shows the same thing."""

    places: Float[np.ndarray, "h w 2"]
    seen: Bool[np.ndarray, "h w"]

    @property
    def is_cut(self) -> bool:
        """Whether the two frames have too little in common."""
        return bool(self.seen.mean() < CUT)

    def carry(self, values: Float[np.ndarray, "h w *n"]) -> Float[np.ndarray, "h w *n"]:
        """Values of the frame before at this frame's pixels, between pixels bilinear."""
        return _moved(values, self.places, nearest=False)

    def carry_nearest(self, values: Shaped[np.ndarray, "h w"]) -> Shaped[np.ndarray, "h w"]:
        """The same for numbers that must not be mixed."""
        return _moved(values, self.places, nearest=True)

    def forward(self, xy: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Where places of the frame before have gone, as the pixels around them say (one step of the inverse)."""
        height, width = self.seen.shape
        moved = np.asarray(xy, np.float32)
        for _ in range(3):
            column = np.nan_to_num(moved[:, 0]).clip(0, width - 1).astype(int)
            row = np.nan_to_num(moved[:, 1]).clip(0, height - 1).astype(int)
            step = self.places[row, column] - np.stack([column, row], -1)
            moved = xy - step
        return np.asarray(moved, np.float32)


class Tracker:
    """Motion from frame to frame. Keeps the frame before in small."""

    def __init__(self) -> None:
        import cv2

        self.flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)  # as steady as the slower ones
        self.before: UInt8[np.ndarray, "y x"] | None = None

    def step(self, pixels: UInt8[np.ndarray, "h w 3"]) -> Motion | None:
        """How the frame came from the one before; None for the first one, after a cut, and after a change of size."""
        before, self.before = self.before, _small(pixels)
        if before is None or before.shape != self.before.shape:
            return None
        back = self.flow.calc(self.before, before, None)
        there = self.flow.calc(before, self.before, None)
        motion = _at_full_size(back, _seen(self.before, before, back, there), pixels.shape[1], pixels.shape[0])
        return None if motion.is_cut else motion


def _small(pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "y x"]:
    import cv2

    gray: Any = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    scale = min(1.0, SIDE / max(gray.shape))
    size = max(32, round(gray.shape[1] * scale)), max(32, round(gray.shape[0] * scale))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA))


def _seen(
    now: UInt8[np.ndarray, "y x"],
    before: UInt8[np.ndarray, "y x"],
    back: Float[np.ndarray, "y x 2"],
    there: Float[np.ndarray, "y x 2"],
) -> Bool[np.ndarray, "y x"]:
    places = _grid(*now.shape) + back
    inside = (places >= 0).all(-1) & (places[..., 0] <= now.shape[1] - 1) & (places[..., 1] <= now.shape[0] - 1)
    home = _moved(there, places, nearest=False)
    gap = np.square(back + home).sum(-1)
    consistent = gap < 0.01 * (np.square(back).sum(-1) + np.square(home).sum(-1)) + 0.5
    change = now.astype(np.float32) - _moved(before.astype(np.float32), places, nearest=False)
    held = inside & consistent
    light = np.median(change[::2, ::2][held[::2, ::2]]) if held[::2, ::2].any() else 0.0
    return np.asarray(held & (np.abs(change - light) < ALIKE))


def _at_full_size(back: Float[np.ndarray, "y x 2"], seen: Bool[np.ndarray, "y x"], width: int, height: int) -> Motion:
    """Flow brought to the frame's own pixels."""
    import cv2

    scale = np.array([width / back.shape[1], height / back.shape[0]], np.float32)
    flow = cv2.resize(back, (width, height), interpolation=cv2.INTER_LINEAR) * scale
    known = cv2.resize(seen.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    return Motion(_grid(height, width) + flow, known)


def _grid(height: int, width: int) -> Float[np.ndarray, "h w 2"]:
    return np.stack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)), -1)


def _moved(values: Any, places: Float[np.ndarray, "h w 2"], *, nearest: bool) -> Any:
    """Lookups at places; beyond the border the border's own."""
    import cv2

    way = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    known = values.astype(np.float32) if values.dtype == np.float16 else values
    planes = np.ascontiguousarray(known).reshape(*values.shape[:2], -1)
    made = [cv2.remap(planes[..., i], places, None, way, borderMode=cv2.BORDER_REPLICATE)
            for i in range(planes.shape[-1])]  # fmt: skip
    return np.stack(made, -1).reshape(*places.shape[:2], *values.shape[2:])
