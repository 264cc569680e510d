"""Tiles cover a photo and join without seams."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantain.imaging.geometry import place, placement
from plantain.imaging.tiles import Tile, quarters, tiles
from plantain.predictions.resample import restore
from plantain.predictions.tiles import blend, feather, look_again
from plantain.predictions.types import Alpha, Keypoints, Labels, Normals, Prediction
from scenes import depth, mask, on_photo, sizes, sure, things


@given(sizes, st.integers(1, 60), st.floats(0, 0.8))
def test_tiles_cover_the_photo_and_overlap(size, side, overlap):
    cut = tiles(size, side, overlap)
    covered = np.zeros(size[::-1], int)
    for tile in cut:
        x0, y0, x1, y1 = tile.box
        assert 0 <= x0 < x1 <= size[0] and 0 <= y0 < y1 <= size[1]
        assert (x1 - x0, y1 - y0) == (min(side, size[0]), min(side, size[1]))
        covered[y0:y1, x0:x1] += 1
    assert covered.min() >= 1
    assert len({tile.box for tile in cut}) == len(cut)
    for axis in (0, 1):
        starts = sorted({tile.box[axis] for tile in cut})
        shared = [side - (b - a) for a, b in pairwise(starts)]
        assert all(pixels >= min(overlap * side, side - 1) - 1e-6 for pixels in shared)


def test_a_tile_is_cut_out():
    photo = np.arange(5 * 6 * 3).reshape(5, 6, 3)
    part = Tile((1, 2, 4, 5)).cut(photo)
    assert part.shape == (3, 3, 3)
    assert np.array_equal(part[0, 0], photo[2, 1]) and np.array_equal(part[2, 2], photo[4, 3])


def test_a_feather_falls_only_at_borders_inside_the_photo():
    weights = feather((0, 0, 40, 40), (100, 40))
    assert weights.shape == (40, 40)
    assert (weights[:, :30] == 1).all()
    assert (np.diff(weights[5, 30:]) < 0).all() and weights[5, -1] < 0.06
    assert (feather((0, 0, 7, 9), (7, 9)) == 1).all()


def cut_up(size, side, answer_of):
    """Every tile of a photo with an answer made from the photo's coordinates (0..1) seen in it."""
    x, y = on_photo(size)
    made = []
    for number, tile in enumerate(tiles(size, side)):
        x0, y0, x1, y1 = tile.box
        made.append((tile, answer_of(x[y0:y1, x0:x1], y[y0:y1, x0:x1], number)))
    return made


SIZE = (130, 90)
PHOTO_X, PHOTO_Y = on_photo(SIZE)


def test_depth_tiles_are_brought_to_one_scale():
    truth = 2 + 5 * PHOTO_X + 3 * PHOTO_Y
    parts = cut_up(SIZE, 48, lambda x, y, i: depth((2 + 5 * x + 3 * y) * (0.6 + 0.2 * i)))
    assert len(parts) > 6
    joined = blend(parts, depth(truth))
    np.testing.assert_allclose(joined.values, truth, rtol=1e-4)
    assert joined.valid.all() and joined.size == SIZE


def test_relative_depth_tiles_are_brought_to_one_scale_and_shift():
    truth = 0.1 + 0.4 * PHOTO_X + 0.4 * PHOTO_Y**2
    parts = cut_up(SIZE, 48, lambda x, y, i: depth((0.1 + 0.4 * x + 0.4 * y**2) * (1 + i) - i, scale="affine"))
    joined = blend(parts, depth(truth, scale="affine"))
    np.testing.assert_allclose(joined.values, truth, atol=1e-4)
    assert joined.scale == "affine"


def test_tiles_add_detail_to_the_whole():
    """A coarse look at the whole gives the scale; the tiles give the fine structure; no seams between them."""
    waves = 0.3 * np.sin(60 * PHOTO_X)
    coarse = 4 + 3 * PHOTO_Y
    parts = cut_up(SIZE, 48, lambda x, y, i: depth((4 + 3 * y + 0.3 * np.sin(60 * x)) * (1 + 0.1 * (i % 3))))
    joined = blend(parts, depth(coarse))
    np.testing.assert_allclose(joined.values, coarse + waves, rtol=0.02)


def test_seams_are_soft_where_tiles_disagree():
    parts = [(tile, depth(np.full((40, 40), 5.0 + i))) for i, tile in enumerate(tiles((70, 40), 40))]
    flat = depth(np.full((40, 70), 5.5), np.zeros((40, 70), bool))  # knows nothing: no common scale
    row = blend(parts, flat).values[20]
    assert (row[0], row[-1]) == (5, 6)
    assert np.abs(np.diff(row)).max() < 0.2
    assert (np.diff(row) >= -1e-6).all()


