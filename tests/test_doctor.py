"""The doctor: registration held against pictures that SciPy moved, and what it says of painters of known faults."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from plantain import doctor, extras
from plantain.errors import PainterError, UnknownName
from plantain.models import Identity, Painter
from plantain.models.painting import Painting
from plantain.pipeline.registration import chart, measure, shift_of

CHART = chart(512, 384)


def moved(picture, right, down, zoom, blur=0.0, noise=0.0):
    """The picture moved by SciPy about its middle (pixel centres at whole numbers)."""
    ndimage = pytest.importorskip("scipy.ndimage")
    height, width = picture.shape[:2]
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    y, x = np.mgrid[:height, :width]
    source = [(y - down - middle_y) / zoom + middle_y, (x - right - middle_x) / zoom + middle_x]
    grey = ndimage.map_coordinates(picture[..., 0].astype(float), source, order=3, mode="reflect")
    grey = ndimage.gaussian_filter(grey, blur) + np.random.default_rng(1).normal(0, noise, grey.shape)
    return np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, axis=-1)


@pytest.mark.parametrize(
    ("right", "down", "zoom"), [(0, 0, 1), (3, -2, 1), (-2.3, 4.7, 0.985), (8, 0, 1.03), (0, 0, 1.06), (40, -30, 1)]
)
def test_shift_and_zoom_are_measured(right, down, zoom):
    found = measure(CHART, moved(CHART, right, down, zoom))
    assert found.right_px == pytest.approx(right, abs=0.15)
    assert found.down_px == pytest.approx(down, abs=0.15)
    assert found.zoom == pytest.approx(zoom, abs=1e-3)
    assert found.inlier_ratio > 0.8


def test_a_blurred_noisy_picture_is_measured_too():
    right, down, zoom = -2.3, 4.7, 1.03
    rough = measure(CHART, moved(CHART, right, down, zoom, blur=1.5, noise=10))
    assert rough.right_px == pytest.approx(right, abs=0.4)
    assert rough.down_px == pytest.approx(down, abs=0.4)
    assert rough.zoom == pytest.approx(zoom, abs=2e-3)


def test_a_still_picture_has_not_moved():
    found = measure(CHART, CHART)
    assert (found.right_px, found.down_px, found.zoom, found.inlier_ratio) == (0, 0, pytest.approx(1), 1)


@pytest.mark.parametrize(
    "other",
    [
        np.zeros_like(CHART),
        np.full_like(CHART, 255),
        np.random.default_rng(0).integers(0, 255, CHART.shape).astype(np.uint8),
        chart(400, 500)[:384].repeat(2, 1)[:, :512],
    ],
)
def test_another_picture_is_not_the_chart(other):
    assert measure(CHART, other).inlier_ratio < 0.5


def test_the_shift_agrees_with_scikit_image():
    registration = pytest.importorskip("skimage.registration")
    a = CHART[:96, :96, 0].astype(float)
    b = moved(CHART, 2.4, -1.3, 1)[:96, :96, 0].astype(float)
    ours, peak = shift_of(a, b)
    window = np.hanning(96)[:, None] * np.hanning(96)
    theirs, *_ = registration.phase_cross_correlation(
        (b - b.mean()) * window, (a - a.mean()) * window, upsample_factor=50, normalization="phase"
    )
    np.testing.assert_allclose(ours, theirs, atol=0.05)
    assert 0.05 < peak <= 1


# ---- the check through a painter ----


class Bent(Painter):
    """Gives back what it was asked for, after doing something to it."""

    identity = Identity("bent")

    def __init__(self, bend):
        self.bend = bend

    def canvas(self, width, height):
        return width, height

    def paint(self, requests):
        made = [self.bend(request.photo) for request in requests]
        return [picture if isinstance(picture, Exception) else Painting(picture) for picture in made]


def test_a_true_painter_is_ok():
    check = doctor.check_registration(Bent(lambda photo: photo))
    assert (check.state, check.facts["shift_px"]) == ("ok", [0, 0])


def test_a_shifting_painter_fails_and_the_pixels_are_said():
    check = doctor.check_registration(Bent(lambda photo: np.roll(photo, (-2, 3), axis=(0, 1))))
    assert check.state == "failed"
    assert "+3.00 px right, -2.00 px down" in check.found


def test_a_zooming_painter_fails():
    check = doctor.check_registration(Bent(lambda photo: moved(photo, 0, 0, 1.02)))
    assert check.state == "failed"
    assert check.facts["zoom"] == pytest.approx(1.02, abs=1e-3)


def test_a_painter_of_another_size_fails():
    check = doctor.check_registration(Bent(lambda photo: photo[:100]))
    assert check.state == "failed"
    assert "gave 512 x 100" in check.found


def test_a_painter_that_paints_something_else_is_a_note():
    assert doctor.check_registration(Bent(np.zeros_like)).state == "note"
    broken = doctor.check_registration(Bent(lambda photo: PainterError("out of memory")))
    assert (broken.state, broken.found) == ("note", "not measured: out of memory")


# ---- the rest ----


def test_versions_extras_threads_and_accelerator():
    versions = doctor.versions()
    assert versions.state == "ok"
    assert versions.facts["numpy"] == np.__version__
    assert doctor.threads().facts["cores"] >= 1
    assert "CPU" in doctor.accelerator().found
    assert {"train", "eval"} <= set(extras.extras())
    assert "all" not in extras.extras()


def test_an_extra_that_is_not_there_is_a_note_with_its_pip_command(monkeypatch):
    monkeypatch.setattr(extras, "version", lambda package: None if package == "torch" else "1.0")
    check = doctor.extra("train")
    assert check.state == "note"
    assert check.facts["missing"] == ["torch"]
    assert check.found == "lacks torch; pip install 'torch>=2.6'"


def test_a_missing_base_package_fails(monkeypatch):
    monkeypatch.setattr(doctor, "version", lambda package: None)
    assert doctor.versions().state == "failed"


@pytest.mark.parametrize(
    ("metres", "state"),
    [(np.linspace(0.8, 4, 48), "ok"), (np.full(48, 3.0), "failed"), (np.linspace(90, 190, 48), "failed")],
)
def test_the_embedded_generator_is_asked_about_a_known_photo(metres, state, monkeypatch):
    seen = []
    depth = SimpleNamespace(metres=metres.reshape(6, 8), valid=np.ones((6, 8), bool))
    predictor = SimpleNamespace(predict=lambda photo, task: (seen.append((photo, task)), depth)[1])
    monkeypatch.setattr("plantain.pipeline.predictor.load", lambda name: predictor)
    assert doctor.embedded().state == state
    assert seen == [(doctor.SAMPLE, "metric depth")]


def test_without_weights_the_embedded_generator_is_not_checked(monkeypatch):
    def absent(name, **_):
        raise PainterError("the embedded generator lacks reader.onnx")

    monkeypatch.setattr("plantain.pipeline.predictor.load", absent)
    check = doctor.embedded()
    assert check.state == "note"
    assert "lacks reader.onnx" in check.found


def test_an_unknown_model_is_said_first():
    with pytest.raises(UnknownName):
        next(doctor.examine("embeded"))


def test_the_sample_photos_are_there():
    assert doctor.SAMPLE.exists()
    photos = sorted(path.name for path in doctor.SAMPLE.parent.glob("*.jpg"))
    assert photos == ["astronaut.jpg", "chelsea.jpg", "coffee.jpg"]
    assert sum(path.stat().st_size for path in doctor.SAMPLE.parent.iterdir()) < 200_000
