"""A clip in: its frames one by one, upright, in sRGB, with their numbers and times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import UInt8
from plantain.errors import MissingExtra, PhotoError, UsageError
from plantain.imaging.photo import MOST_PIXELS

FPS = Fraction(25)  # of clips that do not say theirs


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame: its number in the clip (from 0), its time in seconds and its pixels."""

    number: int
    seconds: float
    pixels: UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class FrameRange:
    """Which frames are taken: every so many-th of those from `start` to before `end` (seconds)."""

    every: int = 1
    start: float = 0.0
    end: float = float("inf")

    def __post_init__(self) -> None:
        if self.every < 1:
            raise UsageError(f"--every must be at least 1, not {self.every}")

    @classmethod
    def of(cls, every: int, span: str | None) -> FrameRange:
        """`span` is START:END in seconds, either of which may be left out. UsageError for what is none.

        >>> FrameRange.of(2, "1.5:").end
        inf
        """
        try:
            start, end = ("", "") if span is None else span.split(":")
            made = cls(every, float(start or 0), float(end or "inf"))
        except ValueError:
            raise UsageError(f"--seconds takes START:END, as in 2:5.5 or 10:, not {span!r}") from None
        if not 0 <= made.start < made.end:
            raise UsageError(f"--seconds {span} holds nothing: the start lies from 0 to before the end")
        return made

    def wants(self, number: int, seconds: float) -> bool:
        return number % self.every == 0 and self.start <= seconds < self.end


class Clip:
    """A file with moving pictures. Raises PhotoError for what cannot be read, or has no picture at all.

    `fps`: of the frames that are taken, on average; `expected`: about how many there are; `damaged`: frames and
    pieces of the file that could not be decoded as they were, known once `frames` has come to its end."""

    def __init__(self, path: Path, wanted: FrameRange = FrameRange()) -> None:
        self.path, self.wanted, self.damaged = path, wanted, 0
        with self._opened() as (container, stream):
            rate = stream.average_rate or FPS
            self.fps = Fraction(rate) / wanted.every
            length = (container.duration or 0) / 1_000_000
            count = stream.frames or round(length * float(rate))
            seconds = max(0.0, min(wanted.end, count / float(rate)) - wanted.start)
            self.expected = max(1, round(seconds * float(self.fps)))

    def frames(self) -> Iterator[Frame]:
        """The frames that are wanted, in order. PhotoError where there is none at all."""
        number, taken, self.damaged = -1, 0, 0
        with self._opened() as (container, stream):
            for picture in self._decoded(container, stream):
                number += 1
                rate = float(stream.average_rate or FPS)
                start = float((stream.start_time or 0) * stream.time_base) if stream.time_base else 0.0
                seconds = number / rate if picture.time is None else picture.time - start
                if seconds >= self.wanted.end:
                    break
                if self.wanted.wants(number, seconds):
                    taken += 1
                    yield Frame(number, seconds, upright(picture, stream.sample_aspect_ratio))
        if not taken:
            why = f"its {number + 1} frames are not among those that are wanted" if number >= 0 else "it has no frames"
            raise PhotoError(f"{self.path} gives no frame: {why}")

    def _decoded(self, container: Any, stream: Any) -> Iterator[Any]:
        """Everything that can be decoded; what cannot is counted and passed over."""
        import av

        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                for picture in packet.decode():
                    self.damaged += picture.is_corrupt
                    yield picture
            except (av.error.EOFError, av.error.BlockingIOError):
                return
            except av.error.FFmpegError:
                self.damaged += 1
                if packet is None or packet.size == 0:
                    return

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        """The container and its first stream of pictures."""
        import av

        if not self.path.is_file():
            raise PhotoError(f"no such clip: {self.path}" if not self.path.exists() else f"{self.path} is no file")
        try:
            container = av.open(f"file:{self.path}", metadata_errors="replace")
        except (av.error.FFmpegError, OSError) as error:
            said = "empty (0 bytes)" if self.path.stat().st_size == 0 else f"no readable clip ({_plain(error)})"
            raise PhotoError(f"{self.path} is {said}; give an MP4, MOV, MKV or WebM") from None
        with container:
            cover = av.stream.Disposition.attached_pic
            stream = next((one for one in container.streams.video if not one.disposition & cover), None)
            if stream is None:
                raise PhotoError(f"{self.path} has no moving pictures in it, only {_kinds(container)}")
            if stream.codec_context is None:
                raise PhotoError(f"{self.path} is in a codec that this FFmpeg cannot read; convert it to H.264 first")
            if stream.codec_context.width * stream.codec_context.height > MOST_PIXELS:
                raise PhotoError(f"{self.path} has frames of more than {MOST_PIXELS // 1_000_000} megapixels")
            stream.thread_type = "AUTO"
            yield container, stream


def require_av() -> None:
    """MissingExtra where what video needs is not installed."""
    for module, package in (("av", "av"), ("cv2", "opencv-python-headless")):
        try:
            __import__(module)
        except ImportError as error:
            raise MissingExtra(package, "video") from error


def upright(picture: Any, shape: Fraction | None) -> UInt8[np.ndarray, "h w 3"]:
    """A decoded frame as people see it: pixels made square (`shape`: their width by their height), and turned as the
    clip says, by quarters."""
    width = picture.width if not shape else max(1, round(picture.width * float(shape)))
    rgb = picture.to_ndarray(format="rgb24", width=width, height=picture.height)
    return np.ascontiguousarray(np.rot90(rgb, round(picture.rotation / 90)))


def _plain(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).split("\n")[0][:120].lower()


def _kinds(container: Any) -> str:
    return " and ".join(sorted({stream.type for stream in container.streams})) or "nothing"
