"""Photo to answer and back, with painters whose truth is known: sizes, tiles, samples, passes, errors."""

from __future__ import annotations

import warnings
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

import plantain
from plantain.errors import CodeMismatch, PainterError, UsageError
from plantain.models.painters.embedded import Embedded
from plantain.models.painters.function import Function
from plantain.models.painters.oracle import Oracle
from plantain.models.painting import Painting
from plantain.pipeline.jobs import Job, PredictOptions
from plantain.pipeline.predictor import PainterPredictor
from plantain.predictions.types import Depth
from plantain.tasks import TASKS, MetricDepth, SemanticSegmentation
from plantain.tasks.language.parsing import parse

PHOTO = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)


def slope(width=80, height=60) -> Depth:
    metres = np.broadcast_to(np.linspace(1, 6, height, dtype=np.float32)[:, None], (height, width)).copy()
    return Depth(values=metres, valid=np.ones(metres.shape, bool), confidence=np.ones(metres.shape, np.float32))


class Canvas(Oracle):
    """An oracle that paints on one canvas size only."""

    def canvas(self, width, height):
        return 96, 64


def by_brightness(photo, prompt, seed):
    """Depth that depends on the photo alone: 1 m where it is black, 9 m where it is white."""
    return parse(prompt).encode(1 + 8 * photo.mean(-1) / 255)


# ---- one photo


def test_a_question_in_words_and_its_answer() -> None:
    answer = PainterPredictor(Oracle(slope())).predict(PHOTO, "how far is everything?")
    assert isinstance(answer, Depth)
    assert np.allclose(answer.metres, slope().metres, rtol=0.01)
    assert (answer.task, answer.stem) == ("metric-depth", "photo")
    assert answer.painting.code == "cube/1"
    assert answer.painting.prompt == MetricDepth(code="cube").prompt()


def test_the_painters_favourite_code_is_used_unless_another_is_asked_for() -> None:
    model = PainterPredictor(Oracle(slope(), codes={"metric-depth": "log-gray"}))
    assert model.predict(PHOTO, "metric depth").painting.code == "log-gray/1"
    assert model.predict(PHOTO, MetricDepth(code="cube")).painting.code == "cube/1"


@pytest.mark.parametrize("size", [(80, 60), (60, 80), (200, 31), (7, 90), (1, 1)])
def test_the_answer_has_the_photos_size(size) -> None:
    width, height = size
    model = PainterPredictor(Function(by_brightness, multiple=16, side=64))
    ramp = np.linspace(0, 255, width)[None, :, None] * np.ones((height, 1, 3))
    answer = model.predict(ramp.astype(np.uint8), "metric depth")
    assert answer.metres.shape == (height, width)
    want = 1 + 8 * ramp.mean(-1) / 255
    assert np.median(np.abs(answer.metres - want) / want) < 0.12


def test_what_is_asked_for_by_path_is_named_after_it(tmp_path) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "kitchen.png")
    answer = PainterPredictor(Oracle(slope())).predict(tmp_path / "kitchen.png", "metric depth")
    files = answer.save(tmp_path / "out")
    assert files["arrays"].name == "kitchen.metric-depth.npz"


def test_a_canvas_of_another_size_than_asked_for_is_taken_as_it_is() -> None:
    model = PainterPredictor(Function(lambda photo, prompt, seed: parse(prompt).encode(slope(40, 30))))
    answer = model.predict(PHOTO, "metric depth")
    assert answer.metres.shape == (60, 80)
    assert np.allclose(answer.metres, slope().metres, atol=0.15)
    assert answer.painting.geometry["canvas"] == [40, 30]


def test_samples_are_merged_and_their_spread_is_doubt() -> None:
    def shaky(photo, prompt, seed):
        return parse(prompt).encode(np.full(photo.shape[:2], 2.0 + seed, np.float32))

    answer = PainterPredictor(Function(shaky)).predict(PHOTO, "metric depth", samples=3, seed=1)
    assert np.allclose(answer.metres, 4.0, rtol=0.01)  # seeds 1, 2, 3 say 3, 4, 5 m
    one = PainterPredictor(Function(shaky)).predict(PHOTO, "metric depth", seed=2)
    assert answer.confidence.mean() < one.confidence.mean()


