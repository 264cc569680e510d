"""Things told apart by color: the paper's procedure by hand-made cases, and ours against damage."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageFilter
from scipy import ndimage

from plantain.codecs import blobs, palette
from plantain.predictions.boxes import boxes_around

HEIGHT, WIDTH = 180, 240
BLACK, PLUM = (0, 0, 0), (88, 50, 82)


def discs(count: int = 9, seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Masks of discs, later ones in front, each visible on more than 100 pixels."""
    rng = np.random.default_rng(seed)
    ys, xs = np.mgrid[:height, :width]
    owner = np.full((height, width), -1)
    for k in range(count):
        x, y, radius = rng.random() * width, rng.random() * height, rng.uniform(0.06, 0.14) * width
        owner[(xs - x) ** 2 + (ys - y) ** 2 < radius**2] = k
    masks = np.stack([owner == k for k in range(count)])
    return masks[masks.sum((1, 2)) > 100]


def quality(found: blobs.Found, masks: np.ndarray) -> float:
    """Panoptic quality: summed IoU of pairs above one half, over the mean of both counts (Kirillov et al., 2019)."""
    a, b = (m.reshape(len(m), masks[0].size).astype(float) for m in (found.masks, masks))
    both = a @ b.T
    iou = both / np.maximum(a.sum(1)[:, None] + b.sum(1) - both, 1)
    return float(iou[iou > 0.5].sum() / (0.5 * (len(a) + len(b))))


def noisy(sigma: float):
    return lambda rgb: np.clip(rgb + np.random.default_rng(7).normal(0, sigma, rgb.shape), 0, 255).astype(np.uint8)


def jpeg(rgb: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=75)
    return np.array(Image.open(file))


def blurred(rgb: np.ndarray) -> np.ndarray:
    return np.array(Image.fromarray(rgb).filter(ImageFilter.GaussianBlur(1.5)))


def drifted(rgb: np.ndarray) -> np.ndarray:
    """16 levels from left to right, opposite in red and blue."""
    slope = np.linspace(-8, 8, rgb.shape[1])[:, None] * [1, 0.5, -1]
    return np.clip(rgb + slope, 0, 255).astype(np.uint8)


DAMAGES = {"noise 8": noisy(8), "noise 16": noisy(16), "JPEG 75": jpeg, "blur": blurred, "drift": drifted}
DAMAGES["all"] = lambda rgb: jpeg(noisy(5)(drifted(blurred(rgb))))
FLOORS = {"noise 8": 0.97, "noise 16": 0.95, "JPEG 75": 0.85, "blur": 0.95, "drift": 0.97, "all": 0.85}


# ---- ours


@pytest.mark.parametrize("background", [BLACK, PLUM, (255, 255, 255)])
def test_exact_paintings_come_back(background) -> None:
    masks = discs()
    found = blobs.decode(blobs.encode(masks, palette.pick(len(masks), background), background), background)
    assert len(found.scores) == len(masks)
    assert quality(found, masks) > 0.99
    assert found.scores.min() > 0.9
    assert (np.diff(found.scores) <= 0).all()


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_paintings_are_read_and_better_than_by_the_paper(damage: str) -> None:
    ours, papers = [], []
    for seed in range(3):
        masks = discs(seed=seed)
        painted = DAMAGES[damage](blobs.encode(masks, palette.pick(len(masks), seed=seed)))
        ours.append(quality(blobs.decode(painted), masks))
        papers.append(quality(blobs.decode_paper(painted), masks))
    assert np.mean(ours) > FLOORS[damage]
    assert np.mean(ours) > np.mean(papers) - (0.005 if damage == "drift" else 0)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(2, 12))
def test_any_random_colors_come_back(seed: int, count: int) -> None:
    masks = discs(count, seed, 90, 120)
    if len(masks):
        painted = blobs.encode(masks, palette.pick(len(masks), seed=seed))
        assert quality(blobs.decode(painted), masks) > 0.95


def test_blur_makes_no_halos() -> None:
    # on the way from yellow to black lies olive, which is another thing's color
    painted = np.zeros((120, 160, 3), np.uint8)
    painted[20:100, 20:70], painted[30:60, 110:150] = (255, 255, 0), (128, 128, 0)
    found = blobs.decode(blurred(painted))
    assert len(found.scores) == 2
    areas = sorted(found.masks.sum((1, 2)).tolist())
    assert areas == pytest.approx([30 * 40, 80 * 50], rel=0.03)


def test_like_colors_far_apart_are_two_things() -> None:
    painted = np.zeros((200, 300, 3), np.uint8)
    painted[10:30, 10:30] = painted[170:190, 270:290] = (200, 40, 90)
    found = blobs.decode(painted)
    assert len(found.scores) == 2
    assert found.scores == pytest.approx([0.5, 0.5], abs=1e-3)  # a twin elsewhere takes half


