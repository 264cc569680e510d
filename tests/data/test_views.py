"""Views: crops, mirrors and sizes of a photo, and the same done to every truth, so that they stay true."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from plantain.data.views import View
from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Normals, Panoptic, Prediction

W, H = 40, 30
SURE = np.ones((H, W), np.float32)
LEFT = np.zeros((H, W), bool)
LEFT[:, : W // 2] = True
PLAIN, MIRROR = View((W, H)), View((W, H), mirror=True)
CROP = View((W, H), box=(0.5, 0.0, 1.0, 0.5))  # the upper right quarter, twice as large


def test_a_whole_view_is_the_photo_itself():
    rgb = np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)
    photo = Image.fromarray(rgb)
    assert np.array_equal(PLAIN.picture(photo), rgb)
    assert np.array_equal(MIRROR.picture(photo), rgb[:, ::-1])
    assert MIRROR.picture(photo).flags.c_contiguous
    assert np.array_equal(PLAIN.field(rgb), rgb)
    assert np.array_equal(MIRROR.field(LEFT), ~LEFT)


def test_a_crop_is_what_pillow_crops():
    rgb = np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)
    photo = Image.fromarray(rgb)
    cut = photo.crop((20, 0, 40, 15))
    bare = View((20, 15), box=(0.5, 0.0, 1.0, 0.5))
    assert np.array_equal(bare.picture(photo), np.asarray(cut))
    assert np.array_equal(bare.field(rgb), np.asarray(cut))
    doubled = np.asarray(cut.resize((W, H), Image.Resampling.NEAREST))
    assert np.array_equal(CROP.field(rgb), doubled)


shares = st.floats(0, 0.45)


@settings(max_examples=60)
@given(
    st.tuples(st.integers(4, 60), st.integers(4, 60)),
    st.tuples(shares, shares, shares, shares),
    st.booleans(),
    st.tuples(st.integers(0, W - 1), st.integers(0, H - 1)),
)
def test_points_and_maps_go_to_the_same_place(size, cut, mirror, at):
    view = View(size, (cut[0], cut[1], 1 - cut[2], 1 - cut[3]), mirror)
    column, row = at
    coordinates = np.stack(np.meshgrid(np.arange(W) + 0.5, np.arange(H) + 0.5), -1)
    seen = view.field(coordinates)
    assert seen.shape == (size[1], size[0], 2)
    x, y = view.points(np.array([[column + 0.5, row + 0.5]]), (W, H))[0]
    if 0 <= x < size[0] and 0 <= y < size[1]:
        found = seen[int(y), int(x)]
        step = (1 - cut[0] - cut[2]) * W / size[0], (1 - cut[1] - cut[3]) * H / size[1]  # photo pixels a view pixel
        assert abs(found[0] - column - 0.5) <= 1 + step[0]
        assert abs(found[1] - row - 0.5) <= 1 + step[1]


def test_points_by_hand():
    xy = np.array([[30.0, 7.5], [20.0, 0.0]])
    assert CROP.points(xy, (W, H)).tolist() == [[20, 15], [0, 0]]
    mirrored = View((W, H), box=CROP.box, mirror=True)
    assert mirrored.points(np.array([[25.0, 7.5]]), (W, H)).tolist() == [[30, 15]]


def test_a_mirror_swaps_the_words_left_and_right_only():
    names = ["left eye", "right eye", "bright left", "leftover", "cup", "right of the left one"]
    assert [MIRROR.name(n) for n in names] == [
        "right eye", "left eye", "bright right", "leftover", "cup", "left of the right one",
    ]  # fmt: skip
    assert [PLAIN.name(n) for n in names] == names
    assert [MIRROR.name(MIRROR.name(n)) for n in names] == names


def test_metric_depth_is_scaled_by_the_crop_and_relative_depth_is_not():
    depth = Depth(values=np.where(LEFT, 4, 8).astype(np.float32), valid=LEFT | True, confidence=SURE)
    assert (PLAIN.truth(depth).values[:, 0] == 4).all()
    assert (MIRROR.truth(depth).values[:, 0] == 8).all()
    assert (CROP.truth(depth).metres == 4).all(), "twice as large: as if the same camera stood at half the distance"
    relative = Depth(values=depth.values, valid=depth.valid, confidence=SURE, scale="affine")
    assert (CROP.truth(relative).relative == 8).all()


def test_a_mirror_turns_normals_round():
    xyz = np.broadcast_to(np.array([0.6, 0.48, 0.64], np.float32), (H, W, 3))
    normals = Normals(xyz=xyz, valid=LEFT, confidence=SURE)
    seen = MIRROR.truth(normals)
    np.testing.assert_allclose(seen.xyz, np.broadcast_to([-0.6, 0.48, 0.64], (H, W, 3)), atol=1e-6)
    assert np.array_equal(seen.valid, ~LEFT)
    assert seen.xyz.dtype == np.float32
    np.testing.assert_allclose(CROP.truth(normals).xyz, xyz)


def test_labels_and_their_names():
    labels = Labels(
        ids=LEFT.astype(np.int16) - 1,
        classes=("left shoe", "hat"),
        confidence=SURE,
        probabilities=np.stack([LEFT, ~LEFT], -1).astype(np.float32),
    )
    seen = MIRROR.truth(labels)
    assert seen.classes == ("right shoe", "hat")
    assert np.array_equal(seen.ids, (~LEFT).astype(np.int16) - 1)
    assert np.array_equal(seen.probabilities[..., 0], ~LEFT)
    assert CROP.truth(labels).ids.shape == (H, W)


def test_segments_go_with_their_labels():
    panoptic = Panoptic(
        ids=LEFT.astype(np.int16),
        classes=("a", "b"),
        confidence=np.ones((H, W), np.float32),
        segments=np.where(LEFT, 1, 0).astype(np.int32),
        segment_labels=np.array([1]),
        segment_scores=np.ones(1, np.float32),
    )
    seen = View((20, 14), mirror=True).truth(panoptic)
    assert seen.segments.shape == seen.ids.shape == (14, 20)
    assert np.array_equal(seen.segments, seen.ids)


def test_soft_masks_keep_thin_lines():
    line = np.zeros((1, H, W), np.float32)
    line[0, :, 10] = 1
    alpha = Alpha(alpha=line, names=("left line",), confidence=SURE)
    small = View((W // 4, H // 4), mirror=True).truth(alpha)
    assert small.names == ("right line",)
    assert small.alpha.shape == (1, H // 4, W // 4)
    assert (small.alpha[0].max(1) > 0.15).all()
    assert small.alpha[0].sum(1).argmax() >= 0 and int(small.alpha[0, 3].argmax()) == 7  # 9 - 10 // 4
    assert small.alpha.min() >= 0 and small.alpha.max() <= 1


def things():
    masks = np.zeros((3, H, W), bool)
    masks[0, 2:10, 25:35] = True  # in the upper right quarter
    masks[1, 20:28, 4:12] = True  # in the lower left one
    masks[2, 5, 22] = True  # a speck
    return Instances(
        boxes=np.array([[25, 2, 35, 10], [4, 20, 12, 28], [22, 5, 23, 6]], np.float32),
        labels=np.array([0, 1, 1]),
        classes=("left hand", "cup"),
        scores=np.array([0.9, 0.8, 0.7], np.float32),
        masks=masks,
        confidence=SURE,
    )


def test_things_that_are_seen_keep_their_masks_boxes_and_rows():
    seen = CROP.truth(things())
    assert seen.boxes.tolist() == [[10, 4, 30, 20], [4, 10, 6, 12]]
    assert (seen.labels.tolist(), seen.scores.tolist()) == ([0, 1], pytest.approx([0.9, 0.7]))
    assert seen.masks.shape == (2, H, W)
    assert seen.masks[0, 4:20, 10:30].all() and seen.masks[0].sum() == 16 * 20
    mirrored = MIRROR.truth(things())
    assert mirrored.boxes.tolist() == [[5, 2, 15, 10], [28, 20, 36, 28]], "the speck of one pixel is left out"
    assert mirrored.classes == ("right hand", "cup")
    empty = View((8, 8), box=(0.0, 0.0, 0.2, 0.2)).truth(things())
    assert len(empty) == 0 and empty.masks.shape == (0, 8, 8) and empty.boxes.shape == (0, 4)
    assert len(View((8, 8)).truth(empty)) == 0


def test_joints_outside_the_view_are_not_seen():
    body = Keypoints(
        xy=np.array([[30, 7.5], [5, 5], [np.nan, np.nan]], np.float32),
        visible=np.array([True, True, False]),
        names=("left eye", "nose", "right eye"),
        scores=np.ones(3, np.float32),
        confidence=SURE,
    )
    seen = CROP.truth(body)
    assert seen.visible.tolist() == [True, False, False]
    np.testing.assert_allclose(seen.xy[0], [20, 15])
    assert np.isnan(seen.xy[1:]).all()
    mirrored = MIRROR.truth(body)
    assert mirrored.names == ("right eye", "nose", "left eye")
    np.testing.assert_allclose(mirrored.xy[:2], [[10, 7.5], [35, 5]])


def test_what_has_no_view_is_refused():
    with pytest.raises(TypeError, match="no view of Prediction"):
        PLAIN.truth(Prediction(confidence=SURE))
