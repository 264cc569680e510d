"""What a painter is that has learned from examples: by cheap features, and once by the networks themselves."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import plantain
from plantain.errors import PainterError, UsageError
from plantain.imaging.geometry import Placement
from plantain.models.painters import learned
from plantain.models.painters.embedded import BLANK, FOLDER, Conditions, Embedded
from plantain.models.painters.learned import Learned, Seen, from_file, learn, save
from plantain.models.painting import Painting, Request
from plantain.pipeline.predictor import PainterPredictor
from plantain.predictions.types import Alpha, Depth, Labels
from plantain.tasks import Matting, MetricDepth, ReferringSegmentation, SemanticSegmentation, SurfaceNormals

trained = pytest.mark.skipif(not (FOLDER / "trunk.onnx").exists(), reason="the embedded generator has no weights here")
SIZE = (96, 72)
NAMES = ("red", "blue")
TASK = SemanticSegmentation.of(NAMES)


def scene(seed: int) -> tuple[np.ndarray, Labels]:
    """Red and blue boxes on gray, with their labels."""
    rng = np.random.default_rng(seed)
    photo, ids = np.full((SIZE[1], SIZE[0], 3), 128, np.uint8), np.full(SIZE[::-1], -1, np.int16)
    for i, color in enumerate([(220, 30, 30), (30, 30, 220)]):
        x, y = rng.integers(0, 60), rng.integers(0, 40)
        photo[y : y + 30, x : x + 30], ids[y : y + 30, x : x + 30] = color, i
    return photo, Labels(ids=ids, classes=NAMES, confidence=np.ones(ids.shape, np.float32))


@pytest.fixture
def cheap(monkeypatch) -> Embedded:
    """The embedded generator with colors of cells for features: no network runs."""

    def look(encoder, photo, prompts):
        small = photo.reshape(photo.shape[0] // 14, 14, photo.shape[1] // 14, 14, 3).mean((1, 3)) / 255
        cells = np.concatenate([small, np.ones((*small.shape[:2], 1))], -1).astype(np.float32)
        return Seen((cells, np.zeros((photo.shape[0] // 2, photo.shape[1] // 2, 1), np.float32),
                     photo.astype(np.float32) / 255))  # fmt: skip

    monkeypatch.setattr(learned, "look", look)
    return Embedded()


@pytest.fixture
def colors(cheap) -> Learned:
    return learn(cheap, TASK, [scene(i) for i in range(4)])


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


# ---- answers


def test_what_was_shown_is_answered(colors) -> None:
    photo, truth = scene(9)
    answer = PainterPredictor(colors).predict(photo, TASK)
    assert answer.classes == NAMES
    assert (answer.ids == truth.ids).mean() > 0.97
    assert answer.confidence.mean() > 0.9
    assert answer.painting.model == "learned"
    told = colors.lesson.left_out
    assert told["miou"] > 0.8
    assert set(told["iou"]) == {"red", "blue", "background"}


def test_a_part_of_it_is_answered_in_any_colors(colors) -> None:
    photo, truth = scene(9)
    model = PainterPredictor(colors)
    blue = model.predict(photo, SemanticSegmentation({"blue": (9, 200, 9)}, background=(250, 250, 250)))
    assert iou(blue.mask("blue"), truth.ids == 1) > 0.9
    for question in (ReferringSegmentation("the Blue"), Matting("blue")):
        assert iou(model.predict(photo, question).masks[0], truth.ids == 1) > 0.9
    both = model.predict(photo, SemanticSegmentation.of(NAMES, background=None))
    assert set(np.unique(both.ids)) == {0, 1}
    passes = model.predict(photo, TASK, passes=2)
    assert (passes.ids == truth.ids).mean() > 0.95


@pytest.mark.parametrize(
    ("question", "said"),
    [(SemanticSegmentation.of(["red", "green"]), r"semantic \(green\)"), (MetricDepth(), "not metric-depth"),
     (ReferringSegmentation("the cat"), r"'learned' learned semantic \(red, blue\), not refer \(the cat\)")],
)  # fmt: skip
def test_what_was_not_learned_is_refused(colors, question, said) -> None:
    with pytest.raises(UsageError, match=said):
        PainterPredictor(colors).predict(scene(9)[0], question)


def test_other_requests_are_refused(colors) -> None:
    photo = scene(0)[0]
    requests = [Request(TASK.prompt(), (), (56, 56)), Request(TASK.prompt(), (photo,), SIZE),
                Request(TASK.prompt(), (photo,), SIZE, purpose="edit"), Request("hello", (photo,), SIZE)]  # fmt: skip
    assert all(isinstance(one, PainterError) for one in colors.paint(requests))
    odd = Request(TASK.prompt(), (np.zeros((28, 42, 3), np.uint8),), (42, 28))
    assert "multiples of 28" in str(colors.paint([odd])[0])


def test_masks(cheap) -> None:
    def example(seed):
        photo, truth = scene(seed)
        alpha = (truth.ids == 0)[None].astype(np.float32)
        return photo, Alpha(alpha=alpha, names=("red",), confidence=truth.confidence)

    pairs = [example(i) for i in range(3)]
    model = PainterPredictor(learn(cheap, ReferringSegmentation("red"), pairs))
    photo, truth = scene(9)
    assert iou(model.predict(photo, ReferringSegmentation("red")).masks[0], truth.ids == 0) > 0.9


def test_other_answers_are_painted_as_colors(cheap) -> None:
    def example(seed):
        photo, truth = scene(seed)
        metres = np.where(truth.ids == 0, 2, np.where(truth.ids == 1, 4, 8)).astype(np.float32)
        return photo, Depth(values=metres, valid=truth.confidence > 0, confidence=truth.confidence)

    model = learn(cheap, MetricDepth(code="log-gray"), [example(i) for i in range(4)])
    assert set(model.lesson.left_out) == {"error"}
    photo, truth = example(9)
    answer = PainterPredictor(model).predict(photo, MetricDepth())
    assert (np.abs(answer.values / truth.values - 1) < 0.15).mean() > 0.9
    with pytest.raises(UsageError, match="log-gray/1"):
        PainterPredictor(model).predict(photo, MetricDepth(code="cube"))
    with pytest.raises(UsageError, match="not normals"):
        PainterPredictor(model).predict(photo, SurfaceNormals())


def test_unknown_pixels_teach_nothing(cheap) -> None:
    """Half of a truth is wrong, and said to be unknown."""

    def example(seed, lie):
        photo, truth = scene(seed)
        ids, sure = truth.ids.copy(), truth.confidence.copy()
        ids[:, :40], sure[:, :40] = lie, 0
        return photo, replace(truth, ids=ids, confidence=sure)

    one, other = (learn(cheap, TASK, [example(i, lie) for i in range(4)]) for lie in (0, 1))
    np.testing.assert_allclose(one.lesson.fit.weights, other.lesson.fit.weights, atol=1e-5)


def test_a_photo_of_another_shape_lies_within_its_canvas(cheap) -> None:
    """Padding, which is no part of the photo, teaches nothing either."""
    photo, truth = scene(1)
    tall = (
        np.concatenate([photo] * 6),
        replace(truth, ids=np.concatenate([truth.ids] * 6), confidence=np.ones((432, 96), np.float32)),
    )
    where = Placement((10, 40), (28, 56), (7, 0, 21, 56))
    assert learned.inside(where).sum() == 14 * 56
    assert learned.on_canvas(np.arange(400).reshape(40, 10), where).shape == (56, 28)
    model = PainterPredictor(learn(cheap, TASK, [tall, tall]))
    assert (model.predict(tall[0], TASK).ids == tall[1].ids).mean() > 0.9


# ---- the file


def test_a_file_answers_the_same(colors, cheap, tmp_path) -> None:
    save(colors.lesson, tmp_path / "boxes.npz")
    again = from_file(str(tmp_path / "boxes.npz"))
    assert again.identity.name == "boxes"
    assert again.identity.adapter_weights == colors.identity.adapter_weights
    assert vars(again.lesson.fit).keys() == vars(colors.lesson.fit).keys()
    np.testing.assert_array_equal(again.lesson.fit.weights, colors.lesson.fit.weights)
    assert again.lesson.calibration == colors.lesson.calibration
    photo = scene(9)[0]
    one, other = (PainterPredictor(model).predict(photo, TASK) for model in (colors, again))
    np.testing.assert_array_equal(one.painting.pixels, other.painting.pixels)
    np.testing.assert_array_equal(one.confidence, other.confidence)
    assert plantain.load(str(tmp_path / "boxes.npz")).identity == again.identity
    assert (tmp_path / "boxes.npz").stat().st_size < 100_000


def test_other_examples_are_another_identity(colors, cheap) -> None:
    other = learn(cheap, TASK, [scene(i) for i in range(5)])
    assert other.identity != colors.identity
    assert other.identity.weights == colors.identity.weights == cheap.identity.weights


def test_files_that_do_not_fit_are_one_line(colors, tmp_path, monkeypatch) -> None:
    path = tmp_path / "x.npz"
    with pytest.raises(UsageError, match="no such file"):
        from_file(str(path))
    path.write_bytes(b"nothing")
    with pytest.raises(UsageError, match="no file of `plantain learn`"):
        from_file(str(path))
    np.savez(path, ids=np.zeros(3))
    with pytest.raises(UsageError, match="no file of `plantain learn`"):
        plantain.load(str(path))
    save(replace(colors.lesson, encoder="0123456789"), path)
    with pytest.raises(UsageError, match=r"another encoder \(01234567, not") as told:
        from_file(str(path))
    assert "\n" not in str(told.value)
    monkeypatch.setattr(learned, "VERSION", 2)
    with pytest.raises(UsageError, match="version 1"):
        from_file(str(path))


def test_what_stands_in_the_file_is_said(colors) -> None:
    told = json.loads(json.dumps(learned.about(colors.lesson)))
    assert told["names"] == ["red", "blue"]
    assert (told["task"], told["code"], told["rest"], told["examples"]) == ("semantic", "legend/1", True, 4)
    assert told["encoder"] == colors.encoder.identity.weights


# ---- parts of it


@given(st.integers(2, 12), st.integers(0, 1000))
def test_a_mixture_stays_nearest_to_the_best_color(count, seed) -> None:
    rng = np.random.default_rng(seed)
    colors = np.unique(rng.integers(0, 256, (count, 3)), axis=0).astype(np.float32)
    values = rng.dirichlet(np.ones(len(colors)), (4, 5)).astype(np.float32)
    painted = learned.mixed(values, colors)
    away = np.linalg.norm(painted[..., None, :].astype(np.float32) - colors, axis=-1)
    best = np.take_along_axis(away, values.argmax(-1)[..., None], -1)[..., 0]
    assert (best <= away.min(-1) + 1).all()  # 8 bits
    assert (best <= learned.DOUBT + 1).all()


def test_a_sure_pixel_has_the_pure_color() -> None:
    colors = np.array([[255, 0, 0], [0, 0, 255]], np.float32)
    sure, halves = learned.mixed(np.array([[[1, 0], [0.5, 0.5]]], np.float32), colors)[0]
    assert sure.tolist() == [255, 0, 0]
    assert np.linalg.norm(halves - colors[0]) == pytest.approx(learned.DOUBT, abs=1)


def test_shares_by_hand() -> None:
    ids, known = np.zeros((14, 28), np.int16), np.ones((14, 28), bool)
    ids[:7, 14:], known[:, 21:] = 1, False
    means, share = learned.shares(ids, known, 2)
    assert means.tolist() == [[1, 0], [0.5, 0.5]]
    assert share.tolist() == [1, 0.5]
    values = np.stack([ids, 1 - ids], -1).astype(np.float32)
    np.testing.assert_allclose(learned.shares(values, known, 2)[0], [[0, 1], [0.5, 0.5]])


def test_features_of_cells_are_means_of_the_finer_ones() -> None:
    rng = np.random.default_rng(0)
    maps = tuple(rng.random((rows, columns, 2), np.float32) for rows, columns in ((2, 3), (4, 6), (28, 42)))
    seen, weights = Seen(maps), rng.random((6, 2), np.float32)
    assert seen.cells().shape == (6, 6)
    np.testing.assert_allclose(seen.cells()[1, 2:4], maps[1][:2, 2:4].mean((0, 1)), rtol=1e-5)
    flat = Seen(tuple(np.broadcast_to(m[:1, :1], m.shape).copy() for m in maps))
    scores = flat.scores(weights, (9, 5))
    np.testing.assert_allclose(scores, np.broadcast_to(flat.cells()[0] @ weights, (5, 9, 2)), rtol=1e-4)


def test_lines_are_found_in_any_light() -> None:
    photo = np.full((60, 80, 3), 180.0)
    photo[:, 40:42] *= 0.5  # a dark line
    photo[20:22] = np.minimum(photo[20:22] * 1.4, 255)  # a bright one
    bright = learned.lines(photo.astype(np.uint8))
    dark = learned.lines((photo * 0.6).astype(np.uint8))
    assert bright[40, 40, 0] > 5 * bright[40, 60, 0]
    assert bright[20, 10, 1] > 5 * bright[40, 10, 1]
    assert bright[40, 40, 1] < 0.2 * bright[40, 40, 0]
    np.testing.assert_allclose(bright, dark, atol=0.1 * bright.max())


def test_blurring_is_scipys() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    plane = np.random.default_rng(0).random((30, 40), np.float32)
    wanted = ndimage.gaussian_filter(plane, 2.0, mode="nearest", radius=6)
    np.testing.assert_allclose(learned.blurred(plane, 2.0), wanted, atol=1e-5)


# ---- by the networks


@trained
def test_what_is_copied_makes_the_painting() -> None:
    """The painting is what is painted freely, and the colors of the prompt by their shares."""
    encoder = Embedded(threads=2)
    tokens = encoder.words.read(SemanticSegmentation.of(["cat", "wall", "cup"]).prompt())
    photo = np.asarray(Image.open("src/plantain/samples/chelsea.jpg").resize((84, 56)))
    conditions = Conditions(encoder, photo, tokens, (84, 56))
    planes = learned.copied(conditions)
    assert planes.shape == (56, 84, 3 + len(tokens.colors))
    whole = conditions.paint(np.full((56, 84, 3), BLANK, np.float32), 0.0)
    np.testing.assert_allclose(planes[..., :3] + planes[..., 3:] @ tokens.colors, whole, atol=2e-3)
    assert planes[..., 3:].sum(-1).max() < 1.01


@trained
def test_two_photographs_teach_what_a_third_shows() -> None:
    """Fur and what is no fur, by the upper and lower halves of the cat; then the cat mirrored."""
    photo = np.asarray(Image.open("src/plantain/samples/chelsea.jpg"))
    hsv = np.asarray(Image.fromarray(photo).convert("HSV"), int)
    ids = np.where(hsv[..., 1] > 90, 0, -1).astype(np.int16)
    sure = np.ones(ids.shape, np.float32)
    half = photo.shape[1] // 2
    pairs = [(photo[:, part], Labels(ids=ids[:, part], classes=("fur",), confidence=sure[:, part]))
             for part in (slice(None, half), slice(half, None))]  # fmt: skip
    task = SemanticSegmentation.of(["fur"])
    model = PainterPredictor(learn(Embedded(threads=2), task, pairs))
    answer = model.predict(photo[:, ::-1], task)
    assert isinstance(answer.painting, Painting)
    assert iou(answer.mask("fur"), ids[:, ::-1] == 0) > 0.5
