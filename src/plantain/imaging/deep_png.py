"""PNGs of 16 bits a channel in RGB, which Pillow neither writes nor reads whole.

Source: PNG specification (W3C, third edition): signature, chunks of length, name, content and CRC-32; samples in
network byte order; section 9 for the filters.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping

import numpy as np

from plantain._shapes import Shaped

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SUB, UP = 1, 2  # filters: a byte minus the one of the pixel to the left, or minus the one above
BYTES = 6  # a pixel


def deep_png(levels: Shaped[np.ndarray, "h w 3"], texts: Mapping[str, str]) -> bytes:
    """The PNG of uint16 RGB, with texts by keyword (iTXt chunks, UTF-8)."""
    height, width, _ = levels.shape
    raw = np.ascontiguousarray(levels.astype(">u2")).view(np.uint8).reshape(height, width * BYTES)
    rows = np.empty((height, 1 + width * BYTES), np.uint8)
    rows[:, 0] = UP
    rows[0, 1:], rows[1:, 1:] = raw[0], raw[1:] - raw[:-1]  # modulo 256
    told = [_chunk(b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + text.encode()) for key, text in texts.items()]
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    body = _chunk(b"IDAT", zlib.compress(rows.tobytes(), 3))
    return b"".join((SIGNATURE, head, *told, body, _chunk(b"IEND", b"")))


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def is_deep(content: bytes) -> bool:
    """Whether a file is a PNG of 16 bits a channel in RGB."""
    return content[:8] == SIGNATURE and content[12:16] == b"IHDR" and content[24:26] == b"\x10\x02"


def read_deep(content: bytes) -> Shaped[np.ndarray, "h w 3"] | None:
    """The uint16 RGB of a PNG of 16 bits; None for any other file and for interlaced rows: those are read at 8 bits."""
    head = content[:33]
    if not is_deep(content) or head[28]:
        return None
    width, height = struct.unpack(">II", head[16:24])
    packed = b"".join(content for name, content in _chunks(content) if name == b"IDAT")
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * BYTES)
    filters, raw = rows[:, 0], rows[:, 1:].reshape(height, width, BYTES).copy()
    if filters.max(initial=0) > UP:
        raw = _unfiltered(filters, raw)
        return raw.reshape(height, width * BYTES).view(">u2").astype(np.uint16).reshape(height, width, 3)
    raw[filters == SUB] = np.cumsum(raw[filters == SUB], axis=1, dtype=np.uint8)
    starts = np.flatnonzero(filters != UP).tolist()
    for first, end in zip([0, *starts], [*starts, height], strict=True):  # runs of rows that lean on the one above
        raw[first:end] = np.cumsum(raw[first:end], axis=0, dtype=np.uint8)
    return raw.reshape(height, width * BYTES).view(">u2").astype(np.uint16).reshape(height, width, 3)


def _unfiltered(filters: Shaped[np.ndarray, "h"], raw: Shaped[np.ndarray, "h w 6"]) -> Shaped[np.ndarray, "h w 6"]:
    """Any filters, as other programs choose them: a pixel leans on those at the left, above and between, so that all
    pixels of a diagonal can be worked out at once."""
    height, width, _ = raw.shape
    out = np.zeros((height + 1, width + 1, BYTES), np.int16)
    for diagonal in range(height + width - 1):
        row = np.arange(max(0, diagonal - width + 1), min(height, diagonal + 1))
        column = diagonal - row
        left, up, between = out[row + 1, column], out[row, column + 1], out[row, column]
        guesses = np.stack([np.zeros_like(left), left, up, (left + up) >> 1, _paeth(left, up, between)])
        guess = np.take_along_axis(guesses, filters[row].astype(int)[None, :, None], 0)[0]
        out[row + 1, column + 1] = (raw[row, column] + guess) & 255
    return out[1:, 1:].astype(np.uint8)


def _paeth(left: np.ndarray, up: np.ndarray, between: np.ndarray) -> np.ndarray:
    """Whichever is nearest to left + up - between."""
    a, b, c = np.abs(up - between), np.abs(left - between), np.abs(left + up - 2 * between)
    return np.where((a <= b) & (a <= c), left, np.where(b <= c, up, between))


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at + 12 <= len(content):
        size, name = struct.unpack(">I4s", content[at : at + 8])
        yield name, content[at + 8 : at + 8 + size]
        at += 12 + size
