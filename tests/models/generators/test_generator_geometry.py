"""Where things lie: a chart through every row's stock call and back, with nothing but the class's own handling of
pictures in between. The autoencoder is replaced by one that keeps places exactly, the denoiser by one that copies the
reference; what a class crops, zooms or shifts, and our geometry does not undo, is left in what comes back."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import tiny_editors
import torch
from copying_editor import made_to_copy
from diffusers.pipelines.longcat_image.pipeline_longcat_image_edit import calculate_dimensions as longcat_rule
from diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_plus import calculate_dimensions as qwen_rule
from diffusers.pipelines.qwenimage21.pipeline_qwenimage21 import calculate_dimensions as area_rule
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from plantain.errors import PainterError, UsageError
from plantain.imaging.geometry import place, placement
from plantain.models.painters.generators.measured import Measured
from plantain.models.painters.generators.painter import DiffusersPainter
from plantain.models.painters.generators.sizes import MEGAPIXEL, Size
from plantain.models.painters.generators.spec import GENERATORS
from plantain.models.painting import Painting, Request
from plantain.pipeline import registration
from plantain.pipeline.edit import crop_from_canvas

torch.set_num_threads(1)
CLASSES = tuple(tiny_editors.BUILDERS)
SIZES = ((90, 121), (1242, 375), (4032, 3024))
WINDOW = 256


@cache
def chart(width: int, height: int) -> np.ndarray:
    """A texture with crosses on a grid that is shifted against every multiple, and a corner at every border. Its finest
    parts are a few pixels of a canvas, so those of a large photo are larger."""
    coarse = max(1.0, (width * height / 4e5) ** 0.5)
    small = round(width / coarse), round(height / coarse)
    picture = registration.chart(small[0] + 5, small[1] + 3)[3:, 5:].copy()
    long = max(8, min(small) // 6)
    for y, x in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        rows, columns = (slice(0, long) if at == 0 else slice(-long, None) for at in (y, x))
        edge_y, edge_x = (slice(0, 2) if at == 0 else slice(-2, None) for at in (y, x))
        picture[rows, edge_x] = picture[edge_y, columns] = 255
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def copies(folder: Any) -> Any:
    """Painters whose pipelines copy the photo, one a class."""
    kept = dict[str, Any]()

    def made(name: str) -> Any:
        if name not in kept:
            kept[name] = DiffusersPainter(name, folder(name), device="cpu")
            made_to_copy(kept[name])
        return kept[name]

    return made


def offsets(sent: np.ndarray, back: np.ndarray) -> list[float]:
    """How far the picture has moved in its corners and its middle, in pixels, the longer of right and down."""
    a, b = (np.asarray(one, float).mean(-1) for one in (sent, back))
    height, width = a.shape
    high = wide = min(max(WINDOW, min(height, width) // 3), height, width)
    places = [(y, x) for y in (0, height - high) for x in (0, width - wide)] + [
        ((height - high) // 2, (width - wide) // 2)
    ]
    return [moved(a[y : y + high, x : x + wide], b[y : y + high, x : x + wide]) for y, x in places]


def moved(a: np.ndarray, b: np.ndarray) -> float:
    """The peak of the cross-correlation, to a part of a pixel by a parabola. Not of phases alone, as the doctor does:
    what comes back here is blurred, and its finest frequencies are noise."""
    window = np.hanning(a.shape[0])[:, None] * np.hanning(a.shape[1])
    spectra = [np.fft.rfft2((one - one.mean()) * window) for one in (a, b)]
    match = np.fft.irfft2(np.conj(spectra[0]) * spectra[1], a.shape)
    top = np.unravel_index(int(np.argmax(match)), match.shape)
    shifts = []
    for axis in (0, 1):
        around = [
            match[tuple((top[i] + (step if i == axis else 0)) % match.shape[i] for i in (0, 1))] for step in (-1, 0, 1)
        ]
        curve = around[0] - 2 * around[1] + around[2]
        whole = top[axis] if top[axis] <= match.shape[axis] / 2 else top[axis] - match.shape[axis]
        shifts.append(abs(whole + (0.0 if curve == 0 else 0.5 * (around[0] - around[2]) / curve)))
    return float(max(shifts))


def round_trip(model: Any, photo: np.ndarray) -> np.ndarray:
    """The photo onto the canvas, through the painter, and back to its own pixels."""
    size = photo.shape[1], photo.shape[0]
    where = placement(size, model.canvas(*size))
    (made,) = model.paint([Request("Copy.", (place(photo, where),), where.canvas, sampling={"steps": 2})])
    assert isinstance(made, Painting), made
    assert made.pixels.shape[1::-1] == where.canvas
    return crop_from_canvas(made.rgb, where, size)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", [name for name in CLASSES if name not in tiny_editors.ALIKE])
def test_a_chart_comes_back_where_it_was(name: str, size: tuple[int, int], copies: Any) -> None:
    photo = chart(*size)
    back = round_trip(copies(name), photo)
    few = np.s_[:: max(1, size[1] // 400), :: max(1, size[0] // 400)]
    assert np.corrcoef(back[few].mean(-1).ravel(), photo[few].mean(-1).ravel())[0, 1] > 0.5  # it is the chart at all
    found = offsets(photo, back)
    assert max(found) <= 0.5, found


@pytest.mark.parametrize("name", [name for name in GENERATORS if name in tiny_editors.ALIKE or name not in CLASSES])
def test_rows_of_a_class_lie_alike(name: str) -> None:
    spec = GENERATORS[name]
    family = "".join(name.split("-base"))
    other = GENERATORS[
        {"qwen-image-edit-2511": "qwen-image-edit-2509"}.get(name) or tiny_editors.SAME.get(name) or family
    ]
    assert (spec.cls.replace("Distilled", ""), spec.size, spec.sides, spec.place, spec.order) == (
        other.cls.replace("Distilled", ""), other.size, other.sides, other.place, other.order
    )  # fmt: skip


@pytest.mark.parametrize("name", ["flux2-klein-4b", "flux1-kontext"])
def test_the_chart_tells_a_class_that_is_let_do_as_it_likes(name: str, copies: Any) -> None:
    """Photos handed to the stock call as they are: cropped, stretched, squared. So the test above can fail."""
    model, photo = copies(name), chart(500, 333)
    pipe = model._copy(model.pipe)
    made = pipe(prompt="Copy.", image=Image.fromarray(photo), num_inference_steps=2, output_type="np")
    picture = Image.fromarray((made.images[0] * 255).astype(np.uint8))
    assert picture.size != (500, 333)
    assert max(offsets(photo, np.asarray(picture.resize((500, 333))))) > 1


# ---- sizes

PHOTOS = st.tuples(st.integers(1, 6000), st.integers(1, 6000))


@given(PHOTOS, st.sampled_from([name for name in GENERATORS if GENERATORS[name].size.rule is None]))
def test_free_canvases_are_legal_and_near_the_photos_shape(photo: tuple[int, int], name: str) -> None:
    size = GENERATORS[name].size
    width, height = size.canvas(*photo)
    assert size.fits(width, height) and width * height <= size.most
    if 1 / size.aspect <= photo[0] / photo[1] <= size.aspect:
        assert abs(np.log((width / height) / (photo[0] / photo[1]))) < 0.45 * size.multiple / min(width, height) * 2.3


@given(PHOTOS)
def test_canvases_are_fixed_points_of_the_classes_own_rules(photo: tuple[int, int]) -> None:
    width, height = GENERATORS["qwen-image-edit-2511"].size.canvas(*photo)
    assert qwen_rule(1024 * 1024, width / height) == (width, height)
    width, height = GENERATORS["longcat-image-edit"].size.canvas(*photo)
    assert longcat_rule(1024 * 1024, width / height) == (width, height)
    spec = GENERATORS["qwen-image-2.1"]
    width, height = spec.size.canvas(*photo)
    side = spec.sides(width, height, True)["output_resolution"]
    assert area_rule(side * side, width / height)[:2] == (width, height)


def test_kontexts_own_rule_leaves_our_sizes() -> None:
    """Its `__call__`: the sides of an area at an aspect, rounded, then down to multiples of 16."""
    for photo in ((90, 121), (500, 333), (1242, 375), (4032, 3024), (300, 2400)):
        width, height = GENERATORS["flux1-kontext"].size.canvas(*photo)
        area, aspect = width * height, width / height
        assert (round((area * aspect) ** 0.5) // 16 * 16, round((area / aspect) ** 0.5) // 16 * 16) == (width, height)


def test_a_size_that_the_rule_cannot_meet_is_one_clear_line(copies: Any) -> None:
    model = copies("flux2-klein-4b")
    (error,) = model.paint([Request("Copy.", (chart(100, 100),), (100, 100))])
    assert isinstance(error, UsageError)
    assert "cannot paint 100 x 100 pixels; the nearest size is" in str(error)
    with pytest.raises(UsageError, match="pixels are too few"):
        Size().canvas(640, 480, 1000)
    with pytest.raises(UsageError, match="always paints about a megapixel"):
        GENERATORS["longcat-image-edit"].size.canvas(640, 480, MEGAPIXEL // 2)


def test_a_painting_of_another_size_is_an_error(copies: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = copies("instruct-pix2pix")
    monkeypatch.setattr(model, "shown", lambda request: ((256, 192), [Image.fromarray(chart(320, 192))]))
    (error,) = model.paint([Request("Copy.", (chart(320, 192),), (256, 192), sampling={"steps": 2})])
    assert isinstance(error, PainterError) and "asked for (256, 192) pixels and gave (320, 192)" in str(error)


# ---- what was measured is used


@pytest.mark.parametrize(("right", "down", "zoom"), [(6, -4, 1.0), (0, 0, 1.03), (-3, 5, 0.98)])
def test_a_measured_movement_is_undone(right: float, down: float, zoom: float) -> None:
    """SciPy moves a chart; what `registration.measure` says of it, undone, brings it back within half a pixel."""
    ndimage = pytest.importorskip("scipy.ndimage")
    sent = registration.chart(512, 384)
    y, x = np.mgrid[:384, :512]
    source = [(y - down - 191.5) / zoom + 191.5, (x - right - 255.5) / zoom + 255.5]
    moved = ndimage.map_coordinates(sent[..., 0].astype(float), source, order=3, mode="nearest")
    moved = np.repeat(moved[..., None], 3, -1).clip(0, 255).astype(np.uint8)
    found = registration.measure(sent, moved)
    measured = Measured((found.right_px / 512, found.down_px / 384), found.zoom)
    back = measured.undo((moved / 255).astype(np.float32))
    inner = np.s_[32:-32, 32:-32]
    still = registration.measure(sent[inner], (back[inner] * 255).astype(np.uint8))
    assert abs(still.right_px) < 0.5 and abs(still.down_px) < 0.5 and abs(still.zoom - 1) < 2e-3
    assert np.isin(np.unique(back), np.unique((moved / 255).astype(np.float32))).all()  # no color is mixed
