"""Overlays: every kind can be drawn, at any size, with any names; and what is drawn is where it should be."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from plantain.output import drawing, panels
from plantain.output.show import LEAST_SIDE, MOST_SIDE, drawn, overlay, png_bytes
from plantain.output.skeleton import BONES, bones
from plantain.predictions.types import KINDS, Alpha, Depth, Edges, Instances, Keypoints, Labels, Normals, Panoptic
from scenes import things


def answers(height=60, width=80):
    """One of each kind, its left half unlike its right half."""
    sure = np.full((height, width), 0.9, np.float32)
    right = np.zeros((height, width), bool)
    right[:, width // 2 :] = True
    ids = right.astype(np.int16)
    return {
        "metric": Depth(values=np.where(right, 9, 1).astype(np.float32), valid=sure > 0, confidence=sure),
        "affine": Depth(
            values=np.where(right, 9, 1).astype(np.float32), valid=sure > 0, confidence=sure, scale="affine"
        ),
        "normals": Normals(
            xyz=np.where(right[..., None], (0, 1, 0), (0, 0, 1)).astype(np.float32), valid=sure > 0, confidence=sure
        ),
        "labels": Labels(
            ids=ids, classes=("wall", "floor", "sky"), confidence=sure, colors=((255, 0, 0), (0, 0, 255), (0, 255, 0))
        ),
        "panoptic": Panoptic(
            ids=ids,
            classes=("wall", "cup"),
            confidence=sure,
            segments=ids.astype(np.int32),
            segment_labels=np.array([1]),
            segment_scores=np.ones(1, np.float32),
        ),
        "instances": Instances(
            boxes=np.array([[width // 2, 0, width, height]], np.float32),
            labels=np.array([0]),
            classes=("cup",),
            scores=np.array([0.5], np.float32),
            masks=right[None],
            confidence=sure,
        ),
        "keypoints": Keypoints(
            xy=np.array([[width * 0.25, height / 2], [width * 0.75, height / 2], [np.nan, np.nan]], np.float32),
            visible=np.array([True, True, False]),
            names=("left hip", "left knee", "left ankle"),
            scores=np.ones(3, np.float32),
            confidence=sure,
        ),
        "mask": Alpha(alpha=right[None].astype(np.float32), names=("mug",), confidence=sure, presence={"mug": 0.9}),
        "masks": Alpha(alpha=np.stack([right, ~right]).astype(np.float32), names=("mug", "pan"), confidence=sure),
        "edges": Edges(alpha=right[None].astype(np.float32), names=("edge",), confidence=sure),
    }


def test_every_kind_has_a_drawing():
    assert {*KINDS.values(), Edges} == set(drawing.DRAWINGS)


@pytest.mark.parametrize("size", [(60, 80), (1, 1), (3, 2), (400, 9), (9, 400), (700, 2500)])
@pytest.mark.parametrize("name", answers())
def test_every_kind_is_drawn_at_any_size(name, size):
    height, width = size
    photo = np.full((height, width, 3), 120, np.uint8)
    for given_photo in (photo, None):
        picture = overlay(answers(height, width)[name], given_photo)
        assert picture.mode == "RGB"
        assert picture.width >= panels.LEAST_WIDTH
        grown = round(max(size) * min(max(1, LEAST_SIDE / max(size)), MOST_SIDE / max(size)))
        assert grown <= max(picture.size) <= grown + 400


def halves(name, photo=None):
    """The middle rows of the drawing of a wide answer, cut into its left and its right half."""
    picture = np.asarray(overlay(answers(60, 80)[name], photo)).astype(float)
    middle = picture[200:220]
    return middle[:, 20:250].mean((0, 1)), middle[:, 310:540].mean((0, 1))


def test_near_is_yellow_and_far_is_blue():
    for name in ("metric", "affine"):
        near, far = halves(name)
        assert near[0] > 200 > 100 > near[2]
        assert far[2] > 100 > far[0]


def test_normals_have_the_usual_colors():
    to_camera, up = halves("normals")
    np.testing.assert_allclose(to_camera, [127.5, 127.5, 255], atol=2)
    np.testing.assert_allclose(up, [127.5, 255, 127.5], atol=2)


def test_labels_keep_the_colors_of_their_legend():
    red, blue = halves("labels")
    assert red[0] > red[2] + 100
    assert blue[2] > blue[0] + 100


def test_a_truth_is_drawn_in_the_colors_of_the_answer():
    """The truth says no colors, and names its classes in another order."""
    answer = answers(60, 80)["labels"]
    order = [2, 0, 1]
    truth = replace(
        answer,
        ids=np.array([*np.argsort(order), -1], np.int16)[answer.ids],
        classes=tuple(answer.classes[i] for i in order),
        colors=(),
    )
    drawn = np.asarray(overlay(truth, like=answer))[:400]
    np.testing.assert_array_equal(drawn, np.asarray(overlay(answer))[:400])
    assert not np.array_equal(np.asarray(overlay(truth))[:400], drawn)
    assert np.asarray(overlay(answers(60, 80)["metric"], like=answer)).size


def test_things_of_a_panoptic_painting_get_colors_that_can_be_told_apart():
    """They were painted in shades of one blue, (0, 0, 255) to (0, 0, 128)."""
    painted = Panoptic(
        ids=np.zeros((4, 4), np.int16),
        classes=("wall", "cup", "spoon"),
        colors=((255, 0, 0), (0, 0, 255), (0, 0, 240)),
        things=("cup", "spoon"),
        segments=np.zeros((4, 4), np.int32),
        segment_labels=np.zeros(0, np.int64),
        segment_scores=np.zeros(0, np.float32),
        confidence=np.ones((4, 4), np.float32),
    )
    wall, cup, spoon = (np.array(color, float) for color in drawing.colors_of(painted))
    assert wall.tolist() == [255, 0, 0]
    assert min(np.linalg.norm(cup - spoon), np.linalg.norm(wall - cup), np.linalg.norm(wall - spoon)) > 100


def test_what_was_cut_out_stays_as_it_is_and_the_rest_is_dark():
    photo = np.full((60, 80, 3), (200, 180, 160), np.uint8)
    rest, kept = halves("mask", photo)
    np.testing.assert_allclose(kept, [200, 180, 160], atol=2)
    assert rest.mean() < 130


def test_an_instance_is_drawn_inside_its_mask_only():
    photo = np.full((60, 80, 3), 100, np.uint8)
    rest, thing = halves("instances", photo)
    np.testing.assert_allclose(rest, 85, atol=2)
    assert np.ptp(thing) > 60


def test_points_and_bones_are_where_they_belong():
    picture = np.asarray(overlay(answers()["keypoints"], np.zeros((60, 80, 3), np.uint8)).convert("RGB"))
    for x in (140, 280, 420):  # a quarter, the middle (the bone), three quarters of 560
        np.testing.assert_allclose(picture[210, x + 3], drawing.LEFT, atol=3)
    assert not picture[100, :].any()


def test_low_confidence_is_said_in_another_color():
    def amber(picture):
        return bool((np.abs(np.asarray(picture).astype(int) - panels.WARN).max(-1) < 40).any())

    answer = answers()["normals"]
    assert not amber(overlay(answer))
    assert amber(overlay(replace(answer, confidence=np.full((60, 80), 0.2, np.float32))))


def test_depth_without_an_answer_has_no_bar():
    answer = answers()["metric"]
    nothing = replace(answer, valid=np.zeros((60, 80), bool), values=np.full((60, 80), np.nan, np.float32))
    assert overlay(nothing).height < overlay(answer).height
    assert np.ptp(np.asarray(overlay(nothing))[:400], axis=(0, 1)).max() == 0


def test_infinite_depth_is_drawn_as_no_answer():
    answer = answers()["metric"]
    values = answer.values.copy()
    values[:5] = np.inf
    assert overlay(replace(answer, values=values)).height > overlay(answer).height  # a line "no answer" more


NAMES = ["wall", "Straße", "日本語", "très élégant", "", " ", "a\nb", "x" * 300, "عربى", "🙂", "\ud7ff", "e\u0301"]


def test_any_name_can_be_written(monkeypatch):
    ids = np.arange(60 * 80).reshape(60, 80) % len(NAMES)
    labels = Labels(ids=ids, classes=tuple(NAMES), confidence=np.ones((60, 80), np.float32))
    overlay(labels)
    monkeypatch.setattr(panels, "SYSTEM_FONTS", ())
    overlay(labels)
    assert panels.lettering("Straße café 日", 20)[0] == "Strasse cafe [65E5]"


@settings(max_examples=60)
@given(st.text(max_size=60), st.integers(8, 30), st.integers(30, 400))
def test_shortened_text_fits(text, size, width):
    shown, font = panels.shortened(text, size, width)
    assert font.getlength(shown) <= max(width, font.getlength("..."))
    assert "\n" not in shown


def test_a_long_legend_is_counted_rather_than_endless():
    entries = [panels.Entry(f"class {i}", (i, i, i)) for i in range(200)]
    assert panels.legend(560, entries, 13).height < (panels.MOST_ROWS + 2) * 13 * 1.6
    assert panels.legend(560, entries[:3], 13).height < 60


@pytest.fixture
def written(monkeypatch):
    """Every text that is drawn, as it is drawn."""
    texts, shortened, lettering = [], panels.shortened, panels.lettering

    def kept(way):
        def of(*asked):
            drawn = way(*asked)
            texts.append(drawn[0])
            return drawn

        return of

    monkeypatch.setattr(panels, "shortened", kept(shortened))
    monkeypatch.setattr(panels, "lettering", kept(lettering))
    return texts


def test_the_directions_of_normals_are_not_cut(written):
    overlay(answers(375, 560)["normals"])
    assert "to the camera" in written
    assert not [text for text in written if text.endswith("...")]


def test_every_color_of_a_picture_of_sixty_classes_is_named(written):
    names = tuple(f"class number {i}" for i in range(60))
    ids = (np.arange(480 * 640) % 60).reshape(480, 640).astype(np.int16)
    overlay(Labels(ids=ids, classes=names, confidence=np.ones(ids.shape, np.float32)))
    assert set(names) <= set(written)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 70), st.integers(0, 12)), min_size=1, max_size=70),
    st.integers(panels.LEAST_WIDTH, 900),
    st.integers(12, 30),
)
def test_columns_of_a_legend_fill_its_width_and_no_more(lengths, width, size):
    entries = [panels.Entry("m" * name, (1, 2, 3), "9" * note) for name, note in lengths]
    rows, widths = panels._columns(entries, width, 20, size)
    assert sum(widths) == pytest.approx(width)
    assert 1 <= rows <= panels.MOST_ROWS
    assert rows == panels.MOST_ROWS or rows * len(widths) >= len(entries) > rows * (len(widths) - 1)


def test_classes_that_are_not_found_are_named_in_several_lines(written):
    names = ("wall", *(f"thing number {i}" for i in range(12)))
    ids = np.zeros((375, 560), np.int16)
    overlay(Labels(ids=ids, classes=names, confidence=np.ones(ids.shape, np.float32)))
    assert " ".join(written).count("thing number 11") >= 1
    assert not [text for text in written if text.endswith("...")]


def test_ticks_are_round_and_inside():
    for low, high, logarithmic in [(0.31, 0.33, False), (0, 80, False), (0.4, 190, True), (999, 1000, False)]:
        ticks = panels.nice_ticks(low, high, logarithmic)
        assert 3 <= len(ticks) <= 12
        assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)
    assert panels.nice_ticks(1, 1, False) == panels.nice_ticks(float("nan"), 1, False) == []


def test_bones_join_the_names_of_coco_and_lsp():
    from plantain.tasks import COCO_17

    assert len(bones(COCO_17)) == 7 * 2 + 5  # COCO draws 19 sticks
    names = {name for bone in BONES for name in bone}
    lsp = {"neck", "head top"} | {f"{s} {p}" for s in ("left", "right")
                                  for p in ("ankle", "knee", "hip", "wrist", "elbow", "shoulder")}  # fmt: skip
    assert lsp | set(COCO_17) == names


def test_a_notebook_shows_the_overlay():
    answer = answers()["metric"]
    raw = answer._repr_png_()
    assert raw == png_bytes(answer.show())
    assert Image.open(io.BytesIO(raw)).format == "PNG"


def test_things_of_one_class_have_shades_of_its_color():
    """Two people side by side: each half has one color, the other half another, and stuff keeps the legend's."""
    ids = np.zeros((60, 90), np.int16)
    ids[:, :60] = 1
    segments = np.zeros((60, 90), np.int32)
    segments[:, :30], segments[:, 30:60] = 1, 2
    seen = Panoptic(ids=ids, classes=("sky", "person"), colors=((0, 0, 255), (200, 100, 0)), segments=segments,
                    segment_labels=np.array([1, 1]), segment_scores=np.ones(2, np.float32), things=("person",),
                    confidence=np.ones((60, 90), np.float32), task="panoptic")  # fmt: skip
    picture = np.asarray(overlay(seen))
    first, second, sky = (tuple(picture[180, x].tolist()) for x in (90, 280, 470))
    assert len({first, second, sky}) == 3
    assert sky[2] > 2 * sky[0]


def test_only_things_that_count_are_drawn() -> None:
    """A thing of score .1 changes no pixel of the picture; the legend below says that it was left out."""
    clear, faint = [(5, 5, 25, 25)], [(30, 30, 55, 55)]
    photo = np.full((60, 60, 3), 90, np.uint8)
    one = drawn(things(clear, scores=[0.9]), photo, 60)
    both = drawn(things(clear + faint, scores=[0.9, 0.1]), photo, 60)
    assert np.array_equal(np.asarray(one[0]), np.asarray(both[0]))
    assert both[1] is not None and one[1] is not None and both[1].size != one[1].size
    seen = drawn(things(clear + faint, scores=[0.9, 0.5]), photo, 60)[0]
    assert not np.array_equal(np.asarray(one[0]), np.asarray(seen))