def test_passes_unmix_what_a_mean_painter_believes() -> None:
    rng = np.random.default_rng(3)
    belief = rng.dirichlet(np.ones(5) * 0.4, (60, 80))

    def mean_painter(photo, prompt, seed):
        return (belief @ np.array(parse(prompt).colors)).round().astype(np.uint8)

    model = PainterPredictor(Function(mean_painter))
    names = [f"class {i}" for i in range(5)]
    one = model.predict(PHOTO, SemanticSegmentation.of(names, None))
    four = model.predict(PHOTO, SemanticSegmentation.of(names, None), passes=4)
    assert (four.ids == belief.argmax(-1)).mean() > 0.97 > (one.ids == belief.argmax(-1)).mean()
    assert np.abs(four.probabilities - belief).mean() < 0.02


def test_more_classes_than_a_painting_holds_are_asked_in_groups() -> None:
    names = [f"class {i}" for i in range(70)]
    truth = np.random.default_rng(0).integers(0, 70, (60, 80))
    labels = plantain.Labels(ids=truth, classes=tuple(names), confidence=np.ones(truth.shape, np.float32))
    answer = PainterPredictor(Oracle(labels)).predict(PHOTO, SemanticSegmentation.of(names))
    assert answer.classes == tuple(names)
    assert (answer.ids == truth).all()


def test_a_question_without_a_legend_is_not_painted_twice_for_passes() -> None:
    calls = []
    model = PainterPredictor(
        Function(lambda photo, prompt, seed: (calls.append(seed), by_brightness(photo, prompt, seed))[1])
    )
    model.predict(PHOTO, "metric depth", passes=4)
    assert calls == [0]


