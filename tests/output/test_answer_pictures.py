"""Answers as pictures: read again by Pillow, and by the reader of people's own sets."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from output.test_save import MASKS, PHOTO, SURE, depth, labels, panoptic, things
from plantain.data.readers.folder import read_labels
from plantain.errors import UsageError
from plantain.output.drawing import colors_of
from plantain.predictions.types import Alpha, Edges, Normals

SOFT = np.linspace(0, 1, 48, dtype=np.float32).reshape(6, 8)


def alpha(*planes, task="refer", kind=Alpha):
    names = tuple(f"thing {i}" for i in range(len(planes)))
    return kind(alpha=np.stack(planes).astype(np.float32), names=names, confidence=SURE, task=task, stem="a")


def pixels(path):
    with Image.open(path) as image:
        return image.mode, np.array(image)


def test_a_mask_is_black_and_white_at_the_photos_size(tmp_path):
    path = alpha(SOFT).save(tmp_path, format="mask")["mask"]
    assert path.name == "a.refer.mask.png"
    mode, seen = pixels(path)
    assert (mode, seen.dtype) == ("L", np.uint8)
    assert np.array_equal(seen, np.where(SOFT > 0.5, 255, 0))


@pytest.mark.parametrize(("task", "kind"), [("matte", Alpha), ("edges", Edges)])
def test_mattes_and_edges_keep_their_shades(tmp_path, task, kind):
    path = alpha(SOFT, task=task, kind=kind).save(tmp_path / "x.png", format="mask")["mask"]
    assert np.array_equal(pixels(path)[1], np.round(SOFT * 255))


def test_several_masks_are_several_files(tmp_path):
    written = alpha(*MASKS).save(tmp_path, format="mask")
    assert [written[f"mask.{i}"].name for i in (1, 2)] == ["a.refer.mask.1.png", "a.refer.mask.2.png"]
    assert all(np.array_equal(pixels(written[f"mask.{i + 1}"])[1] > 0, MASKS[i]) for i in (0, 1))
    assert len(list(tmp_path.glob("*.mask.*"))) == 2


def test_a_cutout_is_the_photo_with_its_mask_as_opacity(tmp_path):
    mode, seen = pixels(alpha(SOFT, task="matte").save(tmp_path, PHOTO, format="cutout")["cutout"])
    assert mode == "RGBA"
    assert np.array_equal(seen[..., :3], PHOTO)
    assert np.array_equal(seen[..., 3], np.round(SOFT * 255))
    with pytest.raises(UsageError, match="made of the photo"):
        alpha(SOFT).save(tmp_path / "none", format="cutout")
    with pytest.raises(UsageError, match="wanted equal"):
        alpha(SOFT).save(tmp_path / "none", PHOTO[:3], format="cutout")
    assert not list((tmp_path / "none").glob("*"))


@pytest.mark.parametrize("made", [labels, panoptic])
def test_class_numbers_have_the_colors_of_the_overlay_and_names_beside_them(tmp_path, made):
    path = made().save(tmp_path, format="labels")["labels"]
    mode, seen = pixels(path)
    assert mode == "P"
    assert np.array_equal(np.where(seen == 255, -1, seen.astype(int)), made().ids)
    with Image.open(path) as image:
        shown = np.array(image.convert("RGB"))
    assert tuple(shown[0, 0]) == colors_of(made())[0]
    beside = json.loads(path.with_suffix(".json").read_text())
    assert (beside["classes"], beside["none"]) == (["wall", "floor", "bed", "sky"], 255)
    (tmp_path / "classes.txt").write_text("\n".join(beside["classes"]))
    assert np.array_equal(read_labels(path, tmp_path / "classes.txt").ids, made().ids)


def test_more_classes_than_a_byte_holds(tmp_path):
    many = labels(classes=tuple(f"c{i}" for i in range(300)))
    mode, seen = pixels(many.save(tmp_path, format="labels")["labels"])
    assert mode == "I;16"
    assert np.array_equal(np.where(seen == 65535, -1, seen.astype(int)), many.ids)


def test_things_are_numbered_the_surer_one_on_top(tmp_path):
    mode, seen = pixels(things().save(tmp_path, format="mask")["mask"])
    assert mode == "P"
    assert np.array_equal(seen == 1, MASKS[0])  # of the higher score
    assert np.array_equal(seen == 2, MASKS[1] & ~MASKS[0])
    with pytest.raises(UsageError, match="boxes only"):
        things(masks=None).save(tmp_path, format="mask")


def test_normals_and_disparity(tmp_path):
    up = Normals(xyz=np.float32([0, 1, 0]) * np.ones((6, 8, 1), np.float32), valid=SOFT > 0.5, confidence=SURE)
    seen = pixels(up.save(tmp_path, format="normals")["normals"])[1]
    assert tuple(seen[-1, -1]) == (128, 255, 128)
    assert not seen[0, 0].any()
    mode, near = pixels(depth().save(tmp_path, format="disparity")["disparity"])
    assert mode == "I;16"
    assert (near[0, 0], near[5, 7]) == (65535, 0)


def test_one_file_in_the_format_that_is_said(tmp_path):
    cloud = depth().save(tmp_path / "x.ply", PHOTO, fov_deg=60)
    assert list(cloud) == ["ply"]
    assert (tmp_path / "x.ply").read_bytes().startswith(b"ply")
    assert pixels(depth().save(tmp_path / "d.png", format="mm")["mm"])[1].max() == 8900  # the farthest that is valid
    assert "annotations" in json.loads(things().save(tmp_path / "x.json", format="coco")["coco"].read_text())
    with pytest.raises(UsageError, match=r"ends in \.ply"):
        depth().save(tmp_path / "y.png", format="ply", fov_deg=60)
    with pytest.raises(UsageError, match="needs the camera"):
        depth().save(tmp_path / "y.ply")
