"""Photos go onto the canvas; answers of every kind come back to the photo's pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from plantain.errors import UsageError
from plantain.imaging.geometry import Placement, place, placement
from plantain.predictions.resample import restore
from plantain.predictions.types import Alpha, Keypoints, Labels, Normals, Panoptic, Prediction
from scenes import depth, mask, on_photo, sizes, sure, things

# ---- the canvas


def test_near_aspects_are_stretched_and_others_padded():
    assert placement((640, 480), (294, 224)).box == (0, 0, 294, 224)
    assert placement((100, 50), (200, 200)).box == (0, 50, 200, 150)
    assert placement((50, 100), (200, 200)).box == (50, 0, 150, 200)
    assert placement((1000, 1), (140, 462)).box == (0, 230, 140, 231)  # a line keeps a pixel
    assert placement((1, 5000), (462, 140)).box == (230, 0, 231, 140)


def test_points_by_hand():
    where = placement((100, 50), (200, 200))
    assert where.to_canvas(np.array([[10, 10], [0, 0], [100, 50]])).tolist() == [[20, 70], [0, 50], [200, 150]]
    assert where.to_photo(np.array([[20, 70], [0, 0]])).tolist() == [[10, 10], [0, -25]]


@given(sizes, sizes, st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)), min_size=1, max_size=5))
def test_points_go_there_and_back(size, canvas, points):
    where = placement(size, canvas)
    xy = np.array(points)
    np.testing.assert_allclose(where.to_photo(where.to_canvas(xy)), xy, atol=1e-6)
    corners = where.to_canvas(np.array([[0, 0], size]))
    np.testing.assert_allclose(corners.ravel(), where.box, atol=1e-9)


@given(sizes, sizes)
def test_the_photo_lies_inside_its_canvas_in_its_shape(size, canvas):
    where = placement(size, canvas)
    x0, y0, x1, y1 = where.box
    assert 0 <= x0 < x1 <= canvas[0] and 0 <= y0 < y1 <= canvas[1]
    assert x1 - x0 == canvas[0] or y1 - y0 == canvas[1]
    assert abs((canvas[0] - x1) - x0) <= 1 and abs((canvas[1] - y1) - y0) <= 1
    sx, sy = where.scale
    whole_pixels = 1 + 1 / min(x1 - x0, y1 - y0)  # a side is a whole number of pixels
    assert 1 / (1.1201 * whole_pixels) < sx / sy < 1.1201 * whole_pixels or min(x1 - x0, y1 - y0) == 1


@given(sizes, sizes)
def test_a_placement_is_kept_as_json(size, canvas):
    where = placement(size, canvas)
    assert Placement.from_json(where.to_json()) == where


def test_padding_repeats_the_border():
    photo = np.zeros((4, 2, 3), np.uint8)
    photo[0], photo[-1], photo[1:3, 0] = 50, 200, 90
    shown = place(np.repeat(np.repeat(photo, 20, 0), 20, 1), placement((40, 80), (80, 80)))
    assert shown.shape == (80, 80, 3)
    assert (shown[:10, :20] == 50).all() and (shown[-10:] == 200).all()
    assert (shown[30:50, :20] == shown[30:50, 20:21]).all()


def test_a_photo_of_the_canvas_size_is_shown_as_it_is():
    photo = np.random.default_rng(0).integers(0, 256, (21, 28, 3), dtype=np.uint8)
    assert np.array_equal(place(photo, placement((28, 21), (28, 21))), photo)


# ---- answers back


def on_canvas(where, height=None):
    """The photo's coordinates, 0..1 along each side, at the canvas's pixel centres."""
    cw, ch = where.canvas
    (x0, y0, x1, y1) = where.box
    y, x = np.mgrid[:ch, :cw] + 0.5
    return (x - x0) / (x1 - x0), (y - y0) / (y1 - y0)


PLACES = [
    ((120, 90), (56, 42)),
    ((40, 30), (80, 64)),
    ((150, 40), (70, 70)),
    ((30, 200), (84, 56)),
    ((56, 42), (56, 42)),
]


@pytest.mark.parametrize(("size", "canvas"), PLACES)
def test_smooth_answers_come_back_where_they_belong(size, canvas):
    where = placement(size, canvas)
    u, v = on_canvas(where)
    x, y = on_photo(size)
    step = 1 / min(*size, where.box[2] - where.box[0], where.box[3] - where.box[1])
    inner = (np.minimum(x, 1 - x) > step) & (np.minimum(y, 1 - y) > step)  # borders are repeated, not continued
    ramp = depth(2 + u + 3 * v)
    back = restore(ramp, where)
    assert back.size == size and back.confidence.shape == back.values.shape
    assert back.valid.all()
    np.testing.assert_allclose(back.values[inner], (2 + x + 3 * y)[inner], rtol=0.005 + step)
    alpha = Alpha(alpha=np.stack([u, v]).clip(0, 1).astype(np.float32), names=("a", "b"), confidence=ramp.confidence)
    seen = restore(alpha, where)
    np.testing.assert_allclose(seen.alpha[0][inner], x[inner], atol=1e-3)
    np.testing.assert_allclose(seen.alpha[1][inner], y[inner], atol=1e-3)
    np.testing.assert_allclose(seen.confidence, 0.8, atol=1e-6)


@pytest.mark.parametrize(("size", "canvas"), PLACES)
def test_labels_are_those_of_the_nearest_pixel(size, canvas):
    where = placement(size, canvas)
    u, v = on_canvas(where)
    x, y = on_photo(size)
    cells = np.where((u < 0) | (u > 1) | (v < 0) | (v > 1), 9, np.floor(3 * u) + 3 * np.floor(3 * v)).astype(np.int16)
    wanted = (np.floor(3 * x) + 3 * np.floor(3 * y)).astype(int)
    scale = 1 / min(where.box[2] - where.box[0], where.box[3] - where.box[1])
    clear = (np.abs(np.stack([x, y])[..., None] - [1 / 3, 2 / 3]) > scale).all((0, -1))
    labels = Labels(ids=cells, classes=tuple("abcdefghij"), confidence=sure(*cells.shape))
    back = restore(labels, where)
    assert np.array_equal(back.ids[clear], wanted[clear])
    assert set(np.unique(back.ids)) <= set(range(9)), "no class of the padding, none that lies between two numbers"
    assert back.ids.dtype == np.int16
    panoptic = Panoptic(
        ids=cells, classes=labels.classes, confidence=labels.confidence, segments=cells.astype(np.int32),
        segment_labels=np.arange(9), segment_scores=np.ones(9, np.float32),
    )  # fmt: skip
    assert np.array_equal(restore(panoptic, where).segments, back.ids)


def test_soft_labels_follow_their_probabilities():
    where = placement((40, 40), (8, 8))
    share = np.repeat(np.linspace(0, 1, 8, dtype=np.float32)[None], 8, 0)
    ids = (share > 0.5).astype(np.int16)
    ids[:, 0] = -1
    labels = Labels(ids=ids, classes=("a", "b"), confidence=sure(8, 8), probabilities=np.stack([1 - share, share], -1))
    back = restore(labels, where)
    assert back.probabilities.shape == (40, 40, 2)
    np.testing.assert_allclose(back.probabilities.sum(-1), 1, atol=1e-5)
    assert (back.ids[:, :5] == -1).all()
    assert np.array_equal(back.ids[:, 5:], back.probabilities[:, 5:].argmax(-1))


@pytest.mark.parametrize("with_photo", [True, False])
@settings(max_examples=40)
@given(data=st.data())
def test_at_a_jump_depth_is_one_side_or_the_other(with_photo, data):
    size, canvas = (data.draw(st.tuples(st.integers(12, 90), st.integers(12, 90))) for _ in range(2))
    where = placement(size, canvas)
    assume(min(where.box[2] - where.box[0], where.box[3] - where.box[1]) >= 6)
    slant, at = data.draw(st.floats(-0.4, 0.4)), data.draw(st.floats(0.3, 0.7))
    u, v = on_canvas(where)
    x, y = on_photo(size)
    far = x + slant * y > at
    photo = np.where(far[..., None], (40, 90, 200), (220, 120, 30)).astype(np.uint8)
    back = restore(depth(np.where(u + slant * v > at, 9.0, 1.0)), where, photo if with_photo else None)
    off = np.minimum(np.abs(back.values - 1.0) / 1.0, np.abs(back.values - 9.0) / 9.0)
    assert off.max() < 0.05
    near_edge = np.abs(x + slant * y - at) < 2.1 / min(where.box[2] - where.box[0], where.box[3] - where.box[1])
    assert np.array_equal(back.values[~near_edge] > 5, far[~near_edge])


def test_a_jump_lies_where_the_photo_has_its_edge():
    size = (80, 40)
    photo = np.full((40, 80, 3), 20, np.uint8)
    photo[:, 43:] = 230  # the canvas's pixels are 8 wide: its own edge is at 40 or 48
    where = placement(size, (10, 5))
    painted = depth(np.where(np.arange(10) >= 5, 9.0, 1.0)[None].repeat(5, 0))
    back = restore(painted, where, photo)
    edge = (back.values > 5).argmax(1)
    assert np.abs(edge - 43).max() <= 1
    assert ((restore(painted, where).values > 5).argmax(1) == 40).all()


def test_depth_without_an_answer_stays_without():
    where = placement((60, 60), (20, 20))
    valid = np.ones((20, 20), bool)
    valid[:8] = False
    values = np.full((20, 20), 4.0)
    values[:8] = np.nan
    back = restore(depth(values, valid), where, np.full((60, 60, 3), 99, np.uint8))
    assert not back.valid[:24].any() and back.valid[24:].all()
    assert np.isinf(back.values[:24]).all()
    np.testing.assert_allclose(back.values[24:], 4.0, rtol=1e-6)
    nothing = restore(depth(values, np.zeros((20, 20), bool)), where)
    assert not nothing.valid.any() and np.isinf(nothing.values).all()


@pytest.mark.parametrize(("size", "canvas"), PLACES)
def test_normals_are_unit_vectors_again(size, canvas):
    where = placement(size, canvas)
    u, v = on_canvas(where)
    tilt = 1.2 * (u.clip(0, 1) - 0.5)
    xyz = np.stack([np.sin(tilt), np.zeros_like(u), np.cos(tilt)], -1).astype(np.float32)
    xyz[v > 0.5] = (0, 0, -1)  # opposite to the middle of the upper half: a mean would vanish
    normals = Normals(xyz=xyz, valid=np.ones(u.shape, bool), confidence=sure(*u.shape))
    back = restore(normals, where)
    np.testing.assert_allclose(np.linalg.norm(back.xyz, axis=-1), 1, atol=1e-5)
    x, y = on_photo(size)
    upper = (y < 0.4) & (np.abs(x - 0.5) < 0.4)
    angle = np.degrees(np.arctan2(back.xyz[..., 0], back.xyz[..., 2]))
    np.testing.assert_allclose(angle[upper], np.degrees(1.2 * (x - 0.5))[upper], atol=1.0)


def test_where_opposite_normals_cancel_the_nearest_one_is_taken():
    xyz = np.zeros((10, 10, 3), np.float32)
    xyz[:5, :, 2], xyz[5:, :, 2] = 1, -1
    normals = Normals(xyz=xyz, valid=np.ones((10, 10), bool), confidence=sure(10, 10))
    back = restore(normals, placement((15, 15), (10, 10)))  # the middle row lies between the two halves
    np.testing.assert_allclose(np.abs(back.xyz[..., 2]), 1, atol=1e-5)


def test_boxes_and_masks_come_back_exactly():
    where = placement((200, 100), (60, 60))  # the photo lies at (0, 15, 60, 45), 0.3 canvas pixels a photo pixel
    boxes = [(6, 21, 30, 33), (0, 0, 60, 60)]
    back = restore(things(boxes, np.stack([mask((60, 60), b) for b in boxes])), where)
    np.testing.assert_allclose(back.boxes, [(20, 20, 100, 60), (0, 0, 200, 100)], atol=1e-4)
    assert back.masks.shape == (2, 100, 200)
    wanted = mask((200, 100), (20, 20, 100, 60))
    assert (back.masks[0] != wanted).sum() <= 4 * 4, "its corners are rounded, by less than a canvas pixel"
    assert back.masks[1].all()


def test_things_on_the_padding_are_none_of_the_photos():
    where = placement((200, 100), (60, 60))
    boxes = [(5, 2, 20, 14), (6, 21, 30, 33), (0, 46, 60, 60)]
    masks = np.stack([mask((60, 60), b) for b in boxes])
    for given_masks in (masks, None):
        back = restore(things(boxes, given_masks, labels=[0, 1, 0], scores=[0.9, 0.8, 0.7]), where)
        assert len(back) == len(back.boxes) == 1
        assert (back.labels.tolist(), back.scores.tolist()) == ([1], [pytest.approx(0.8)])
    assert len(restore(things([], np.zeros((0, 60, 60), bool)), where).masks) == 0


def test_points_come_back_exactly_and_the_unseen_stay_unseen():
    where = placement((100, 50), (200, 200))
    body = Keypoints(
        xy=np.array([[20, 70], [100, 100], [np.nan, np.nan]], np.float32),
        visible=np.array([True, True, False]),
        names=("a", "b", "c"),
        scores=np.ones(3, np.float32),
        confidence=sure(200, 200),
    )
    back = restore(body, where)
    assert back.xy[:2].tolist() == [[10, 10], [50, 25]]
    assert np.isnan(back.xy[2]).all()
    assert back.size == (100, 50)


def test_points_painted_on_the_padding_are_not_seen():
    where = placement((100, 50), (200, 200))  # the photo lies at (0, 50, 200, 150), 2 canvas pixels a photo pixel
    body = Keypoints(
        xy=np.array([[20, 49], [20, 51], [199, 151], [200, 150]], np.float32),
        visible=np.ones(4, bool),
        names=("above", "top", "below", "corner"),
        scores=np.full(4, 0.9, np.float32),
        confidence=sure(200, 200),
    )
    back = restore(body, where)
    assert back.visible.tolist() == [False, True, False, True]
    assert back.scores.tolist() == pytest.approx([0, 0.9, 0, 0.9])
    assert back.xy[[1, 3]].tolist() == [[10, 0.5], [100, 50]]
    assert np.isnan(back.xy[[0, 2]]).all()


def test_what_has_no_pixel_of_the_photo_is_dropped_wholly():
    """A canvas of 60 x 60 for a photo of 6 x 6: a speck of 3 x 3 fills a tenth of one of its pixels."""
    where = placement((6, 6), (60, 60))
    boxes = [(0, 0, 30, 30), (31, 31, 34, 34)]
    back = restore(things(boxes, np.stack([mask((60, 60), b) for b in boxes]), scores=[0.5, 0.9]), where)
    assert (len(back), back.boxes.tolist(), back.scores.tolist()) == (1, [[0, 0, 3, 3]], [0.5])
    assert len(restore(things(boxes, None), where)) == 2, "a box needs no pixel"
    numbers = mask((60, 60), (31, 31, 34, 34)) * 1 + mask((60, 60), (0, 0, 30, 30)) * 2
    segments = Panoptic(
        ids=np.minimum(numbers, 1).astype(np.int16) - 1,
        classes=("cup",),
        segments=numbers.astype(np.int32),
        segment_labels=np.array([0, 0]),
        segment_scores=np.array([0.9, 0.5], np.float32),
        confidence=sure(60, 60),
    )
    back = restore(segments, where)
    assert back.segments.tolist() == [[1, 1, 1, 0, 0, 0]] * 3 + [[0] * 6] * 3
    assert (back.segment_labels.tolist(), back.segment_scores.tolist()) == ([0], [0.5])


def test_an_answer_at_another_size():
    values = np.array([[1, 1, 5, 5], [1, 1, 5, 5]], np.float32)
    half = depth(values).resized(2, 1)
    assert (half.size, half.values.tolist(), half.confidence.shape) == ((2, 1), [[1, 5]], (1, 2))
    body = Keypoints(
        xy=np.array([[0.5, 0.5], [4, 2]], np.float32),
        visible=np.array([True, True]),
        names=("a", "b"),
        scores=np.ones(2, np.float32),
        confidence=sure(2, 4),
    )
    assert body.resized(8, 8).xy.tolist() == [[1, 2], [8, 8]]  # the middle of the first pixel; the far corner
    found = things([(1, 0, 3, 2)], mask((4, 2), (1, 0, 3, 2))[None], (4, 2)).resized(8, 4)
    assert (found.boxes.tolist(), found.masks.shape) == ([[2, 0, 6, 4]], (1, 4, 8))
    assert np.array_equal(found.masks[0], mask((8, 4), (2, 0, 6, 4)))
    ids = Labels(ids=np.array([[0, 1]], np.int16), classes=("a", "b"), confidence=sure(1, 2)).resized(4, 2)
    assert ids.ids.tolist() == [[0, 0, 1, 1]] * 2
    with pytest.raises(UsageError, match="at least 1 x 1 pixels, not 0 x 5"):
        depth(values).resized(0, 5)


def test_an_unknown_kind_is_refused():
    odd = Prediction(confidence=sure(4, 4))
    with pytest.raises(TypeError, match="Prediction"):
        restore(odd, placement((4, 4), (4, 4)))


@pytest.mark.parametrize(("size", "canvas"), PLACES)
def test_what_was_placed_is_restored(size, canvas):
    """A photo's own brightness, read off the canvas as if it were an answer."""
    x, y = on_photo(size)
    photo = np.repeat((40 + 80 * x + 90 * y).astype(np.uint8)[..., None], 3, -1)
    where = placement(size, canvas)
    shown = place(photo, where)
    back = restore(depth(shown[..., 0]), where, photo)
    step = max(80 / (where.box[2] - where.box[0]), 90 / (where.box[3] - where.box[1]))  # levels a canvas pixel
    np.testing.assert_allclose(back.values, photo[..., 0], atol=2 + 0.75 * step)
    assert np.abs(back.values - photo[..., 0]).mean() < 2
