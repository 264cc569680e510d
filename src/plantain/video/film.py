"""Frames into a file that appears whole or not at all: H.264 in MP4 to look at, FFV1 in Matroska without any loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import Shaped
from plantain.errors import OutputError, UsageError
from plantain.files import writing

TICKS = 90_000  # of a second: times of frames are kept, whatever the clip's rate
LOOKED_AT = ("libx264", "libopenh264", "h264_nvenc", "h264_videotoolbox", "h264_vaapi")  # H.264, best first
OPTIONS = {"crf": "18", "preset": "veryfast"}  # of libx264


class Film:
    """An open file of moving pictures."""

    def __init__(self, container: Any, stream: Any, deep: bool) -> None:
        self.container, self.stream, self.deep, self.last = container, stream, deep, -1

    def add(self, pixels: Shaped[np.ndarray, "h w 3"], seconds: float) -> None:
        """One frame, uint8 or (of a film without loss) uint16 RGB, shown from this second on. Raises OutputError."""
        import av

        shown = np.ascontiguousarray(pixels if self.deep or pixels.dtype == np.uint8 else pixels >> 8)
        if self.deep and shown.dtype == np.uint8:
            shown = shown.astype(np.uint16) * np.uint16(257)
        frame = av.VideoFrame.from_ndarray(shown, format="rgb48le" if self.deep else "rgb24")
        self.last = max(self.last + 1, round(seconds * TICKS))
        frame.pts, frame.time_base = self.last, Fraction(1, TICKS)
        self._put(frame)

    def _put(self, frame: Any) -> None:
        import av

        try:
            for packet in self.stream.encode(frame):
                self.container.mux(packet)
        except av.error.FFmpegError as error:
            raise OutputError(f"the film cannot be written: {error.strerror}; is the disk full?") from error


@contextmanager
def filming(
    path: Path,
    size: tuple[int, int],
    fps: Fraction,
    about: Mapping[str, str],
    *,
    lossless: bool = False,
    deep: bool = False,
) -> Iterator[Film]:
    """A film of frames of `size` (width, height; even for H.264), which becomes `path` when the block ends well.

    `about`: what its metadata say; `deep`: 16 bits a channel. UsageError where this FFmpeg has no such codec,
    OutputError where the file cannot be written."""
    import av

    codec = "ffv1" if lossless else encoder()
    options = {"fflags": "+bitexact"} | ({} if lossless else {"movflags": "+faststart"})  # no random ids, no dates
    with writing(path) as beside, av.open(str(beside), "w", options=options) as out:
        out.metadata.update(about)
        stream = out.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height = size
        stream.pix_fmt = ("gbrp16le" if deep else "bgr0") if lossless else "yuv420p"
        stream.codec_context.time_base = Fraction(1, TICKS)
        stream.options = OPTIONS if codec == "libx264" else {}
        film = Film(out, stream, deep)
        yield film
        film._put(None)


def encoder() -> str:
    """The encoder of H.264 that is there. UsageError where none is."""
    import av

    for name in LOOKED_AT:
        if name in av.codecs_available:
            return name
    raise UsageError("this FFmpeg has no encoder of H.264; install PyAV from its own wheels: pip install av")
