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


def read_deep(content: bytes) -> Shaped[np.ndarray, "h w 3"] | None:
    """The uint16 RGB of a PNG of 16 bits; None for any other file, and for interlaced rows or rows whose filter is
    neither none, left nor above (Average and Paeth, which other programs may choose): those are read at 8 bits."""
    head = content[:33]
    if head[:8] != SIGNATURE or head[12:16] != b"IHDR" or head[24:26] != b"\x10\x02" or head[28]:
        return None
    width, height = struct.unpack(">II", head[16:24])
    packed = b"".join(content for name, content in _chunks(content) if name == b"IDAT")
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * BYTES)
    filters, raw = rows[:, 0], rows[:, 1:].reshape(height, width, BYTES).copy()
    if filters.max(initial=0) > UP:
        return None
    raw[filters == SUB] = np.cumsum(raw[filters == SUB], axis=1, dtype=np.uint8)
    starts = np.flatnonzero(filters != UP).tolist()
    for first, end in zip([0, *starts], [*starts, height], strict=True):  # runs of rows that lean on the one above
        raw[first:end] = np.cumsum(raw[first:end], axis=0, dtype=np.uint8)
    return raw.reshape(height, width * BYTES).view(">u2").astype(np.uint16).reshape(height, width, 3)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at + 12 <= len(content):
        size, name = struct.unpack(">I4s", content[at : at + 8])
        yield name, content[at + 8 : at + 8 + size]
        at += 12 + size