@pytest.mark.parametrize(("red", "score"), [(16, 1 - np.exp(-1.6)), (20, 1 - np.exp(-2)), (40, 1 - np.exp(-4))])
def test_what_is_near_the_background_scores_less(red: int, score: float) -> None:
    painted = np.zeros((100, 150, 3), np.uint8)
    painted[20:80, 30:120, 0] = red
    (found,) = blobs.decode(painted).scores
    assert 0.96 * score < found <= score + 1e-6  # its averaged border is less pure
    painted[20:80, 30:120, 0] = 12  # nearer than that it is background that drifted
    assert len(blobs.decode(painted).scores) == 0


def test_what_a_pole_cuts_in_two_is_one_thing() -> None:
    painted = np.zeros((100, 150, 3), np.uint8)
    painted[20:80, 30:120] = (200, 40, 90)
    painted[:, 70:78] = 0
    assert len(blobs.decode(painted).scores) == 1


def test_touching_things_of_like_color_are_two() -> None:
    painted = np.zeros((100, 150, 3), np.uint8)
    painted[20:80, 30:75], painted[20:80, 75:120] = (200, 40, 90), (210, 44, 92)  # 11 levels: inside the paper's tau
    assert len(blobs.decode(painted).scores) == 2
    assert len(blobs.decode_paper(painted).scores) == 1


def test_a_shade_within_a_thing_is_no_step() -> None:
    painted = np.zeros((100, 150, 3), np.uint8)
    painted[20:80, 30:120, 0] = np.linspace(150, 190, 90)
    assert len(blobs.decode(painted).scores) == 1


def test_the_background_may_be_painted_a_little_off_and_drift() -> None:
    painted = np.full((100, 150, 3), (95, 44, 88), np.uint8)
    painted[:, 75:] = (91, 49, 84)
    painted[20:60, 20:60] = (12, 200, 30)
    assert len(blobs.decode(painted, PLUM).scores) == 1


def test_specks_are_no_things() -> None:
    painted = np.zeros((200, 300, 3), np.uint8)  # 2e-4 of it are 12 pixels
    painted[50:53, 50:53] = (255, 0, 0)
    assert len(blobs.decode(painted).scores) == 0
    painted[100:105, 50:55] = (255, 0, 0)
    assert blobs.decode(painted).masks.sum() == 25


def test_noise_alone_is_nothing_sure() -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    found = blobs.decode(rgb)
    assert found.masks.mean() < 0.1 or found.scores.max() < 0.5


@settings(max_examples=60)
@given(arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3))))
def test_any_picture_gives_disjoint_things(rgb: np.ndarray) -> None:
    for decode in (blobs.decode, blobs.decode_paper, blobs.decode_centers):
        found = decode(rgb)
        assert found.masks.shape == (len(found.scores), *rgb.shape[:2])
        assert found.colors.shape == (len(found.scores), 3)
        assert found.masks.sum(0).max(initial=0) <= 1
        assert found.masks.any((1, 2)).all()
        assert ((found.scores >= 0) & (found.scores <= 1)).all()


def test_memory_is_bounded_by_a_number_of_things() -> None:
    rng = np.random.default_rng(0)
    tiles = np.kron(rng.integers(0, 256, (40, 40, 3)), np.ones((6, 6, 1), int)).astype(np.uint8)
    for decode in (blobs.decode, blobs.decode_paper, blobs.decode_centers):
        assert len(decode(tiles).scores) <= 256


# ---- the paper's


def test_a_neighbor_joins_by_the_seeds_color_not_by_its_own_neighbors() -> None:
    ramp = np.zeros((40, 120, 3), np.uint8)
    ramp[10:30, 10:110, 1] = 100 + np.arange(100) // 2  # steps of one level, 49 in all
    found = blobs.decode_paper(ramp)
    # each component ends 14 levels above its seed: 100..114, 115..129, 130..144, 145..149; the means of the last two
    # are 137 and 147, within tau, and merge
    assert sorted(found.masks.sum((1, 2)).tolist()) == [600, 600, 800]


def test_a_pixel_belongs_to_the_background_below_tau() -> None:
    painted = np.zeros((20, 20, 3), np.uint8)
    painted[5:15, 5:15] = (13, 0, 0)
    assert len(blobs.decode_paper(painted).scores) == 0
    painted[5:15, 5:15] = (14, 0, 0)  # the paper's tau
    assert len(blobs.decode_paper(painted).scores) == 1