def test_a_tile_without_an_answer_does_not_spoil_its_neighbour():
    left, right = tiles((70, 40), 40)
    blind = np.ones((40, 40), bool)
    blind[:, :15] = False
    junk = np.where(blind, 5.0, 999.0)
    joined = blend([(left, depth(np.full((40, 40), 5.0))), (right, depth(junk, blind))], depth(np.full((40, 70), 5.0)))
    np.testing.assert_allclose(joined.values[joined.valid], 5, rtol=1e-5)
    nothing = [(t, depth(np.full((40, 40), 7.0), np.zeros((40, 40), bool))) for t in (left, right)]
    assert not blend(nothing, depth(np.full((40, 70), 5.0))).valid.any()


def test_a_ramp_that_is_cut_decoded_and_blended_comes_back():
    photo = np.repeat((30 + 200 * PHOTO_X).astype(np.uint8)[..., None], 3, -1)
    canvas = (56, 42)

    def read(painted):  # a code by hand: a metre is 20 levels
        return depth(painted[..., 0] / 20)

    def answer(picture):
        where = placement(picture.shape[1::-1], canvas)
        return restore(read(place(picture, where)), where, picture)

    parts = [(tile, answer(tile.cut(photo))) for tile in tiles(SIZE, 60)]
    joined = blend(parts, answer(photo))
    np.testing.assert_allclose(joined.values, photo[..., 0] / 20, rtol=0.04)


def test_normals_of_tiles_are_unit_vectors():
    def normals(x, y, number):
        tilt = 1.5 * (x - 0.5) + (0.05 if number % 2 else -0.05)
        xyz = np.stack([np.sin(tilt), 0 * x, np.cos(tilt)], -1).astype(np.float32)
        valid = y > 0.2
        xyz[~valid] = 77
        return Normals(xyz=xyz, valid=valid, confidence=sure(*x.shape))

    joined = blend(cut_up(SIZE, 48, normals), normals(PHOTO_X, PHOTO_Y, 0))
    assert np.array_equal(joined.valid, PHOTO_Y > 0.2)
    xyz = joined.xyz[joined.valid]
    np.testing.assert_allclose(np.linalg.norm(xyz, axis=-1), 1, atol=1e-5)
    angle = np.arctan2(xyz[:, 0], xyz[:, 2])
    assert np.abs(angle - (1.5 * (PHOTO_X - 0.5))[joined.valid]).max() <= 0.051


def test_normals_of_a_blind_tile_do_not_turn_those_of_its_neighbour():
    left, right = tiles((70, 40), 40)
    up = np.broadcast_to(np.array([0, 1, 0], np.float32), (40, 40, 3))
    blind = np.ones((40, 40), bool)
    blind[:, :15] = False
    junk = np.where(blind[..., None], up, np.float32([1, 0, 0]))
    parts = [
        (left, Normals(xyz=up, valid=np.ones((40, 40), bool), confidence=sure(40, 40))),
        (right, Normals(xyz=junk, valid=blind, confidence=sure(40, 40))),
    ]
    whole = Normals(xyz=np.zeros((40, 70, 3), np.float32), valid=np.ones((40, 70), bool), confidence=sure(40, 70))
    joined = blend(parts, whole)
    np.testing.assert_allclose(joined.xyz[joined.valid][:, 1], 1, atol=1e-5)


def test_labels_of_tiles_are_voted_on():
    def labels(x, y, number):
        ids = (np.floor(3 * x) - (y > 0.8)).astype(np.int16)
        return Labels(ids=ids, classes=("a", "b", "c"), confidence=sure(*x.shape))

    whole = labels(PHOTO_X, PHOTO_Y, 0)
    parts = cut_up(SIZE, 48, labels)
    wrong = replace(parts[0][1], ids=np.full_like(parts[0][1].ids, 2), confidence=np.zeros((48, 48), np.float32))
    joined = blend([(parts[0][0], wrong), *parts], whole)  # one that says otherwise, without confidence
    assert np.array_equal(joined.ids, whole.ids)
    assert joined.ids.dtype == np.int16 and joined.ids.min() == -1
    assert joined.probabilities is None


