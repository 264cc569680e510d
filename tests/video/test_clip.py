"""Frames in: numbers, times, upright, and one clear line for what is no clip."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

av = pytest.importorskip("av", reason="needs the extra video")
pytest.importorskip("cv2", reason="needs the extra video")

from clips import HEIGHT, WIDTH, panned, write  # noqa: E402

from plantain.errors import PhotoError, UsageError  # noqa: E402
from plantain.video.clip import Clip, FrameRange  # noqa: E402


def test_frames_come_with_their_numbers_and_times_at_any_rate(tmp_path):
    """Times of a phone: neither even nor beginning at 0 after the cut."""
    times = [0, 0.04, 0.1, 0.12, 0.3, 0.31, 0.5]
    frames = panned(7, 3)
    clip = Clip(write(tmp_path / "a.mkv", frames, times), FrameRange.of(2, "0.05:0.5"))
    found = list(clip.frames())
    assert [one.number for one in found] == [2, 4]
    assert [one.seconds for one in found] == pytest.approx([0.1, 0.3])
    assert np.abs(found[0].pixels.astype(int) - frames[2]).mean() < 2
    assert clip.damaged == 0


@pytest.mark.parametrize(("turned", "quarters"), [(90, 1), (-90, 3), (180, 2)])
def test_frames_are_turned_as_the_clip_says(turned, quarters, tmp_path):
    """Players turn counterclockwise by these degrees, as NumPy does by quarters."""
    frames = panned(2)
    (first, _) = Clip(write(tmp_path / "a.mp4", frames, turned=turned)).frames()
    assert np.abs(first.pixels.astype(int) - np.rot90(frames[0], quarters)).mean() < 2


def test_wide_pixels_become_square(tmp_path):
    (first, _) = Clip(write(tmp_path / "a.mp4", panned(2), shape=Fraction(3, 2))).frames()
    assert first.pixels.shape == (HEIGHT, WIDTH * 3 // 2, 3)


def test_damage_in_the_middle_is_counted_and_the_rest_is_read(tmp_path):
    path = write(tmp_path / "a.mp4", panned(40))
    content = bytearray(path.read_bytes())
    middle = content.index(b"mdat") + (len(content) - content.index(b"mdat")) // 2
    content[middle : middle + 3000] = b"\xff" * 3000
    path.write_bytes(content)
    clip = Clip(path)
    count = len(list(clip.frames()))
    assert clip.damaged > 0
    assert 10 < count <= 40


def sound(path):
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


BAD = {
    "missing.mp4": (lambda path: None, "no such clip"),
    "empty.mp4": (lambda path: path.write_bytes(b""), "is empty"),
    "junk.mp4": (lambda path: path.write_bytes(b"x" * 5000), "no readable clip"),
    "folder.mp4": (lambda path: path.mkdir(), "is no file"),
    "sound.wav": (sound, "no moving pictures"),
    "cut.mp4": (lambda path: path.write_bytes(write(path, panned(5)).read_bytes()[:1500]), "cut.mp4"),
    "none.mkv": (lambda path: write(path, []), "none.mkv"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_clip_is_one_clear_line(name, tmp_path):
    make, said = BAD[name]
    make(tmp_path / name)
    with pytest.raises(PhotoError, match=said) as told:
        list(Clip(tmp_path / name).frames())
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(("every", "span"), [(0, None), (1, "5"), (1, "3:2"), (1, "a:b"), (1, "-1:2")])
def test_takes_that_make_no_sense(every, span):
    with pytest.raises(UsageError):
        FrameRange.of(every, span)


def test_a_take_beyond_the_end_says_so(tmp_path):
    with pytest.raises(PhotoError, match="its 5 frames are not among"):
        list(Clip(write(tmp_path / "a.mp4", panned(5)), FrameRange.of(1, "9:")).frames())