def test_sixteen_neighbors_reach_over_a_gap_of_one() -> None:
    stripes = np.zeros((31, 31, 3), np.uint8)
    stripes[8:23:2, 8:23] = (200, 0, 0)
    # knight's moves join the rows of a comb; erosion then takes all of it, so it is dropped as a halo
    assert len(blobs.decode_paper(stripes).scores) == 0
    stripes[8:22, 8:23] = (200, 0, 0)
    assert len(blobs.decode_paper(stripes).scores) == 1


def test_small_parts_and_thin_parts_are_dropped() -> None:
    painted = np.zeros((200, 300, 3), np.uint8)
    painted[50:53, 50:53] = (255, 0, 0)  # 9 pixels of 60,000: below 2e-4
    painted[100:102, :] = (0, 255, 0)  # nothing survives a 3 x 3 erosion
    assert len(blobs.decode_paper(painted).scores) == 0


@pytest.mark.parametrize(("gap", "count"), [(70, 1), (90, 2)])
def test_parts_merge_while_the_joint_box_is_at_most_five_times_both(gap: int, count: int) -> None:
    painted = np.zeros((40, 200, 3), np.uint8)  # squares of 10: 10 x (20 + gap) <= 5 x 200 means gap <= 80
    painted[10:20, 10:20] = painted[10:20, 20 + gap : 30 + gap] = (255, 0, 0)
    assert len(blobs.decode_paper(painted).scores) == count


def test_flood_fill_is_labeling_where_colors_are_flat() -> None:
    masks = discs(seed=4)
    painted = blobs.encode(masks, palette.pick(len(masks)))
    found = blobs.decode_paper(painted)
    assert quality(found, masks) > 0.999
    assert (found.scores == 1).all()
    assert ndimage.label(painted.any(-1), np.ones((3, 3)))[1] <= len(found.scores)


# ---- location colors


def test_centers_come_back() -> None:
    masks = discs()
    painted = blobs.encode_centers(masks)
    found = blobs.decode_centers(painted)
    assert len(found.scores) == len(masks)
    assert quality(found, masks) > 0.98
    for mask in masks:
        y, x = ndimage.center_of_mass(mask)
        expected = 255 * (x + 0.5) / WIDTH, 255 * (y + 0.5) / HEIGHT, 255
        assert np.abs(found.colors - expected).max(1).min() < 2


@pytest.mark.parametrize("sigma", [1.5, 3.0])
def test_blurred_centers_are_read_by_their_ratios(sigma: float) -> None:
    results = []
    for seed in range(4):
        masks = discs(6, seed)
        painted = Image.fromarray(blobs.encode_centers(masks)).filter(ImageFilter.GaussianBlur(sigma))
        results.append(quality(blobs.decode_centers(np.array(painted)), masks))
    assert np.mean(results) > 0.8


def test_a_faint_thing_keeps_its_place_and_loses_score() -> None:
    masks = discs(1)
    exact, faint = (blobs.decode_centers((blobs.encode_centers(masks) * s).astype(np.uint8)) for s in (1.0, 0.6))
    assert quality(faint, masks) > 0.98
    assert faint.scores[0] == pytest.approx(0.6 * exact.scores[0], abs=0.03)
    assert len(blobs.decode_centers((blobs.encode_centers(masks) * 0.4).astype(np.uint8)).scores) == 0


def test_wobbling_votes_are_one_thing() -> None:
    ys, xs = np.mgrid[:HEIGHT, :WIDTH]
    painted = blobs.encode_centers(((xs - 120) ** 2 + (ys - 90) ** 2 < 60**2)[None])
    wobble = (9 * np.sin(xs / 7) * np.cos(ys / 9)).astype(int)[..., None] * [1, 1, 0]
    painted = np.where(painted.any(-1, keepdims=True), np.clip(painted + wobble, 0, 255), 0).astype(np.uint8)
    assert len(blobs.decode_centers(painted).scores) == 1


def test_a_small_thing_before_a_large_ones_center_is_kept() -> None:
    ys, xs = np.mgrid[:HEIGHT, :WIDTH]
    large, small = (xs - 120) ** 2 + (ys - 90) ** 2 < 70**2, (xs - 130) ** 2 + (ys - 95) ** 2 < 12**2
    found = blobs.decode_centers(blobs.encode_centers(np.stack([large & ~small, small])))
    assert len(found.scores) == 2


def test_votes_outside_their_own_box_are_doubted() -> None:
    painted = np.zeros((100, 100, 3), np.uint8)
    painted[10:40, 10:40] = (230, 230, 255)
    assert blobs.decode_centers(painted).scores.tolist() == pytest.approx([0.3], abs=0.02)


def test_boxes_of_masks() -> None:
    masks = np.zeros((2, 10, 12), bool)
    masks[0, 2:5, 3:9] = True
    assert boxes_around(masks).tolist() == [[3, 2, 9, 5], [0, 0, 0, 0]]