def test_soft_masks_of_tiles_are_joined():
    def alpha(x, y, number):
        return Alpha(alpha=np.stack([x, y]).astype(np.float32), names=("x", "y"), confidence=sure(*x.shape))

    joined = blend(cut_up(SIZE, 48, alpha), alpha(PHOTO_X, PHOTO_Y, 0))
    np.testing.assert_allclose(joined.alpha, [PHOTO_X, PHOTO_Y], atol=1e-5)
    np.testing.assert_allclose(joined.confidence, 0.8, atol=1e-5)


def found_in(tile, boxes, with_masks, **more):
    """What somebody who sees only the tile finds of things that lie at `boxes` of the photo."""
    x0, y0, x1, y1 = tile.box
    own = np.array(boxes).clip((x0, y0, x0, y0), (x1, y1, x1, y1)) - (x0, y0, x0, y0)
    seen = [tuple(b) for b in own.tolist() if b[2] > b[0] and b[3] > b[1]]
    size = (x1 - x0, y1 - y0)
    masks = np.array([mask(size, b) for b in seen], bool).reshape(-1, *size[::-1]) if with_masks else None
    return things(seen, masks, size, **more)


@pytest.mark.parametrize("with_masks", [True, False])
def test_a_thing_on_a_seam_is_one_thing(with_masks):
    size = (100, 60)
    boxes = [(5, 5, 20, 20), (30, 10, 70, 50), (80, 30, 95, 55)]  # the middle one lies in both tiles
    parts = [(tile, found_in(tile, boxes, with_masks)) for tile in tiles(size, 64)]
    assert [len(part) for _, part in parts] == [2, 2]
    nothing = things([], np.zeros((0, 60, 100), bool) if with_masks else None, size)
    joined = blend(parts, nothing)
    assert sorted(joined.boxes.tolist()) == [list(b) for b in boxes]
    assert joined.labels.dtype.kind == "i" and len(joined.scores) == 3
    if with_masks:
        order = np.argsort(joined.boxes[:, 0])
        assert np.array_equal(joined.masks[order], np.stack([mask(size, b) for b in boxes]))


def test_things_larger_than_a_tile_come_from_the_whole():
    size, box = (100, 60), (2, 2, 98, 58)
    parts = [(tile, found_in(tile, [box], True, scores=[0.5])) for tile in tiles(size, 64)]
    whole = things([box], mask(size, box)[None], size, scores=[0.9])
    joined = blend(parts, whole)
    assert joined.boxes.tolist() == [list(box)]
    assert joined.scores.tolist() == [pytest.approx(0.9)]


@pytest.mark.parametrize("side", [64, 128, 160, 256])
@pytest.mark.parametrize("with_masks", [True, False])
@pytest.mark.parametrize("box", [(10, 40, 690, 60), (340, 4, 360, 296), (10, 10, 690, 290)])
def test_a_thing_longer_than_a_tile_is_one(box, side, with_masks):
    size, cup = (700, 300), (5, 5, 9, 9)
    parts = [(tile, found_in(tile, [box, cup], with_masks)) for tile in tiles(size, side)]
    joined = blend(parts, things([], np.zeros((0, 300, 700), bool) if with_masks else None, size))
    assert sorted(joined.boxes.tolist()) == sorted([list(box), list(cup)])
    if with_masks:
        assert np.array_equal(joined.masks[joined.boxes[:, 2].argmax()], mask(size, box))


@pytest.mark.parametrize("with_masks", [True, False])
def test_things_side_by_side_stay_apart(with_masks):
    """Two bars, and a row of cups that touch one another, over many tiles."""
    size = (700, 100)
    boxes = [(5, 10, 695, 30), (5, 32, 695, 50), *((x, 60, x + 20, 80) for x in range(0, 700, 20))]
    parts = [(tile, found_in(tile, boxes, with_masks)) for tile in tiles(size, 100)]
    joined = blend(parts, things([], np.zeros((0, 100, 700), bool) if with_masks else None, size))
    assert sorted(joined.boxes.tolist()) == sorted(map(list, boxes))


def test_two_things_that_the_whole_shows_as_one_stay_two():
    size, boxes, blob = (100, 60), [(4, 10, 20, 50), (22, 10, 38, 50)], (4, 10, 38, 50)
    parts = [(tile, found_in(tile, boxes, True)) for tile in tiles(size, 64)]
    joined = blend(parts, things([blob], mask(size, blob)[None], size, scores=[0.4]))
    assert sorted(joined.boxes.tolist()) == [list(map(float, b)) for b in boxes]