def test_tiles_are_finer_than_the_whole() -> None:
    """A painter with a small canvas loses thin stripes; tiles keep them, at the whole's scale."""
    levels = np.linspace(60, 180, 256)[:, None] + np.where(np.arange(256) // 2 % 2, 30, -30)[None]
    stripes = np.repeat(levels[..., None], 3, -1).astype(np.uint8)
    model = PainterPredictor(Function(by_brightness, side=64))
    want = 1 + 8 * stripes.mean(-1) / 255
    whole = np.abs(model.predict(stripes, "metric depth").metres - want).mean()
    tiled = model.predict(stripes, "metric depth", tile=64)
    assert tiled.metres.shape == (256, 256)
    assert np.abs(tiled.metres - want).mean() < 0.6 * whole


class Twice(Function):
    """A painter that gains by a second look in one task."""

    parts: ClassVar = {"matte": 0.6}


def test_high_quality_looks_again_only_where_the_painter_gains() -> None:
    """A bright dot that a small canvas blurs is sharper after a second look; depth is painted as usual."""
    photo = np.zeros((200, 200, 3), np.uint8)
    photo[40:43, 40:43] = 255
    model = PainterPredictor(Twice(lambda shown, prompt, seed: shown, side=64))
    once, twice = (model.predict(photo, "matte of the dot", quality=quality) for quality in ("usual", "high"))
    error = [np.abs(one.alpha[0] - photo[..., 0] / 255).mean() for one in (once, twice)]
    assert error[1] < 0.9 * error[0]
    asked = [("matte of the dot", {}, 5), ("metric depth", {}, 1), ("matte of the dot", {"tile": 100}, 10)]
    for task, more, paintings in asked:  # tiles that are asked for stand
        job = Job("a", photo, task, PredictOptions(quality="high", **more))
        assert len(model.prepare(job).requests) == paintings


def test_the_embedded_generators_parts_are_tasks() -> None:
    assert set(Embedded.parts) <= set(TASKS)
    assert all(0.5 < share < 1 for share in Embedded.parts.values())


@pytest.mark.parametrize("options", [{"samples": 0}, {"passes": 0}, {"seed": -1}, {"tile": 8}, {"quality": "best"}])
def test_numbers_that_make_no_sense(options) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        PainterPredictor(Oracle(slope())).predict(PHOTO, "metric depth", **options)


def test_who_failed_is_said() -> None:
    def broken(photo, prompt, seed):
        raise ValueError("no")

    with pytest.raises(PainterError, match="'shaky' failed: ValueError: no"):
        PainterPredictor(Function(broken, name="shaky")).predict(PHOTO, "normals")

    class Short(Oracle):
        def paint(self, requests):
            return []

    with pytest.raises(PainterError, match="gave 0 paintings for 1"):
        PainterPredictor(Short(slope())).predict(PHOTO, "metric depth")

    class Crash(Oracle):
        def paint(self, requests):
            raise MemoryError("all gone")

    with pytest.raises(PainterError, match="MemoryError: all gone"):
        PainterPredictor(Crash(slope())).predict(PHOTO, "metric depth")


# ---- pictures


def test_generate_and_its_size() -> None:
    def paint(photo, prompt, seed):
        assert photo is None
        return np.full((64, 96, 3), seed, np.uint8)

    model = PainterPredictor(Function(paint))
    made = model.generate("a chair", seed=7)
    assert made.rgb.shape == (64, 96, 3)
    assert (made.rgb == 7).all()
    assert made.prompt == "a chair"
    assert model.generate("a chair", size=(50, 40)).rgb.shape == (40, 50, 3)


def test_an_edit_keeps_what_is_too_fine_for_the_canvas() -> None:
    """A painter that darkens by 40 on a quarter-size canvas must not blur the photo."""
    rng = np.random.default_rng(1)
    sharp = rng.integers(90, 160, (128, 128, 3), dtype=np.uint8)
    model = PainterPredictor(Function(lambda photo, prompt, seed: photo - 40, side=32))
    made = model.edit(sharp, "darken")
    assert made.rgb.shape == sharp.shape
    assert np.abs(made.rgb.astype(int) - (sharp.astype(int) - 40)).max() <= 2


def test_an_edit_keeps_to_its_mask() -> None:
    mask = np.zeros((60, 80), bool)
    mask[10:30, 20:50] = True
    made = PainterPredictor(Function(lambda photo, prompt, seed: np.zeros_like(photo))).edit(
        PHOTO, "remove it", mask=mask
    )
    assert (made.rgb[mask] == 0).all()
    assert np.array_equal(made.rgb[~mask], PHOTO[~mask])
    with pytest.raises(UsageError, match="mask"):
        PainterPredictor(Oracle(PHOTO)).edit(PHOTO, "x", mask=mask[1:])


@pytest.mark.parametrize(("text", "factor"), [("super-resolve x4", 4), ("upscale", 4), ("enlarge x2", 2)])
def test_an_enlargement_is_larger(text, factor) -> None:
    made = PainterPredictor(Function(lambda photo, prompt, seed: photo)).edit(PHOTO, text)
    assert made.rgb.shape == (60 * factor, 80 * factor, 3)


# ---- paintings from anywhere


def test_decode_of_arrays_files_and_paintings(tmp_path) -> None:
    rgb = MetricDepth().encode(slope())
    Image.fromarray(rgb).save(tmp_path / "painted.png")
    for painting in (rgb, rgb.astype(np.float32) / 255, str(tmp_path / "painted.png"), Painting(rgb)):
        assert np.allclose(plantain.decode(painting, MetricDepth()).metres, slope().metres, rtol=0.01)
    assert plantain.decode(str(tmp_path / "painted.png"), "metric depth").stem == "painted"


def test_a_painting_says_its_code_and_its_place(tmp_path) -> None:
    answer = PainterPredictor(Canvas(slope(), codes={"metric-depth": "plasma"})).predict(PHOTO, "metric depth")
    files = answer.save(tmp_path)
    read = plantain.decode(files["painting"], "metric depth")
    assert read.metres.shape == (60, 80)
    assert np.allclose(read.metres, answer.metres, rtol=0.1)
    with pytest.raises(CodeMismatch, match=r"plasma/1.*cube/1"):
        plantain.decode(files["painting"], MetricDepth(code="cube"))
    with pytest.raises(CodeMismatch, match="plasma/1"):
        plantain.decode(files["painting"], "normals")


def test_a_painting_that_went_through_jpeg_is_doubted(tmp_path) -> None:
    rgb = MetricDepth().encode(slope())
    Image.fromarray(rgb).save(tmp_path / "p.jpg", quality=95)
    with pytest.warns(UserWarning, match="JPEG"):
        lossy = plantain.decode(tmp_path / "p.jpg", "metric depth")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clean = plantain.decode(rgb, "metric depth")
    assert lossy.confidence.mean() < 0.75 * clean.confidence.mean()
