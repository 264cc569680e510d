"""The painters that need no weights, and the table that loads them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from PIL import Image

import plantain
from plantain.errors import MissingExtra, PainterError, UnknownName, UsageError
from plantain.models import MODELS, ModelSpec, Painter, load, rows
from plantain.models.painters.cached import Cached
from plantain.models.painters.function import Function
from plantain.models.painters.oracle import Oracle
from plantain.models.painting import Painting, Request
from plantain.pipeline.predictor import PainterPredictor
from plantain.predictions.calibration import Fit
from plantain.predictions.resample import nearest
from plantain.predictions.types import Depth
from plantain.tasks import MetricDepth, SurfaceNormals

SIZE = (40, 30)
SLOPE = np.repeat(np.linspace(1, 9, 30, dtype=np.float32)[:, None], 40, 1)
TRUTH = Depth(values=SLOPE, valid=np.ones(SLOPE.shape, bool), confidence=np.ones(SLOPE.shape, np.float32))
PHOTO = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)


def ask(prompt: str = MetricDepth(code="log-gray").prompt(), size=SIZE, **more) -> Request:
    return Request(prompt, (PHOTO,), size, **more)


def painted(painter: Painter, request: Request) -> np.ndarray:
    (made,) = painter.paint([request])
    assert isinstance(made, Painting), made
    return made.rgb


# ---- the table


def test_a_name_that_is_not_there_gets_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'embedded'"):
        load("embeded")


def test_a_missing_package_names_its_extra(monkeypatch) -> None:
    monkeypatch.setitem(MODELS, "fancy", ModelSpec("fancy", "no_such_package:Painter", "x", extra="train"))
    with pytest.raises(MissingExtra, match="pip install"):
        load("fancy")
    monkeypatch.setitem(MODELS, "broken", ModelSpec("broken", "no_such_package:Painter", "x"))
    with pytest.raises(PainterError, match="no_such_package"):
        load("broken")


def test_options_that_a_model_does_not_take_are_refused() -> None:
    with pytest.raises(UsageError, match="sharpness"):
        load("oracle", truth=TRUTH, sharpness=3)
    with pytest.raises(UsageError, match="truth"):
        load("oracle")
    with pytest.raises(UsageError, match="folder"):
        load("cached")


def test_other_packages_add_painters(monkeypatch) -> None:
    class Entry:
        name, value = "theirs", "plantain.models.painters.oracle:Oracle"

    monkeypatch.setattr(
        "plantain.models.registry.entry_points", lambda group: [Entry] if group == "plantain.models" else []
    )
    assert next(iter(rows())) == "theirs"
    assert "embedded" in rows()
    assert isinstance(load("theirs", truth=TRUTH), Oracle)


@pytest.mark.parametrize("name", MODELS)
def test_rows_are_complete(name: str) -> None:
    row = MODELS[name]
    assert row.name == name
    assert row.summary.endswith(".")
    assert row.license


# ---- the oracle


def test_the_oracle_paints_the_truth_in_the_code_that_is_asked_for() -> None:
    for code in ("cube", "log-gray", "plasma"):
        task = MetricDepth(code=code)
        assert np.array_equal(painted(Oracle(TRUTH), ask(task.prompt())), task.encode(TRUTH))


def test_a_truth_of_another_kind_is_an_error_of_that_request() -> None:
    (error,) = Oracle(TRUTH).paint([ask(SurfaceNormals().prompt())])
    assert isinstance(error, PainterError)
    assert "oracle" in str(error)


def test_another_size_takes_nearest_pixels() -> None:
    rgb = np.array([[[0, 0, 0], [90, 90, 90]]], np.uint8)
    assert nearest(rgb, (4, 2))[..., 0].tolist() == [[0, 0, 90, 90]] * 2


def test_noise_has_its_sigma_and_follows_the_seed() -> None:
    gray = np.full((200, 200, 3), 128, np.uint8)
    worn = painted(Oracle(gray, noise=6.0), Request("", (), (200, 200), seed=3))
    assert np.std(worn.astype(float) - 128) == pytest.approx(6.0, rel=0.02)
    again = painted(Oracle(gray, noise=6.0), Request("", (), (200, 200), seed=3))
    other = painted(Oracle(gray, noise=6.0), Request("", (), (200, 200), seed=4))
    assert np.array_equal(worn, again)
    assert not np.array_equal(worn, other)


def test_blur_is_pillows_and_jpeg_is_pillows() -> None:
    from PIL import ImageFilter

    want = np.asarray(Image.fromarray(PHOTO).filter(ImageFilter.GaussianBlur(2)))
    assert np.array_equal(painted(Oracle(PHOTO, blur=2), ask()), want)
    buffer = io.BytesIO()
    Image.fromarray(PHOTO).save(buffer, "JPEG", quality=60)
    assert np.array_equal(painted(Oracle(PHOTO, jpeg=60), ask()), np.asarray(Image.open(buffer)))


def test_shift_moves_right_and_down() -> None:
    rgb = np.zeros((20, 20, 3), np.uint8)
    rgb[5, 5] = 200
    assert painted(Oracle(rgb, shift=2.0), Request("", (), (20, 20)))[7, 7, 0] == 200
    half = painted(Oracle(rgb, shift=0.5), Request("", (), (20, 20)))[..., 0]
    assert half[5:7, 5:7].tolist() == [[50, 50], [50, 50]]


def test_gain_and_hue() -> None:
    rgb = np.full((4, 4, 3), (200, 40, 40), np.uint8)
    assert painted(Oracle(rgb, gain=0.9), Request("", (), (4, 4)))[0, 0].tolist() == [180, 36, 36]
    turned = painted(Oracle(rgb, hue=120), Request("", (), (4, 4)))[0, 0]
    assert turned.tolist() == [40, 200, 40]  # a third of the circle takes red to green
    gray = np.full((4, 4, 3), 77, np.uint8)
    assert painted(Oracle(gray, hue=33), Request("", (), (4, 4)))[0, 0].tolist() == [77, 77, 77]


# ---- a function


def test_a_function_gets_photo_prompt_and_seed() -> None:
    seen = []

    def paint(photo, prompt, seed):
        seen.append((photo.shape, prompt, seed))
        return photo.astype(np.float32) / 255

    painter = Function(paint, name="mine", multiple=8, side=32)
    assert painter.canvas(640, 480) == (32, 24)
    assert painter.canvas(21, 10) == (24, 8)
    (made,) = painter.paint([ask("hello", seed=5)])
    assert seen == [((30, 40, 3), "hello", 5)]
    assert painter.identity.name == "mine"
    assert np.array_equal(made.rgb, PHOTO)


def test_a_function_that_fails_fails_alone() -> None:
    def paint(photo, prompt, seed):
        if seed == 1:
            raise RuntimeError("out of memory")
        return photo

    first, second, third = Function(paint).paint([ask(seed=s) for s in range(3)])
    assert isinstance(first, Painting)
    assert isinstance(third, Painting)
    assert isinstance(second, PainterError)
    assert "RuntimeError: out of memory" in str(second)


def test_a_function_that_gives_no_picture_is_an_error() -> None:
    (error,) = Function(lambda photo, prompt, seed: np.zeros(5)).paint([ask()])
    assert isinstance(error, PainterError)
    assert "(5,)" in str(error)


def shaded(level, inner=False, words=("a",), default=0):
    """A function that paints a shade, told in one of several ways."""
    if inner:
        return lambda photo, prompt, seed, shade=default: (lambda: np.full_like(photo, shade))()
    return lambda photo, prompt, seed: np.full_like(photo, level if prompt in words else 0)


def test_what_a_function_does_and_with_which_values_is_its_identity() -> None:
    """Equal bytes of code are not enough: constants, defaults and what it was made with tell functions apart."""
    functions = [
        lambda photo, prompt, seed: np.full_like(photo, 255), lambda photo, prompt, seed: np.full_like(photo, 0),
        lambda photo, prompt, seed: np.stack([np.zeros_like(photo) for _ in range(1)]),
        lambda photo, prompt, seed: np.stack([np.ones_like(photo) for _ in range(1)]),
        lambda photo, prompt, seed: photo if prompt in {"a", "b"} else 255 - photo,
        lambda photo, prompt, seed: photo if prompt in {"a", "c"} else 255 - photo,
        shaded(1), shaded(2), shaded(1, inner=True), shaded(1, inner=True, default=7),
    ]  # fmt: skip
    assert len({Function(one).identity.key for one in functions}) == len(functions)
    assert Function(shaded(1)).identity == Function(shaded(1)).identity


def test_the_identity_of_a_function_is_the_same_in_every_process() -> None:
    script = (
        "from plantain.models.painters.function import Function\n"
        "print(Function(lambda photo, prompt, seed: photo if prompt in {'a', 'b', 'c', 'd'} else None).identity.key)"
    )
    run = [sys.executable, "-c", script]
    told = {subprocess.check_output(run, env=os.environ | {"PYTHONHASHSEED": seed}) for seed in ("1", "2", "3")}
    assert len(told) == 1


# ---- the cache


class Counting(Oracle):
    calls = 0

    def paint(self, requests):
        self.calls += len(requests)
        return super().paint(requests)


def test_nothing_is_painted_twice(tmp_path) -> None:
    painter = Counting(TRUTH)
    cached = Cached(painter, tmp_path)
    requests = [ask(seed=s) for s in (0, 1, 0)]
    first = cached.paint(requests[:2])
    second = Cached(painter, tmp_path).paint(requests)
    assert painter.calls == 2
    assert all(np.array_equal(a.rgb, b.rgb) for a, b in zip(second, [*first, first[0]], strict=True))
    assert second[0].model == "oracle"


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "other"},
        {"seed": 9},
        {"sampling": {"steps": 3}},
        {"purpose": "edit"},
        {"images": (PHOTO[::-1].copy(),)},
        {"images": (PHOTO, PHOTO)},
        {"mask": np.zeros((30, 40), bool)},
        {"size": (41, 30)},
    ],
)
def test_whatever_changes_the_painting_changes_its_place(tmp_path, change) -> None:
    cached = Cached(Counting(TRUTH), tmp_path)
    assert cached.path(ask()) != cached.path(replace(ask(), **change))
    assert cached.path(ask()) == cached.path(ask())


def test_a_damaged_file_is_painted_again_and_failures_are_not_kept(tmp_path) -> None:
    painter = Counting(TRUTH)
    cached = Cached(painter, tmp_path)
    cached.paint([ask()])
    cached.path(ask()).write_bytes(b"junk")
    assert isinstance(cached.paint([ask()])[0], Painting)
    assert painter.calls == 2
    wrong = ask(SurfaceNormals().prompt())
    assert isinstance(cached.paint([wrong])[0], PainterError)
    assert not cached.path(wrong).exists()


def test_a_predictor_can_be_cached(tmp_path) -> None:
    model = plantain.load("cached", painter=plantain.load("oracle", truth=TRUTH), folder=tmp_path)
    answer = model.predict(PHOTO, "metric depth")
    assert np.allclose(answer.metres, SLOPE, rtol=0.02)
    assert answer.painting.model == "oracle"


def test_a_cached_painter_is_calibrated_as_it_was_and_not_where_that_is_not_wanted(tmp_path) -> None:
    class Doubtful(Oracle):
        calibration = MappingProxyType({"metric-depth": Fit((0.0, 1.0), (0.0, 0.5))})

    def confidence(painter, **options) -> float:
        model = plantain.load("cached", painter=painter, folder=tmp_path, **options)
        return float(model.predict(PHOTO, "metric depth").confidence.mean())

    painter = Doubtful(TRUTH)
    plain = confidence(painter, calibrated=False)
    assert confidence(painter) == pytest.approx(plain / 2)
    assert confidence(PainterPredictor(painter)) == pytest.approx(plain / 2)
    assert confidence(PainterPredictor(painter), calibrated=False) == pytest.approx(plain)
    assert confidence(PainterPredictor(painter, {})) == pytest.approx(plain)


# ---- a callable from the command line

MINE = """
import numpy as np
from plantain.models import Identity, Painter
from plantain.models.painting import Painting
nothing = 3

def white(photo, prompt, seed):
    return np.full_like(photo, 255)

class Black(Painter):
    identity = Identity("black")
    def canvas(self, width, height):
        return width, height
    def paint(self, requests):
        return [Painting(np.zeros((r.size[1], r.size[0], 3), np.uint8)) for r in requests]
"""


def test_a_callable_by_its_place_is_a_painter(tmp_path, monkeypatch):
    (tmp_path / "my_generator.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))
    white, black = (plantain.load(f"my_generator:{name}") for name in ("white", "Black"))
    assert white.name == "white"
    assert white.predict(PHOTO, "segment the cup").masks.all()
    assert not black.predict(PHOTO, "segment the cup").masks.any()
    assert plantain.load("my_generator:white", multiple=8).model.canvas(30, 23) == (32, 24)
    for place, part in (
        ("my_generator:whit", "did you mean 'white'"), ("my_generator:nothing", "is no function"),
        ("no_such_module:paint", "No module named 'no_such_module'"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=part):
            plantain.load(place)
    with pytest.raises(UsageError, match="multple"):
        plantain.load("my_generator:white", multple=8)