def test_a_thing_before_another_is_not_a_part_of_it():
    """The left tile finds who stands behind, the right one who stands before him; neither is cut."""
    size, behind, before = (120, 80), (38, 5, 78, 75), (46, 30, 66, 70)
    left, right = tiles(size, 84)
    parts = [(left, found_in(left, [behind], False)), (right, found_in(right, [before], False))]
    joined = blend(parts, things([], None, size))
    assert sorted(joined.boxes.tolist()) == [list(map(float, b)) for b in (behind, before)]


def test_what_the_whole_shows_is_told_once():
    size, boxes = (300, 60), [(4, 10, 40, 50), (100, 5, 260, 55)]
    parts = [(tile, found_in(tile, boxes, True, scores=None)) for tile in tiles(size, 64)]
    joined = blend(parts, things(boxes, np.stack([mask(size, b) for b in boxes]), size, scores=[0.3, 0.4]))
    assert sorted(joined.boxes.tolist()) == [list(map(float, b)) for b in boxes]


def test_things_of_two_classes_are_never_joined():
    size, box = (100, 60), (30, 10, 70, 50)
    left, right = tiles(size, 64)
    parts = [(left, found_in(left, [box], True, labels=[0])), (right, found_in(right, [box], True, labels=[1]))]
    joined = blend(parts, things([], np.zeros((0, 60, 100), bool), size))
    assert sorted(joined.labels.tolist()) == [0, 1]


def test_what_does_not_add_up_over_tiles_is_seen_at_once():
    body = Keypoints(
        xy=np.zeros((1, 2), np.float32), visible=np.array([True]), names=("a",), scores=np.ones(1, np.float32),
        confidence=sure(90, 130),
    )  # fmt: skip
    assert blend([(Tile((0, 0, 48, 48)), body)], body) is body


def test_an_unknown_kind_is_refused():
    with pytest.raises(TypeError, match="Prediction"):
        blend([], Prediction(confidence=sure(4, 4)))


# ---- the whole and parts of it, looked at again


def test_four_parts_overlap_and_reach_all_corners() -> None:
    parts = [tile.box for tile in quarters((101, 60), 0.6)]
    assert parts == [(0, 0, 61, 36), (40, 0, 101, 36), (0, 24, 61, 60), (40, 24, 101, 60)]


def test_a_second_look_averages_soft_masks_with_the_whole() -> None:
    size, one = (100, 60), np.ones((36, 60), np.float32)
    whole = Alpha(alpha=0 * sure(60, 100)[None], names=("cup",), confidence=sure(60, 100))
    parts = [(tile, Alpha(alpha=one[None], names=("cup",), confidence=one)) for tile in quarters(size, 0.6)]
    seen = look_again(parts, whole).alpha[0]
    assert seen[0, 0] == pytest.approx(1 / 2)  # a corner: one part, at full weight there, and the whole
    assert 1 / 2 < seen[30, 50] < 4 / 5  # the middle: four parts of less weight than the whole's
    assert seen.min() > 0


@pytest.mark.parametrize("with_masks", [True, False])
def test_a_second_look_finds_small_things_and_leaves_cut_ones_to_the_whole(with_masks) -> None:
    """The cup is seen in one part alone, the table is cut by every part, the plate is seen by all."""
    size, table, cup, plate = (200, 100), (10, 10, 190, 90), (20, 70, 30, 80), (90, 45, 110, 55)
    found = [(t, found_in(t, [table, plate, cup], with_masks)) for t in quarters(size, 0.6)]
    parts = [(t, replace(one, scores=np.float32([0.95, 0.7, 0.6])[: len(one)])) for t, one in found]
    masks = np.stack([mask(size, table), mask(size, plate)]) if with_masks else None
    seen = look_again(parts, things([table, plate], masks, size, scores=[0.8, 0.5]))
    assert [len(one) for _, one in parts] == [2, 2, 3, 2]
    assert seen.boxes.tolist() == [list(table), list(plate), list(cup)]
    assert seen.scores.tolist() == pytest.approx([0.8, 0.7, 0.6])
    if with_masks:
        assert np.array_equal(seen.masks, np.stack([mask(size, box) for box in (table, plate, cup)]))


def test_a_second_look_keeps_the_highest_presence() -> None:
    size = (100, 60)
    whole = replace(things([], None, size), presence={"cup": 0.1})
    shares = zip(quarters(size, 0.6), (0, 0.7, 0.2, 0), strict=True)
    parts = [(tile, replace(found_in(tile, [(0, 0, *size)], False), presence={"cup": share})) for tile, share in shares]
    assert look_again(parts, whole).presence == {"cup": 0.7}
