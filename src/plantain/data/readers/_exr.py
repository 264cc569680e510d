"""OpenEXR pictures of the simple kind, which OpenCV writes: one part in scan lines of float or half, plain or ZIP.

Written here because neither Pillow nor the newest OpenCV wheels (5.0) read them.
Source: openexr.com, "OpenEXR File Layout" and "Technical Introduction" (the predictor and byte order under ZIP).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from plantain._shapes import Float, UInt8
from plantain.errors import PhotoError

MAGIC = b"v/1\x01"
UNLIKE = 0x1A00  # flags of the version field: tiled, deep, several parts
LINES = {0: 1, 2: 1, 3: 16}  # compression -> scan lines a block: none, ZIPS, ZIP
TYPES: dict[int, np.dtype] = {1: np.dtype("<f2"), 2: np.dtype("<f4")}


@dataclass(frozen=True)
class _Header:
    channels: tuple[tuple[str, np.dtype], ...]
    compression: int
    window: tuple[int, int, int, int]  # left, top, right, bottom pixel
    end: int  # where the table of block places begins

    @property
    def size(self) -> tuple[int, int]:
        left, top, right, bottom = self.window
        return bottom - top + 1, right - left + 1


def read_exr(path: Path, channels: str = "RGB") -> Float[np.ndarray, "h w c"]:
    """The named one-letter channels in this order, float32. PhotoError for another kind of OpenEXR file."""
    data = path.read_bytes()
    try:
        header = _header(data)
        planes = _planes(data, header)
        return np.stack([planes[name] for name in channels], axis=-1)
    except (ValueError, KeyError, IndexError, struct.error, zlib.error) as error:
        raise PhotoError(f"{path} is no OpenEXR picture that Plantain reads ({error}); wanted: one part, scan lines, "
                         f"channels {channels} in float or half, not compressed or by ZIP") from error  # fmt: skip


def _header(data: bytes) -> _Header:
    if data[:4] != MAGIC or struct.unpack_from("<i", data, 4)[0] & UNLIKE:
        raise ValueError("tiles, deep data or several parts" if data[:4] == MAGIC else "no OpenEXR file")
    found: dict[str, bytes] = {}
    at = 8
    while data[at]:
        name, at = _text(data, at)
        _, at = _text(data, at)  # the type, which the name implies
        (size,) = struct.unpack_from("<i", data, at)
        found[name] = data[at + 4 : at + 4 + size]
        at += 4 + size
    left, top, right, bottom = struct.unpack("<4i", found["dataWindow"])
    return _Header(_channels(found["channels"]), found["compression"][0], (left, top, right, bottom), at + 1)


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\0", at)
    return data[at:end].decode("latin-1"), end + 1


def _channels(data: bytes) -> tuple[tuple[str, np.dtype], ...]:
    out = []
    at = 0
    while data[at]:
        name, at = _text(data, at)
        (kind,) = struct.unpack_from("<i", data, at)
        out.append((name, TYPES[kind]))
        at += 16  # type, linearity, sampling in x and y
    return tuple(out)


def _planes(data: bytes, header: _Header) -> dict[str, Float[np.ndarray, "h w"]]:
    (height, width), lines = header.size, LINES[header.compression]
    planes = {name: np.zeros((height, width), np.float32) for name, _ in header.channels}
    line = width * sum(kind.itemsize for _, kind in header.channels)
    for place in struct.unpack_from(f"<{-(-height // lines)}Q", data, header.end):
        y, size = struct.unpack_from("<2i", data, place)
        first = y - header.window[1]
        count = min(lines, height - first)
        raw = data[place + 8 : place + 8 + size]
        block = np.frombuffer(raw if size == line * count else _unzip(raw), np.uint8).reshape(count, line)
        at = 0
        for name, kind in header.channels:
            end = at + width * kind.itemsize
            planes[name][first : first + count] = np.ascontiguousarray(block[:, at:end]).view(kind)
            at = end
    return planes


def _unzip(raw: bytes) -> UInt8[np.ndarray, "n"]:
    """Undoes ZIP: bytes are stored as differences plus 128, first those at even places, then those at odd ones."""
    steps = np.frombuffer(zlib.decompress(raw), np.uint8)
    values = np.cumsum(steps, dtype=np.uint8) + (np.arange(len(steps)) % 2 * 128).astype(np.uint8)
    out = np.empty_like(values)
    half = (len(values) + 1) // 2
    out[0::2], out[1::2] = values[:half], values[half:]
    return out
